"""Closed streams, full outputs, no home, narrow terminals, other letters, and a wrong clock."""

import datetime
import os
import pwd
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import processes
import pytest
from forks import fork
from run_folders import call, folder
from small_runs import TINY, Watch, _quick, results, resume, train

from vitpos import cli, runs
from vitpos.sweeps import frozen

__all__ = ["_quick"]


def main(*words: str) -> int:
    """`vitpos ...` as the program starts, in this process; its exit code."""
    sys.argv = ["vitpos", *words]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def closed(*numbers: int) -> None:
    """As a shell leaves streams that it closed: Python, started so, has none of them."""
    for number in numbers:
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)
        os.close(number)


@pytest.mark.parametrize("numbers", [(1,), (0,), (2,), (0, 1, 2)])
def test_a_run_does_not_miss_closed_streams(numbers: tuple[int, ...], tmp_path: Path) -> None:
    """Nothing is printed into the files that come to have the numbers of the streams."""
    expected = train(tmp_path / "whole")

    def work() -> int:
        closed(*numbers)
        return main("train", *TINY, f"outputs={tmp_path}/o")

    child = fork(tmp_path / "said", work)
    assert child.wait() == 0, child.text()
    [path] = (tmp_path / "o" / "runs").iterdir()

    assert results(path) == results(expected)
    for name in ("config.yaml", "metrics.jsonl"):
        assert b"test accuracy" not in (path / name).read_bytes()


def test_a_code_is_the_same_if_nobody_can_be_told(tmp_path: Path) -> None:
    """Wrong words are code 2 where standard error is closed, or full."""

    def full() -> int:
        os.dup2(os.open("/dev/full", os.O_WRONLY), 2)
        return main("train", "zzz=1")

    def none() -> int:
        closed(2)
        return main("train", "zzz=1")

    works = [none, full] if Path("/dev/full").exists() else [none]
    assert [fork(tmp_path / "said", work).wait() for work in works] == [2] * len(works)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_run_goes_on_if_its_output_is_full(tmp_path: Path) -> None:
    """What is printed is lost; what was asked for is done."""

    def work() -> int:
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        return main("train", *TINY, f"outputs={tmp_path}/o")

    child = fork(tmp_path / "said", work)

    assert child.wait() == 0, child.text()
    assert len([*(tmp_path / "o").glob("runs/*/summary.json")]) == 1


@pytest.mark.slow
def test_a_shell_may_close_everything(tmp_path: Path) -> None:
    """The same for a process of its own: `vitpos train <&- >&- 2>&-`."""
    words = [sys.executable, "-W", "error", "-c", processes.MAIN, "train", *processes.TINY]
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words, f"outputs={tmp_path}"],
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])},
        check=False,
    )

    assert done.returncode == 0
    assert len([*tmp_path.glob("runs/*/summary.json")]) == 1


