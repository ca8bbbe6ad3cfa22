"""Folders that were moved, copied, are called oddly, may not be written, or are gone."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from forks import command, fork, without_privileges
from run_folders import call
from small_runs import TINY, Watch, _quick, results, resume, train

from vitpos import experiment
from vitpos.errors import Interrupted, Paused
from vitpos.terminal import screen

__all__ = ["_quick"]
NAMES = (
    "two words",
    "it's",
    'say "no"',
    "$HOME",
    "`id`",
    "*",
    "ümläut-字",
    "a;b&c",
    "#1",
    "~",
    "a\\b",
)


@pytest.fixture
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the run is where nothing is odd."""
    return results(train(tmp_path_factory.mktemp("whole")))


def test_a_moved_run_goes_on(tmp_path: Path, expected: dict[str, object]) -> None:
    """Renamed and moved to another folder with an odd name: the same bits."""
    path = train(tmp_path / "outputs", show=Watch(after=6))
    there = tmp_path / "elsewhere" / "it's another name"
    there.parent.mkdir()
    path.rename(there)
    resume(there)

    assert results(there) == expected


def test_a_copy_goes_on_too_and_is_no_other_run(
    tmp_path: Path, expected: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """Both end with the same bits, and count once."""
    path = train(tmp_path / "outputs", show=Watch(after=6))
    copy = path.with_name("copy")
    shutil.copytree(path, copy)
    for one in (path, copy):
        resume(one)
        assert results(one) == expected
    code, said, errors = call(capsys, "compare", tmp_path / "outputs", "--format=csv")

    assert code == 0, errors
    assert ",1," in said.splitlines()[1]
    assert "2 runs, counted once" in errors


def words(typed: str) -> list[str]:
    """What a shell makes of a line."""
    call = ["/bin/sh", "-c", f"printf '%s\\0' {typed}"]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


@pytest.mark.parametrize("name", NAMES)
def test_commands_that_are_told_can_be_typed(name: str, tmp_path: Path) -> None:
    """As one word for a shell, whatever the folder is called."""
    place = tmp_path / name
    place.mkdir()
    path = train(place, show=Watch(after=6))
    with pytest.raises((Interrupted, Paused)) as caught:
        experiment.resume(path, Watch(), until=2)
    summary = {
        "metrics": {"test/accuracy": 0.5, "test/loss": 1.0, "val/accuracy": 0.5},
        "cost": {"params": 1, "params_embedding": 0, "flops_per_image": 1},
        "perf": {"images_per_second": 1.0, "train_seconds": 1.0, "first_step_seconds": 1.0,
                 "peak_memory_bytes": 1},
        "image_size": 28,
    }  # fmt: skip
    said = [line.partition("vitpos ")[2] for line in screen.closing(path, summary)]
    later = [words(line) for line in said if line]

    assert words(caught.value.hint) == ["vitpos", "resume", str(path)]
    assert later == [["tensorboard", str(path.parent)], ["eval", str(path), "image_size=56"]]


def test_what_only_reads_needs_no_permission_to_write(tmp_path: Path) -> None:
    """A read-only archive: shown, listed, compared and evaluated; drawn to a place elsewhere."""
    top = tmp_path / "archive"
    path = train(top)
    import vitpos.pages.writing
    import vitpos.plots.draw  # noqa: F401

    for file in (top, *top.rglob("*")):
        file.chmod(file.stat().st_mode & ~0o222)
    before = {file: file.stat().st_mtime_ns for file in top.rglob("*")}
    asked: dict[str, int] = {
        f"show {path}": 0, f"list runs {top}": 0, f"compare {top}": 0, f"diff {path} {path}": 0,
        f"resume {path}": 0, f"eval {path} --json": 0, f"plot {top} --output {tmp_path}/plots": 0,
        f"report {top} --output {tmp_path}/pages": 0, f"plot {top}": 5, f"report {top}": 5,
        " ".join(["train", *TINY, f"outputs={top}"]): 2,
        " ".join(["sweep", *TINY, "seed=0,1", f"outputs={top}"]): 2,
    }  # fmt: skip

    def work() -> int:
        without_privileges()
        for words, code in asked.items():
            print(f"-- {words}", flush=True)  # noqa: T201
            if command(*words.split()) != code:
                return 1
        return 0

    child = fork(tmp_path / "said", work)
    code = child.wait()
    for file in (top, *top.rglob("*")):
        file.chmod(file.stat().st_mode | stat.S_IWUSR)

    assert code == 0, child.text()
    assert "this is a bug" not in child.text()
    assert {file: file.stat().st_mtime_ns for file in top.rglob("*")} == before
    assert (tmp_path / "pages" / "report.html").exists()


def test_a_run_that_may_not_be_written_is_not_gone_on_with(tmp_path: Path) -> None:
    """Code 5 and the name of the file; afterwards, with the permission, it is."""
    path = train(tmp_path / "outputs", show=Watch(after=6))
    path.chmod(0o555)
    (path / "lock").chmod(0o444)

    def work() -> int:
        without_privileges()
        return command("resume", path)

    child = fork(tmp_path / "said", work)
    assert child.wait() == 5, child.text()
    assert f"error: cannot write {path}/lock: Permission denied" in child.text()
    path.chmod(0o755)
    (path / "lock").chmod(0o644)
    assert resume(path).steps[-1] == 12


def test_a_current_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    """Code 2, for any command: neither a bug nor a run in the wrong place."""
    gone = tmp_path / "gone"
    gone.mkdir()

    def work() -> int:
        os.chdir(gone)
        gone.rmdir()
        import sys

        from vitpos import cli

        sys.argv = ["vitpos", "train", *TINY, f"outputs={tmp_path}/o"]
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    child = fork(tmp_path / "said", work)

    assert child.wait() == 2
    assert child.text().startswith("error: the current folder is not there any more\nhint: cd")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("mask", "files"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_files_are_for_whom_the_umask_says(mask: int, files: int, tmp_path: Path) -> None:
    """Private where it is asked for, and readable by colleagues where it is not."""

    def work() -> None:
        os.umask(mask)
        train(tmp_path / "o")

    child = fork(tmp_path / "said", work)
    code = child.wait()
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "o").rglob("*")}

    assert code == 0, child.text()
    assert {mode for path, mode in modes.items() if path.is_file()} == {files}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o777 & ~mask}


def test_a_link_to_outputs_is_followed(tmp_path: Path, expected: dict[str, object]) -> None:
    """Begun through it, gone on with through another, and not found twice."""
    (tmp_path / "disk").mkdir()
    for name in ("one", "two"):
        (tmp_path / name).symlink_to("disk")
    path = train(tmp_path / "one", show=Watch(after=6))
    resume(tmp_path / "two" / path.relative_to(tmp_path / "one"))

    assert results(path) == expected
    assert not (tmp_path / "disk" / "runs" / path.name).is_symlink()
