"""What was compiled for one run serves the next, which is bit for bit what it would be alone."""

import os
import signal
import time
from pathlib import Path

import pytest
from small_runs import Watch, compose, results, train
from small_studies import TINY, checked, inside

from vitpos import compiling, experiment, machine
from vitpos.records import read
from vitpos.reuse import Reuse
from vitpos.sweeps import frozen
from vitpos.sweeps import plan as plans
from vitpos.sweeps.launchers import local
from vitpos.sweeps.launchers.lasting import Lasting, Turn
from vitpos.sweeps.plan import Plan


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often something was compiled, by a compiler that leaves everything as it is."""
    found: list[str] = []

    def whole(function):
        found.append("once")
        return function

    monkeypatch.setattr(compiling, "whole", whole)
    monkeypatch.setattr(machine.Machine, "compiles", True)
    return found


def runs(outputs: Path, reuse: Reuse, *arms: str) -> list[Path]:
    """Runs one after the other in this process."""
    settings = [compose(outputs, *arm.split()) for arm in arms]
    return [experiment.start(run, (), Watch(), reuse=reuse) for run in settings]


def test_seeds_share_what_was_compiled(compiled, tmp_path):
    """Two arms in turn, with averaged weights: each is compiled once, and no bit is another."""
    arms = [f"embedding={name} training.ema=0.9" for name in ("learned1d", "rope_mixed")]
    words = [f"{arm} seed={seed}" for seed in (0, 1) for arm in arms]
    found = runs(tmp_path / "together", Reuse(), *words)
    once = len(compiled)
    alone = [train(tmp_path / "alone", *arm.split()) for arm in words]

    assert len(compiled) == 3 * once  # two arms, then four runs
    for one, other in zip(found, alone, strict=True):
        assert results(one) == results(other)


def test_an_interrupted_run_goes_on_in_the_loop_of_another(compiled, tmp_path):
    """What it finds there is overwritten by its own state."""
    words = ["embedding=learned1d", "training.ema=0.9"]
    begun = train(tmp_path / "together", *words, show=Watch(after=5))
    reuse = Reuse()
    runs(tmp_path / "together", reuse, f"{' '.join(words)} seed=1")
    experiment.resume(begun, Watch(), reuse=reuse)

    assert len(reuse.loops) == 1
    assert results(begun) == results(train(tmp_path / "alone", *words))


def test_what_is_not_compiled_is_not_kept(tmp_path):
    """Nor is a loop taken by a run whose steps are others."""
    reuse = Reuse()
    runs(tmp_path, reuse, "embedding=none")

    assert reuse.loops == []
    assert reuse.loop(compose(tmp_path, "embedding=none", "seed=1")) is None


@pytest.mark.parametrize(
    ("words", "lasts"),
    [([], False), (["compile=on"], True), (["compile=on", "launcher.import_once=false"], False)],
)
def test_members_that_are_compiled_follow_one_another(words, lasts, tmp_path):
    """One process for each slot, unless each member shall have its own."""
    from vitpos import config

    settings = [word for word in words if not word.startswith("launcher.")]
    options, _ = config.launching([word for word in words if word.startswith("launcher.")])
    plan = inside(checked(plans.settings([*TINY, *settings])), tmp_path)
    slots = local.launch(options, plan, [], pytest.fail)

    assert [isinstance(one, Lasting) for one in slots.lasting] == [True] * slots.slots * lasts
    slots.close()


def over(turn: Turn) -> int:
    """Its exit code."""
    while (code := turn.poll()) is None:
        time.sleep(0.02)
    return code


def started(lasting: Lasting, plan: Plan, number: int, log: Path) -> Turn:
    """A member of a plan, begun."""
    return lasting.start([str(frozen.freeze(plan)), str(number)], os.environ, log)


@pytest.mark.slow
def test_one_process_does_one_member_after_another(tmp_path):
    """Each has a log of its own; what ends badly ends the process, and the next has a new one."""
    plan, lasting = inside(checked(plans.settings([*TINY])), tmp_path), Lasting()
    turns = []
    for number in range(2):
        turns.append(started(lasting, plan, number, tmp_path / f"{number}.log"))
        assert over(turns[-1]) == 0, (tmp_path / f"{number}.log").read_text()
    bad = lasting.start([str(tmp_path / "none.json"), "0"], os.environ, tmp_path / "bad.log")
    codes = over(bad), bad.process.wait()
    last = started(lasting, plan, 2, tmp_path / "2.log")
    turns.append(last)
    long = inside(checked(plans.settings([*TINY, "training.epochs=10000"])), tmp_path / "long")
    assert over(last) == 0

    stopped = started(lasting, long, 0, tmp_path / "stopped.log")
    while not [*(tmp_path / "long").rglob("metrics.jsonl")]:
        assert stopped.poll() is None
        time.sleep(0.02)
    stopped.send(signal.SIGTERM)
    code = over(stopped)
    lasting.close()

    assert turns[0].process is turns[1].process is bad.process is not last.process
    assert codes == (4, 4)
    assert (tmp_path / "bad.log").read_text().startswith("error: ")
    assert [len(list(tmp_path.glob(f"{n}.log"))) for n in range(3)] == [1, 1, 1]
    assert (stopped.process is last.process, code, stopped.poll()) == (True, 143, 143)
    ends = [read(path.parent).status for path in tmp_path.rglob("record.json")]
    assert sorted(ends) == ["finished"] * 3 + ["interrupted"]