@pytest.fixture(params=["unset", "unknown", "not there", "not a folder"])
def homeless(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A user without a home: in a container, say, by a number that no file knows."""
    for name in ("HOME", "XDG_CACHE_HOME", "VITPOS_DATA", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    if request.param == "unknown":

        def nobody(_: object) -> None:
            raise KeyError

        monkeypatch.setattr(pwd, "getpwuid", nobody)
        monkeypatch.setattr(pwd, "getpwnam", nobody)
    elif request.param == "not there":
        monkeypatch.setenv("HOME", "/nowhere/at/all")
    elif request.param == "not a folder":
        (tmp_path / "file").write_text("x")
        monkeypatch.setenv("HOME", str(tmp_path / "file"))


@pytest.mark.usefixtures("homeless")
def test_a_home_is_not_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Digits in the package, tables and lists; other data are missing, with what to type."""
    path = train(tmp_path / "o")
    for words in (
        f"show {path}",
        f"compare {tmp_path}/o",
        "list embeddings",
        f"eval {path} --json",
    ):
        assert call(capsys, *words.split())[0] == 0, words
    code, _, errors = call(capsys, "train", "dataset=mnist")

    assert code == 3
    assert errors.startswith("error: mnist: not found in ")
    assert "dataset.root=DIR" in errors


@pytest.mark.parametrize("columns", ["20", "1", "0", "-5", "x", "100000"])
def test_any_width_of_a_terminal_will_do(
    columns: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tables, lists, pages of text: narrower, and never an error."""
    for seed in range(2):
        path = folder(tmp_path, "training=smoke", seed=seed)
    monkeypatch.setenv("COLUMNS", columns)

    for words in (
        f"compare {tmp_path}", f"show {path}", f"list runs {tmp_path}", "list", "list embeddings",
        "explain rope2d", f"diff {path} {path}", "sweep embedding=none,rope2d --dry-run",
    ):  # fmt: skip
        code, said, errors = call(capsys, *words.split())
        assert (code, errors) == (0, ""), words
        assert said


@pytest.mark.slow
@pytest.mark.parametrize("utf8", ["0", "1"])
def test_other_letters_are_no_matter(utf8: str, tmp_path: Path) -> None:
    """LC_ALL=C, ASCII output, and a folder whose name is neither.

    Python takes it for UTF-8 unless that is forbidden; then the name is refused, and why is said.
    """
    place = {"LC_ALL": "C", "LANG": "", "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0",
             "PYTHONIOENCODING": "ascii"}  # fmt: skip
    words = [sys.executable, "-W", "error", "-c", processes.MAIN, "train", *processes.TINY]
    done = subprocess.run(
        [*words, "outputs=ümläut 字"],
        env=os.environ | place | {"PYTHONPATH": str(Path(cli.__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    made = [*(tmp_path / "ümläut 字").glob("runs/*/summary.json")]
    assert (done.returncode, len(made)) == ((2, 0), (0, 1))[int(utf8)], done.stderr
    assert (b"LC_ALL=C.UTF-8" in done.stderr) == (utf8 == "0")


def back_in_time() -> Iterator[float]:
    """Later, and then years earlier with each question."""
    yield from (2e9 - 4e7 * n for n in range(30))
    yield from count(0.0, 0.25)


CLOCKS: dict[str, Callable[[], Iterator[float]]] = {
    "epoch 0": lambda: count(0.0, 0.0),
    "before 1970": lambda: count(-1e8, 1.0),
    "years ago": lambda: count(9e8, 1.0),
    "standing still": lambda: count(1.7e9, 0.0),
    "backwards": back_in_time,
    "in 2099": lambda: count(4.07e9, 1.0),
}


def set_clock(patch: pytest.MonkeyPatch, times: Iterator[float]) -> None:
    """Let the time of day be these, wherever it is asked for."""

    class Watchful(datetime.datetime):
        """A clock on the wall."""

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            """What it shows."""
            return datetime.datetime(1970, 1, 1, tzinfo=tz) + datetime.timedelta(
                seconds=next(times)
            )

    patch.setattr("time.time", lambda: next(times))
    patch.setattr(runs, "datetime", types.SimpleNamespace(datetime=Watchful, UTC=datetime.UTC))


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_time_of_day_changes_no_bit(
    clock: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Begun, stopped, gone on with, and read: order is by steps, and what is read makes sense."""
    expected = results(train(tmp_path / "a"))
    with monkeypatch.context() as patch:
        set_clock(patch, CLOCKS[clock]())
        path = train(tmp_path / "b", "tensorboard=true", show=Watch(after=6))
        for number, file in enumerate(sorted(path.rglob("*"))):
            os.utime(file, (10**9 - number, 10**9 - number))  # the newest checkpoint looks oldest
        watch = resume(path)
        for words in (f"show {path}", f"compare {tmp_path}/b", f"list runs {tmp_path}/b --json"):
            assert call(capsys, *words.split())[0] == 0

    assert watch.steps[0] == 7
    assert results(path) == expected
    assert [a["from_step"] for a in runs.RunFolder(path).record()["attempts"]] == [0, 6]


def test_a_plan_that_was_frozen_later_is_the_later_one(tmp_path: Path) -> None:
    """Also if the clock was set back since the one before."""
    from small_studies import checked, inside

    first = frozen.freeze(inside(checked(), tmp_path))
    os.utime(first, (4e9, 4e9))  # it was frozen when the clock was ahead
    second = frozen.freeze(inside(checked(seeds=3), tmp_path))
    third = frozen.freeze(inside(checked(seeds=4), tmp_path))

    assert frozen.plans(first.parents[1]) == [first, second, third]
