"""The disk answers any operation with an error, once or from then on.

The run ends with the code of resources and names the file, or goes on without what is only a view;
what was saved before stays, and when the disk is well again the run goes on to the same bits.
"""

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import amounts
import pytest
import small_runs
from crashing import SHORT, Point, Recoveries, begin, digest, go_on, result, still
from disk import Disk, Fault, contents, lay

from vitpos import checkpoints, cli
from vitpos.errors import BadRun, NoResources
from vitpos.runs import RunFolder

__all__ = ["still"]
pytestmark = pytest.mark.usefixtures("still")
Tell = Callable[[str, object], None]
SAID = {
    errno.ENOSPC: "no space left",
    errno.EIO: "Input/output error",
    errno.EROFS: "read-only",
    errno.EDQUOT: "quota exceeded",
}
PARTS = amounts.amount(1, 8)
Work = Callable[[Path], Path]


@pytest.mark.torture
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["begins", "goes on"])
def test_an_error_of_the_disk_costs_nothing(
    kind: str, part: int, tmp_path: Path, record_property: Tell
) -> None:
    """Each errno at each operation of a run that begins, or that goes on after a crash."""
    trial = Trial(Recoveries(tmp_path), kind)
    tried = amounts.some(amounts.share([*trial.faults()], part, PARTS), 30)
    for fault in tried:
        trial.disturb(fault)
    for point in trial.left.values():
        trial.recoveries.back(point)

    assert trial.ended > trial.unharmed > 0
    record_property("errors of the disk", len(tried))
    record_property("runs that ended and named the file", trial.ended)
    record_property("runs that went on, to the same bytes", trial.unharmed)
    record_property("states gone on from, to the same bytes", len(trial.left))


class Trial:
    """One run under one error after another."""

    def __init__(self, recoveries: Recoveries, kind: str) -> None:
        self.recoveries, self.outputs = recoveries, recoveries.outputs
        recoveries.expected = numbers(recoveries.expected)
        self.start, self.work = Point("", {}), begin
        if kind == "goes on":
            self.start, self.work = middle(recoveries.undisturbed()), go_on
        lay(self.start.state, self.outputs)
        with Disk(self.outputs).watched() as disk:
            self.work(self.outputs)
        shutil.rmtree(self.outputs)
        self.operations = disk.done
        self.left: dict[int, Point] = {}  # by errors, to go on from
        self.ended = self.unharmed = 0

    def faults(self) -> Iterator[Fault]:
        """A disk that cannot be read says EIO; one that cannot be written says any."""
        for number, operation in enumerate(self.operations, start=1):
            for code in (errno.EIO,) if operation.kind == "read" else SAID:
                yield Fault(number, code)
                yield Fault(number, code, lasting=True)

    def disturb(self, fault: Fault) -> None:
        """Work under an error, and look what is said and left."""
        where = f"{errno.errorcode[fault.code]} at {fault.number}, lasting: {fault.lasting}"
        lay(self.start.state, self.outputs)
        disk = Disk(self.outputs, fault)
        try:
            with disk.watched(), saved() as steps:
                self.meet(fault, disk)
            safe(self.outputs, steps)
        except BaseException as error:
            error.add_note(f"{where}: {self.operations[fault.number - 1][:2]}")
            raise
        state = contents(self.outputs)
        self.left.setdefault(digest(state), Point(f"with {where}", state))
        shutil.rmtree(self.outputs)

    def meet(self, fault: Fault, disk: Disk) -> None:
        """Either the run ends and says why, or it comes to the same end."""
        try:
            path = self.work(self.outputs)
        except (NoResources, BadRun) as caught:
            error = caught
        else:
            assert numbers(result(path)) == self.recoveries.expected
            self.unharmed += 1
            return
        assert error.code == 5 or any(operation.kind == "read" for operation in disk.hit)
        assert str(self.outputs) in str(error)
        assert SAID[fault.code] in str(error)
        self.ended += 1


def numbers(found: Mapping[str, object]) -> Mapping[str, object]:
    """Without what is only a view, which a run goes on without."""
    return {name: value for name, value in found.items() if not name.startswith("positions/")}


def middle(found: Sequence[Point]) -> Point:
    """Where the second checkpoint was just written."""
    return next(p for p in found if any("step-00000004" in name for name in p.state))


@contextmanager
def saved() -> Iterator[list[int]]:
    """The steps of checkpoints that are reported as saved meanwhile."""
    steps, save = [0], checkpoints.save

    def told(folder: Path, step: int, *more: Any) -> None:
        save(folder, step, *more)
        steps.append(step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "save", told)
        yield steps


def safe(outputs: Path, steps: Sequence[int]) -> None:
    """The newest of these checkpoints is there, and whole."""
    for folder in outputs.glob("runs/*/checkpoints"):
        newest = checkpoints.load(folder, lambda note: None)

        assert (newest[0] if newest else 0) >= max(steps)


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("code", SAID)
def test_the_command_says_what_and_what_to_type(
    code: int,
    lasting: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Code 5, two lines, no traceback; then `vitpos resume` finishes the run."""
    words = ["train", *small_runs.TINY, *SHORT, f"outputs={tmp_path / 'outputs'}", "--quiet"]
    monkeypatch.setattr("sys.argv", ["vitpos", *words])
    number = of_a_checkpoint(tmp_path)
    disk = Disk(tmp_path, Fault(number, code, lasting=lasting))
    with disk.watched(), pytest.raises(SystemExit) as ended:
        cli.main()
    err = capfd.readouterr().err

    assert ended.value.code == 5
    assert err.startswith(f"error: cannot write {tmp_path / 'outputs' / 'runs'}/")
    assert SAID[code] in err.splitlines()[0]
    assert len(err.splitlines()) <= 2
    assert RunFolder(go_on(tmp_path / "outputs")).is_over()


def of_a_checkpoint(folder: Path) -> int:
    """The number of the operation that writes the first one."""
    with Disk(folder).watched() as disk:
        begin(folder / "before")
    named = (one.kind == "write" and "/checkpoints/.step" in one.path for one in disk.done)
    return 1 + [*named].index(True)
