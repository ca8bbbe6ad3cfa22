"""Members are forked from one process, and are as they would be in new ones."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_studies import TINY, checked, inside

from vitpos.sweeps import frozen, progress
from vitpos.sweeps import plan as plans
from vitpos.sweeps.launchers.nursery import Nursery
from vitpos.sweeps.plan import Plan


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One for all, because it takes a while to import PyTorch."""
    found = Nursery()
    yield found
    found.close()


@pytest.fixture(scope="module")
def long() -> Plan:
    """Two arms that would take minutes."""
    return checked(plans.settings([*TINY, "training.epochs=10000"]))


def ended(nursery: Nursery, process: int | None) -> int:
    """Its exit code."""
    assert process is not None
    while (code := nursery.poll(process)) is None:
        time.sleep(0.02)
    return code


def started(nursery: Nursery, plan: Plan, number: int, log: Path) -> int:
    """A member that has made its first step."""
    found = nursery.start([str(frozen.freeze(plan)), str(number)], os.environ, log)
    assert found is not None
    member = plan.members[number]
    while not [*Path(member.run.outputs).rglob(f"*{member.identity[:8]}/metrics.jsonl")]:
        assert nursery.poll(found) is None, log.read_text()
        time.sleep(0.02)
    return found


def test_each_has_its_words_its_log_and_its_exit_code(nursery, tmp_path):
    """Also two at a time; what is over is told as often as it is asked."""
    logs = [tmp_path / "a", tmp_path / "b"]
    words = [[str(tmp_path / "none.json"), "0"], ["--help"]]
    both = [nursery.start(w, os.environ, log) for w, log in zip(words, logs, strict=True)]
    codes = [ended(nursery, process) for process in both]
    nursery.send(both[0], signal.SIGKILL)  # is not there any more

    assert codes == [4, 0] == [nursery.poll(process) for process in both]
    assert logs[0].read_text().startswith(f"error: {tmp_path / 'none.json'}")
    assert logs[1].read_text().startswith("usage: python -m vitpos.sweeps.member")


def test_a_member_of_another_nursery_is_lost(nursery):
    """Nobody can say how it ended."""
    assert nursery.poll(os.getpid()) == -signal.SIGKILL
    assert Nursery().poll(os.getpid()) == -signal.SIGKILL


@pytest.mark.slow
def test_a_signal_reaches_a_member_and_no_other(nursery, long, tmp_path):
    """It saves and ends; the one beside it goes on."""
    plan = inside(long, tmp_path)
    one, two = (started(nursery, plan, number, tmp_path / "log") for number in (0, 1))
    nursery.send(one, signal.SIGTERM)
    first, second = ended(nursery, one), nursery.poll(two)
    nursery.send(two, signal.SIGKILL)

    assert (first, second, ended(nursery, two)) == (143, None, -signal.SIGKILL)
    assert progress.begun(plan.members[0]).status == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["close", "kill"])
def test_no_member_is_left_behind(long, tmp_path, how):
    """What runs saves and ends when the sweep is over, and when the nursery is killed."""
    plan, nursery = inside(long, tmp_path), Nursery()
    process = started(nursery, plan, 0, tmp_path / "log")
    if how == "kill":
        nursery.process.kill()
        nursery.process.wait()
    nursery.close()
    end = time.monotonic() + 60
    while (status := progress.begun(plan.members[0]).status) == "running":
        assert time.monotonic() < end
        time.sleep(0.05)

    assert status == "interrupted"
    assert nursery.poll(process) == -signal.SIGKILL
    assert ended(nursery, nursery.start(["--help"], os.environ, tmp_path / "log")) == 0
    nursery.close()
