"""Many processes at one place at once: one goes on, or each has a folder of its own."""

import errno
import fcntl
import os
import platform
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from amounts import amount
from forks import Child, ended, fork
from small_runs import Watch, _quick, compose, results, resume, train

from vitpos import experiment, outcome
from vitpos.runs import RunFolder

__all__ = ["_quick"]
AT_ONCE = 8


def pipe() -> tuple[int, int]:
    """Its end to read and its end to write."""
    return os.pipe()


def contend(path: Path, place: Path, whoever_has_it: Callable[[], None]) -> tuple[Child, list[str]]:
    """Eight go on with one run at once; who holds it, and what all others say as they are refused.

    Who has it does `whoever_has_it`, and goes on, once all others have ended.
    """
    held, told = pipe()
    closed, release = pipe()
    revive = experiment.revive

    def work() -> int:
        os.close(release)

        def wait(*args: object) -> object:
            os.write(told, b"x")
            os.read(closed, 1)
            whoever_has_it()
            return revive(*args)

        experiment.revive = wait
        return outcome.of(lambda: experiment.resume(path, Watch()) and None)

    children = [fork(place / f"said-{n}", work) for n in range(AT_ONCE)]
    codes = ended(children, AT_ONCE - 1)
    assert os.read(held, AT_ONCE) == b"x"
    assert set(codes.values()) == {8}, [child.text() for child in children]
    [winner] = [child for child in children if child.pid not in codes]
    for descriptor in (held, told, closed, release):
        os.close(descriptor)
    return winner, [child.text() for child in children if child is not winner]


def leave() -> None:
    """End at once, without having done anything."""
    os._exit(0)


@pytest.mark.torture
def test_one_of_eight_goes_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Exactly one has the run; the others end with 8 and say which process that is."""
    expected = results(train(tmp_path / "whole"))
    path = train(tmp_path / "runs", show=Watch(after=6))
    rounds = amount(4, 200)
    for _ in range(rounds):
        winner, said = contend(path, tmp_path, leave)

        for text in said:
            assert text.startswith(f"error: {path} is in use by process {winner.pid} on ")
            assert platform.node() in text
        assert winner.wait() == 0
    winner, _ = contend(path, tmp_path, lambda: None)  # and now it does go on
    assert winner.wait() == 0, winner.text()

    assert results(path) == expected
    record_property("rounds of eight", rounds)


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    """However it ends: within a second of a kill the run can be gone on with."""
    path = train(tmp_path / "runs", show=Watch(after=6))
    held, told = pipe()

    def hold() -> None:
        with RunFolder(path).locked():
            os.write(told, b"x")
            time.sleep(600)

    child = fork(tmp_path / "said", hold)
    os.read(held, 1)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL

    assert resume(path).steps[-1] == 12


@pytest.mark.torture
def test_starts_in_the_same_second_have_a_folder_each(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Fifty of the very same run: fifty folders, each whole."""
    rounds = amount(1, 20)
    for number in range(rounds):
        run = compose(tmp_path / str(number))
        closed, start = pipe()

        def work(run: object = run, closed: int = closed, start: int = start) -> None:
            os.close(start)
            os.read(closed, 1)
            print(RunFolder.create(run, ["seed=0"]).path)  # noqa: T201

        children = [fork(tmp_path / f"said-{n}", work) for n in range(50)]
        os.close(start)
        codes = ended(children, 50)
        os.close(closed)
        folders = {Path(child.text().strip()) for child in children}

        assert set(codes.values()) == {0}, [child.text() for child in children]
        assert len(folders) == 50
        assert all(RunFolder(path).run() == run for path in folders)
        assert set((tmp_path / str(number) / "runs").iterdir()) == folders
    record_property("rounds of fifty", rounds)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_a_disk_without_locks_is_told_once(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk: the run is done unguarded, and says so whenever it begins or goes on."""
    expected = results(train(tmp_path / "whole"))

    def flock(descriptor: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    show = Watch(after=6)
    path = train(tmp_path / "nfs", show=show)
    again = resume(path)

    assert results(path) == expected
    for notes in (show.notes, again.notes):
        assert [note for note in notes if "disk without locks" in note] == [
            f"{path} is on a disk without locks: let no other process go on with it"
        ]
