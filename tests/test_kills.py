"""Killed before any call that changes a file, a run goes on to the same bits.

After SQLite's way of testing (https://sqlite.org/testing.html): not at random times, but at the
first call, the second, and so on, until a run comes through.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from small_runs import Watch, _quick, compose, results, resume, train

from vitpos import experiment
from vitpos.errors import BadRun
from vitpos.runs import RunFolder

__all__ = ["_quick"]
SHORT = ("training.epochs=2", "training.batch_size=32", "training.ema=0.9")
CALLS = ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (Path, "open"))


class Killed(BaseException):
    """The process is gone: no handler of it changes a file any more."""


@contextmanager
def killed_at(number: int) -> Iterator[list[int]]:
    """Raise `Killed` instead of the call of this number, and of all later ones."""
    calls = [0]

    def mortal(whole: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            if whole is open_ and not set("wax+") & set(mode(args, options)):
                return whole(*args, **options)
            calls[0] += 1
            if calls[0] >= number:
                raise Killed
            return whole(*args, **options)

        return call

    open_ = Path.open
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in CALLS:
            patch.setattr(owner, name, mortal(getattr(owner, name)))
        yield calls


def mode(args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """How a file is opened."""
    return str(args[1] if len(args) > 1 else options.get("mode", "r"))


def is_killed(number: int, work: Any) -> bool:
    """Do `work` until it is killed; whether it was."""
    with killed_at(number):
        try:
            work()
        except Killed:
            return True
    return False


def go_on(outputs: Path) -> Path:
    """Resume the one run there is, or start it if it did not come as far as a config."""
    runs = [path for path in outputs.glob("runs/*") if (path / "config.yaml").exists()]
    if not runs:
        shutil.rmtree(outputs, ignore_errors=True)
        return train(outputs, *SHORT)
    resume(runs[0])
    return runs[0]


def enumerate_kills(tmp_path: Path, every: int) -> int:
    """Kill a run before call 1, 1 + every, ...; how many calls there were."""
    expected = results(train(tmp_path / "whole", *SHORT))
    number = 1
    while True:
        outputs = tmp_path / str(number)
        run = compose(outputs, *SHORT)
        if not is_killed(number, lambda run=run: experiment.start(run, [], Watch())):
            return number
        path = go_on(outputs)

        assert results(path) == expected, f"killed before call {number}"
        assert RunFolder(path).record()["status"] == "finished"
        assert not list(path.rglob(".*.tmp"))
        shutil.rmtree(outputs)
        number += every


def test_killed_before_some_calls(tmp_path: Path) -> None:
    """A sample of them, at places that are all different in a file's life."""
    assert enumerate_kills(tmp_path, 17) > 60


@pytest.mark.slow
def test_killed_before_any_call(tmp_path: Path) -> None:
    """Every one, from the first folder to the last line of the record."""
    assert enumerate_kills(tmp_path, 1) > 60


def test_killed_while_going_on(tmp_path: Path) -> None:
    """Recovery may be killed too, anywhere, and again."""
    expected = results(train(tmp_path / "whole", *SHORT))
    broken = train(tmp_path / "broken", *SHORT, show=Watch(after=3))
    for number in range(1, 60, 11):
        path = tmp_path / str(number)
        shutil.copytree(broken, path)
        is_killed(number, lambda path=path: experiment.resume(path, Watch()))
        is_killed(number + 3, lambda path=path: experiment.resume(path, Watch()))
        resume(path)

        assert results(path) == expected


def test_a_folder_without_a_config_is_no_run(tmp_path: Path) -> None:
    """What a kill leaves before there is anything to go on with."""
    run = compose(tmp_path, *SHORT)
    assert is_killed(8, lambda: experiment.start(run, [], Watch()))
    (path,) = tmp_path.glob("runs/*")

    with pytest.raises(BadRun, match=r"no config\.yaml"):
        resume(path)
