"""A process may end before, in and after any change of a file: the run goes on to the same bits.

After SQLite's way of testing (https://sqlite.org/testing.html): not at random times, but at the
first operation, the second, and so on. A process that ends leaves on the disk what was there before
the operation, so one undisturbed run tells all states that ends may leave; that it is so, is shown
with real processes.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import amounts
import pytest
from crashing import Point, Recoveries, begin, digest, distinct, go_on, still, untold
from disk import Disk, contents, lay

__all__ = ["still"]
pytestmark = pytest.mark.usefixtures("still")
Tell = Callable[[str, object], None]
PARTS = amounts.amount(1, 8)  # for several processes to share


@pytest.mark.torture
def test_ends_anywhere(tmp_path: Path, record_property: Tell) -> None:
    """Before and after each of the changes of three epochs, and within each write."""
    recoveries = Recoveries(tmp_path)
    found = recoveries.undisturbed()
    tried = amounts.some(distinct(found), 30)
    for point in tried:
        recoveries.of(point)

    assert len(found) > 120
    record_property("points where a run may end", len(found))
    record_property("states of the disk", len(distinct(found)))
    record_property("gone on from, to the same bytes", len(tried))


@pytest.mark.torture
@pytest.mark.parametrize("part", range(PARTS))
def test_recovery_ends_anywhere_too(part: int, tmp_path: Path, record_property: Tell) -> None:
    """And so may the process that goes on, also within its own writes.

    States that differ in nothing but what TensorBoard was told count once: no run reads that.
    """
    recoveries = Recoveries(tmp_path)
    firsts = distinct(recoveries.undisturbed())
    seen = {digest(untold(point.state)) for point in firsts}
    found, tried = 0, 0
    for first in amounts.some(amounts.share(firsts, part, PARTS), 5):
        again = [
            point
            for point in recoveries.of(first)
            if (mark := digest(untold(point.state))) not in seen and not seen.add(mark)
        ]
        found += len(again)
        for second in amounts.some(again, 8):
            recoveries.back(Point(f"{second.name} after {first.name}", second.state))
            tried += 1

    assert found >= tried > 0
    record_property("other states that a second end leaves", found)
    record_property("gone on from, to the same bytes", tried)


@pytest.mark.torture
def test_a_process_that_ends_leaves_these_states(tmp_path: Path, record_property: Tell) -> None:
    """A real one, ended by the kernel at an operation, leaves what was kept before it."""
    outputs = tmp_path / "outputs"
    seen: list[dict[str, bytes | None]] = []
    outputs.mkdir()
    with Disk(outputs, before=lambda _: seen.append(contents(outputs))).watched():
        begin(outputs)
    numbers = amounts.some(range(1, len(seen) + 1), 12)
    for number in numbers:
        shutil.rmtree(outputs)
        outputs.mkdir()
        end_at(outputs, number)

        assert unnumbered(contents(outputs)) == unnumbered(seen[number - 1]), number
    record_property("processes ended", len(numbers))


def end_at(outputs: Path, number: int) -> None:
    """Do the run in a process that ends at an operation."""
    child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137
        return
    try:
        disk = Disk(outputs)
        disk.before = lambda _: os._exit(137) if len(disk.done) == number - 1 else None
        with disk.watched():
            begin(outputs)
    finally:
        os._exit(1)


def unnumbered(state: dict[str, bytes | None]) -> dict[str, bytes | None]:
    """Without the numbers of processes, in names of temporary files and in the lock."""
    names = {
        ".".join(part for part in name.split(".") if not part.isdecimal()): name for name in state
    }
    return {short: None if name.endswith("lock") else state[name] for short, name in names.items()}


def test_no_change_goes_unseen(tmp_path: Path) -> None:
    """Python's own audit of what a run opens, renames and removes knows no more than this layer."""
    told: list[str] = []
    listening = True

    def hear(event: str, words: tuple[object, ...]) -> None:
        if listening and event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            path = Path(str(words[0]))
            vain = path.exists() == (event == "os.mkdir") and event != "open"
            writes = writing(words[1], words[2]) if event == "open" else not vain
            if writes and path.is_relative_to(tmp_path):
                told.append(event)

    sys.addaudithook(hear)  # there is no way to take it away
    disk = Disk(tmp_path)
    with disk.watched():
        begin(tmp_path)
    listening = False
    kinds = [operation.kind for operation in disk.done]

    assert told.count("open") == sum(kinds.count(kind) for kind in ("make", "open"))
    assert told.count("os.rename") == kinds.count("rename") > 10
    assert told.count("os.remove") == kinds.count("remove") > 0
    assert told.count("os.mkdir") == kinds.count("make folder") > 2


def writing(mode: object, flags: object) -> bool:
    """Whether a file is opened to be changed."""
    return bool(set(str(mode)) & set("wax+")) if mode else bool(int(str(flags)) & os.O_RDWR)


def test_a_run_without_a_config_is_begun_again(tmp_path: Path) -> None:
    """What an early end leaves: nothing to go on with, and nothing lost."""
    recoveries = Recoveries(tmp_path)
    bare = [p for p in recoveries.undisturbed() if not any("config.yaml" in n for n in p.state)]
    lay(bare[-1].state, recoveries.outputs)
    (left,) = recoveries.outputs.glob("runs/*")

    assert go_on(recoveries.outputs) == left
