"""Sweeps that give several seeds of an arm one process: which, in what order, and their ends."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from acting import Act, Acting, ActingJob, Clock, Seen, leave
from processes import TINY, run
from small_studies import BODY

from vitpos import config
from vitpos.errors import BadInput, Interrupted, Unfinished
from vitpos.lanes import rule
from vitpos.schema import Run
from vitpos.sweeps import attempts, studies, sweep
from vitpos.sweeps import plan as plans
from vitpos.sweeps.launchers.base import Task
from vitpos.sweeps.plan import Plan

SEEDS = 5


class Several:
    """The members of one process: it is over when the last of them is."""

    def __init__(self, jobs: Sequence[ActingJob]) -> None:
        self.jobs = jobs

    def waits(self) -> bool:
        """It is in no queue."""
        return False

    def poll(self) -> int | None:
        """The code of one that failed, else the largest, once there are all."""
        codes = [job.poll() for job in self.jobs]
        known = [code for code in codes if code is not None]
        if len(known) < len(codes):
            return None
        return 1 if 1 in known else max(known)

    def send(self, number: int) -> None:
        """All of them are told."""
        for job in self.jobs:
            job.send(number)


class ActingLanes(Acting):
    """Each process leaves what all of its members would."""

    def start(self, task: Task, slot: int) -> Any:
        """Remember who was together."""
        numbers = (task.number, *task.others)
        jobs = [super(ActingLanes, self).start(replace(task, number=n), slot) for n in numbers]
        self.processes = [*getattr(self, "processes", []), self.titles[-len(numbers) :]]
        return Several(jobs)


@pytest.fixture(scope="module")
def made() -> Plan:
    """Two arms and five seeds, composed once."""
    found = studies.study("made", BODY | {"seeds": SEEDS}, pytest.fail)
    assert found is not None
    return plans.plan(found, {})


@pytest.fixture
def plan(made: Plan, tmp_path: Path) -> Plan:
    """The same for an empty folder of runs."""
    members = [replace(m, run=replace(m.run, outputs=str(tmp_path))) for m in made.members]
    return Plan(made.study, tuple(members))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that sweeps see."""
    found = Clock()
    monkeypatch.setattr(sweep, "time", found)
    monkeypatch.setattr(attempts, "time", found)
    return found


def go(plan: Plan, acting: Acting, words: Sequence[str], **more: Any) -> tuple[Seen, Any]:
    """Run it; what was seen, and the folders or the error."""
    seen, options = Seen(), config.launching(words)[0]
    options = replace(options, grace_seconds=5.0)
    try:
        end: Any = sweep.run(plan, seen, "vitpos it", options=options, launch=acting, **more)
    except (Unfinished, Interrupted) as error:
        end = error
    return seen, end


def titles(arm: str, *seeds: int) -> list[str]:
    """What members are called."""
    return [f"{arm}, seed {seed}" for seed in seeds]


def test_processes_have_as_many_seeds_of_an_arm_as_was_said(plan: Plan, clock: Clock) -> None:
    """All arms of the first seeds before the next ones; each member is shown and ends by itself."""
    acting = ActingLanes(clock, slots=1)
    seen, end = go(plan, acting, ["launcher.lanes=2"])

    assert isinstance(end, list)
    assert acting.processes == [
        titles("a", 0, 1), titles("b", 0, 1), titles("a", 2, 3), titles("b", 2, 3),
        titles("a", 4), titles("b", 4),
    ]  # fmt: skip
    kinds = seen.kinds.values()
    assert all(kind == ["running", "finished"] for kind in kinds)
    assert len(kinds) == 2 * SEEDS


def test_what_was_begun_alone_goes_on_alone(plan: Plan, clock: Clock) -> None:
    """A member that was interrupted before there were lanes is not among them."""
    leave(plan.members[2], "interrupted")  # a, seed 1
    acting = ActingLanes(clock, slots=1)
    go(plan, acting, ["launcher.lanes=8"])

    assert acting.processes[0] == titles("a", 0, 2, 3, 4)
    assert titles("a", 1) in acting.processes


def test_a_process_that_fails_fails_those_that_are_not_over(plan: Plan, clock: Clock) -> None:
    """One had finished, one had diverged; the other two failed, and so the study goes on."""
    acts = {
        "a, seed 0": [Act(1, 30.0, says="error: it is broken")],
        "a, seed 1": [Act(0, 5.0)],
        "a, seed 2": [Act(6, 6.0)],
        "a, seed 3": [Act(1, 30.0, folder=False)],
    }
    seen, end = go(plan, ActingLanes(clock, acts, slots=1), ["launcher.lanes=4"])
    ends = [seen.states[title] for title in titles("a", 0, 1, 2, 3)]

    assert [state.kind for state in ends] == ["failed", "finished", "diverged", "failed"]
    assert [ends[0].detail, ends[3].detail] == ["it is broken"] * 2
    assert isinstance(end, Unfinished)
    assert all(seen.states[title].kind == "finished" for title in titles("b", *range(SEEDS)))


def test_a_lane_that_diverges_does_not_make_the_others_diverge(plan: Plan, clock: Clock) -> None:
    """The exit code of the process is that of one, what the others are stands in their folders."""
    acts = {"a, seed 1": [Act(6, 6.0)]}
    seen, _ = go(plan, ActingLanes(clock, acts, slots=1), ["launcher.lanes=5"])
    ends = [seen.states[title].kind for title in titles("a", *range(SEEDS))]

    assert ends == ["finished", "diverged", "finished", "finished", "finished"]


