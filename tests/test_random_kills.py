"""Processes that are killed at random moments, and those that go on for them, too."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import amounts
import pytest
from small_runs import Watch, _quick, compose, results

from vitpos import experiment
from vitpos.errors import BadRun

__all__ = ["_quick"]
Tell = Callable[[str, object], None]
PARTS = amounts.amount(1, 4)
KILLS = amounts.amount(40, 1000) // PARTS
LONGER = ("training.epochs=5", "backbone.dropout=0.1", "training.ema=0.9", "tensorboard=true")


@pytest.mark.torture
@pytest.mark.parametrize("part", range(PARTS))
def test_kills_cost_no_bit(part: int, tmp_path: Path, record_property: Tell) -> None:
    """SIGKILL at any moment of a run, again and again, until it comes through: the same bits."""
    dice, kills, runs = random.Random(part), 0, 0
    experiment.start(compose(tmp_path / "warm", *LONGER), [], Watch())
    began = time.monotonic()
    assert not killed(tmp_path / "whole", 60.0)
    usual = time.monotonic() - began
    expected = results(only(tmp_path / "whole"))
    while kills < KILLS:
        outputs = tmp_path / f"{runs}"
        while killed(outputs, dice.uniform(0, usual)):
            kills += 1
        runs += 1

        assert results(only(outputs)) == expected, f"{kills} kills, run {runs} of part {part}"
        shutil.rmtree(outputs)
    record_property("processes killed", kills)
    record_property("runs that came to the same bits", runs)


def killed(outputs: Path, seconds: float) -> bool:
    """Begin or go on in a process of its own and kill it then; whether it was still at work."""
    child = os.fork()
    if not child:
        try:
            go_on(outputs)
            os._exit(0)
        finally:
            os._exit(1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            assert status == 0
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def go_on(outputs: Path) -> None:
    """Resume the run, or start one if none came as far as its config."""
    for path in outputs.glob("runs/*"):
        try:
            experiment.resume(path, Watch())
        except BadRun:
            assert not (path / "config.yaml").exists()
        else:
            return
    experiment.start(compose(outputs, *LONGER), [], Watch())


def only(outputs: Path) -> Path:
    """The one run that has a config."""
    (path,) = (config.parent for config in outputs.glob("runs/*/config.yaml"))
    return path