def test_a_process_is_told_once_to_save_and_end(plan: Plan, clock: Clock) -> None:
    """A second signal would have it leave at once; after the budget all its lanes are saved."""
    acting = ActingLanes(clock, slots=1)
    seen, _ = go_until(plan, acting, 4.0)

    assert [job.signals for job in acting.jobs] == [[15], [15], [15]]
    assert [seen.states[title].kind for title in titles("a", 0, 1, 2)] == ["interrupted"] * 3


def go_until(plan: Plan, acting: Acting, budget: float) -> tuple[Seen, Any]:
    """Three lanes that are stopped."""
    from vitpos.errors import Paused

    seen, options = Seen(), config.launching(["launcher.lanes=3"])[0]
    options = replace(options, grace_seconds=5.0)
    try:
        return seen, sweep.run(plan, seen, "it", options=options, launch=acting, budget=budget)
    except Paused as error:
        return seen, error


def small(**changes: Any) -> Run:
    """A run whose calls take longer than its arithmetic, in bfloat16."""
    words = ["precision=fp32", "device=cpu", "patch.size=7", "training.batch_size=64",
             "backbone.dim=64", "backbone.heads=2", "backbone.depth=4"]  # fmt: skip
    return replace(config.compose(words), **changes)


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Such a run where bfloat16 is native, wherever the test is run."""
    monkeypatch.setattr("vitpos.machine.has_bfloat16", lambda device: True)
    return small(precision="bf16")


def test_unasked_there_are_lanes_only_where_they_are_faster(half: Run) -> None:
    """In bfloat16 and with little to do; never so many that a slot has none, nor fewer than 4."""
    large = replace(half, backbone=replace(half.backbone, dim=256, heads=4))

    assert rule.count(half, 0, seeds=8, members=40, slots=2) == 8
    assert rule.count(half, 0, seeds=10, members=20, slots=2) == 5
    assert rule.count(half, 0, seeds=8, members=8, slots=2) == 4
    assert rule.count(half, 0, seeds=3, members=30, slots=2) == 1
    assert rule.count(half, 0, seeds=8, members=8, slots=4) == 1
    assert rule.count(large, 0, seeds=8, members=40, slots=2) == 1
    assert rule.count(small(), 0, seeds=8, members=40, slots=2) == 1


def test_asked_for_there_are_as_many_as_there_are_seeds(half: Run) -> None:
    """Whether it is faster or not, but not where it cannot be."""
    compiled = replace(half, compile="on")

    assert rule.count(small(), 6, seeds=8, members=8, slots=4) == 6
    assert rule.count(half, 6, seeds=2, members=8, slots=4) == 2
    assert rule.count(compiled, 6, seeds=8, members=8, slots=4) == 1
    assert "compiled" in rule.forbidden(compiled)


def test_on_a_gpu_nothing_may_be_drawn_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout, moved coordinates and unknown strategies are for runs alone; small steps are not."""
    import torch

    gpu = torch.device("cuda", 0)
    monkeypatch.setattr("vitpos.machine.find_device", lambda name: gpu)
    monkeypatch.setattr("vitpos.machine.find_precision", lambda name, device: name)
    run = small(precision="bf16")
    moved = config.compose(["embedding=cape"]).embedding
    theirs = {"mine": {"_target_": "theirs.Mine"}}

    assert rule.count(run, 0, seeds=8, members=8, slots=1) == 8
    assert rule.forbidden(replace(run, backbone=replace(run.backbone, dropout=0.1)))
    assert rule.forbidden(replace(run, embedding=moved))
    assert rule.forbidden(replace(run, embedding=theirs))
    assert rule.forbidden(replace(run, precision="fp16"))
    wide = replace(run.training, batch_size=4096)
    assert rule.count(replace(run, training=wide), 0, seeds=8, members=8, slots=1) == 1


def test_says_what_lanes_may_be() -> None:
    """Auto, or a number from 1; whatever else is an error of one line."""
    assert config.launching(["launcher.lanes=auto"])[0].lanes == 0
    assert config.launching(["launcher.lanes=4"])[0].lanes == 4
    assert config.launching([])[0].lanes == 0
    assert config.launching(["launcher=slurm"])[0].lanes == 1
    with pytest.raises(BadInput, match=r"launcher\.lanes"):
        config.launching(["launcher.lanes=many"])


@pytest.mark.slow
def test_a_real_sweep_trains_lanes(tmp_path: Path) -> None:
    """Three seeds in one process; their predictions are those of a sweep without lanes."""
    words = ("train", "-m", "seed=0..2", *TINY, "training.limit=64", "training.epochs=1")
    done = run(*words, f"outputs={tmp_path / 'lanes'}", "launcher.lanes=3")
    alone = run(*words, f"outputs={tmp_path / 'alone'}", "launcher.lanes=1")
    both = [sorted((tmp_path / where).glob("*/*/predictions.npz")) for where in ("lanes", "alone")]

    assert (done.returncode, alone.returncode) == (0, 0), done.stderr + alone.stderr
    assert len(list((tmp_path / "lanes").glob("*/logs/*"))) == 1
    assert [path.parent.name for path in both[0]] == [path.parent.name for path in both[1]]
    assert [path.read_bytes() for path in both[0]] == [path.read_bytes() for path in both[1]]
    assert len(both[0]) == 3
