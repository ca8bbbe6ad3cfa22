"""Arms are stopped early by a declared rule, which decides alike whoever arrives first."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import acting
import pytest
from acting import Act, Acting, Clock, Seen, leave
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import call
from small_plans import made
from small_studies import BODY, checked, inside

from vitpos import durable, records
from vitpos.comparing import comparison
from vitpos.durable import Lines
from vitpos.errors import BadInput, Unfinished
from vitpos.runs import RunFolder
from vitpos.sweeps import attempts, claims, frozen, halving, studies, sweep
from vitpos.sweeps import plan as plans
from vitpos.sweeps.halving import FEWEST, TO_ITS_END, WAIT, Halving, kept
from vitpos.sweeps.plan import Plan
from vitpos.sweeps.rules import Stopping
from vitpos.sweeps.states import State

RULE = {"epochs": [1, 2], "keep": 0.5, "metric": "val/accuracy"}
RATES = {"base": 0.001, "b": 0.008, "c": 0.002, "d": 0.004, "e": 0.006}  # and how good they are
GOOD = {rate: name for name, rate in RATES.items()}
VALUES = {"base": 0.1, "b": 0.5, "c": 0.8, "d": 0.7, "e": 0.6}

some_values = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.none() | st.integers(0, 6).map(lambda n: n / 6),
    max_size=12,
)


@settings(deadline=None)
@given(some_values, st.integers(1, 99).map(lambda n: n / 100), st.sampled_from(["up", "down"]))
def test_the_best_are_kept(values, keep, direction):
    """As many as the rule says or more, never one that is worse than one that is stopped."""
    going = kept(values, keep, direction)
    sign = 1 if direction == "up" else -1
    cost = {arm: -math.inf if v is None else sign * v for arm, v in values.items()}
    gone = values.keys() - going

    assert len(going) >= min(len(values), max(FEWEST, math.ceil(keep * len(values))))
    assert all(cost[a] > cost[b] for a in going for b in gone)
    without_ties = len(set(cost.values())) == len(cost)
    assert not without_ties or len(going) == min(len(values), max(2, math.ceil(keep * len(values))))


@settings(deadline=None)
@given(some_values, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(values, random):
    """The same arms are kept."""
    shuffled = list(values.items())
    random.shuffle(shuffled)

    assert kept(dict(shuffled), 0.5, "up") == kept(values, 0.5, "up")


@pytest.mark.parametrize(
    ("keep", "count", "going"),
    [(0.5, 5, 3), (0.25, 8, 2), (0.1, 9, 2), (0.75, 4, 3), (0.5, 2, 2), (0.5, 1, 1)],
)
def test_how_many_go_on(keep, count, going):
    """Rounded up, and never fewer than two."""
    values = {str(n): n / count for n in range(count)}

    assert kept(values, keep, "up") == {str(n) for n in range(count - going, count)}
    assert kept(values, keep, "down") == {str(n) for n in range(going)}


class World:
    """Runs of a plan that are as far as they are told, and what the rule says of them."""

    def __init__(self, arms: Sequence[str], seeds: int) -> None:
        found = made(tuple(arms), seeds)
        self.plan = replace(found, study=replace(found.study, stopping=Stopping(**RULE)))
        self.states = [State("planned") for _ in found.members]
        self.epochs = [0] * len(self.states)
        self.rule = Unwritten(self.plan, Stopping(**RULE), self.states)
        self.rule.epochs = self.epochs
        self.started: list[tuple[str, int | None]] = []

    def go(self, choose: Any, lost: set[int]) -> dict[str, str]:
        """Until nothing can be done, members in an order that is chosen each time."""
        while True:
            open_ones = [n for n, state in enumerate(self.states) if state.kind == "planned"]
            words = {n: self.rule.say(n) for n in open_ones}
            able = [n for n, word in words.items() if word != WAIT]
            if not able:
                return {
                    m.title: s.kind for m, s in zip(self.plan.members, self.states, strict=True)
                }
            number = choose(able)
            word = words[number]
            if word.kind == "stop":
                self.states[number] = State("stopped")
            elif number in lost:
                self.states[number] = State("failed")
            else:
                self.started.append((self.plan.members[number].title, word.epoch))
                self.epochs[number] = word.epoch or 3
                if word == TO_ITS_END:
                    self.states[number] = State("finished")


class Unwritten(Halving):
    """A rule whose decisions lie on no disk; an arm is the better the later its name."""

    epochs: list[int]

    def has_reached(self, number: int, epoch: int) -> bool:
        """As it is told."""
        member = self.plan.members[number]
        self.values[number, epoch] = float(
            (ord(member.arm.name) * 7 + member.seed * 5 + epoch) % 11
        )
        return self.epochs[number] >= epoch

    def decide(self, where: Any, values: Any) -> None:
        """In memory."""
        self.stopped[where] = values.keys() - kept(values, self.rule.keep, self.rule.direction)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(2, 8),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
    st.sets(st.integers(0, 23), max_size=3),
)
def test_a_sweep_ends_alike_in_any_order(count, seeds, random, lost):
    """Nothing waits for ever; no baseline is stopped; an arm that is, is not begun again."""
    names = "abcdefgh"[:count]
    first, second = World(names, seeds), World(names, seeds)
    end = first.go(min, lost)
    other = second.go(random.choice, lost)

    assert end == other
    assert set(end.values()) <= {"finished", "stopped", "failed"}
    assert all(kind != "stopped" for title, kind in end.items() if title.startswith("a,"))
    for arm in names:
        kinds = [end[f"{arm}, seed {seed}"] for seed in range(seeds)]
        assert "stopped" not in kinds or set(kinds[kinds.index("stopped") :]) == {"stopped"}
    if not lost:
        alive = [arm for arm in names[1:] if end[f"{arm}, seed {seeds - 1}"] == "finished"]
        assert len(alive) >= min(FEWEST, count - 1)


class Halved(Acting):
    """A launcher whose jobs pause where they are told, with an epoch's metrics for each."""

    def start(self, task: Any, slot: int) -> Any:
        """Have a member act."""
        member = self.members[task.number]
        if not self.acts.get(member.title):
            self.acts[member.title] = [Act(75 if task.until else 0)]
        UNTIL[member.identity] = task.until or member.run.training.epochs
        self.asked = [*getattr(self, "asked", []), (member.title, task.until)]
        return super().start(task, slot)


UNTIL: dict[str, int] = {}


@pytest.fixture(scope="module")
def composed_plan() -> Plan:
    """A baseline, four arms, two seeds."""
    arms = {name: {"embedding": "none", "training.lr": rate} for name, rate in RATES.items()}
    changes = {"arms": arms, "baseline": "base", "stopping": RULE, "looks": 3}
    base = BODY["base"] | {"training.epochs": 4}
    return checked(**changes, base=base)


@pytest.fixture
def plan(composed_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The same for an empty folder of runs."""
    whole = leave

    def left(member: Any, status: str) -> Path:
        path = whole(member, status)
        value = VALUES[GOOD[member.run.training.lr]]
        rows = [{"epoch": e, "val/accuracy": value} for e in range(1, UNTIL[member.identity] + 1)]
        RunFolder(path).metrics.rewrite(rows)
        return path

    monkeypatch.setattr(acting, "leave", left)
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)
    return inside(composed_plan, tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that sweeps see."""
    found = Clock()
    for module in (sweep, attempts):
        monkeypatch.setattr(module, "time", found)
    return found


def go(plan: Plan, launch: Acting, **more: Any) -> Seen:
    """Run it."""
    seen = Seen()
    sweep.run(plan, seen, "vitpos it", launch=launch, **more)
    return seen


@pytest.mark.parametrize("slots", [1, 2, 7])
def test_the_worse_arms_are_stopped(plan, clock, tmp_path, slots):
    """At each epoch of the rule, for all seeds that follow; again, nothing is left to do."""
    launch, again = Halved(clock, slots=slots), Halved(clock)
    seen = go(plan, launch)
    go(plan, again)
    rows = Lines(tmp_path / "made" / halving.JOURNAL).read()
    last = {title: kinds[-1] for title, kinds in seen.kinds.items()}

    assert {title for title, kind in last.items() if kind == "stopped"} == {
        f"{arm}, seed {seed}" for arm in "be" for seed in (0, 1)
    }
    assert list(last.values()).count("finished") == 6
    assert [(row["seed"], row["epoch"], row["stopped"]) for row in rows] == [
        (0, 1, ["b", "e"]), (0, 2, []), (1, 1, []), (1, 2, []),
    ]  # fmt: skip
    assert dict(launch.asked)["base, seed 0"] is None
    assert [e for title, e in launch.asked if title == "c, seed 0"] == [1, 2, None]
    assert [e for title, e in launch.asked if title == "b, seed 0"] == [1]
    assert not any(title in ("b, seed 1", "e, seed 1") for title, _ in launch.asked)
    assert again.titles == []
    assert {records.read(s.path).status for s in seen.states.values() if s.kind == "stopped"} == {
        "stopped"
    }


def test_stopped_arms_are_shown_and_not_compared(plan, clock, tmp_path, capsys):
    """They count among the comparisons of the plan all the same."""
    go(plan, Halved(clock))
    rows = {row.label: row for row in comparison.compare([tmp_path / "made"]).rows}
    code, said, _ = call(capsys, "compare", tmp_path / "made", "--format", "csv")

    assert rows["b"].lost == {"stopped": (0, 1)}
    assert (rows["b"].difference, rows["b"].rank) == (None, None)
    assert rows["c"].difference is not None
    assert code == 0
    assert "stopped" in next(line for line in said.splitlines() if "b" in line.split(","))


def test_an_arm_stopped_late_has_values_that_do_not_count(plan, tmp_path):
    """It was good with the first seed, and is not compared by it."""
    for member in plan.members:
        UNTIL[member.identity] = 4
        if member.title != "b, seed 1":
            acting.leave(member, "finished")
    frozen.freeze(plan)
    halving.stop(plan.members[6], State("planned"), 1)
    row = next(r for r in comparison.compare([tmp_path / "made"]).rows if r.label == "b")

    assert row.values == {0: 0.5}
    assert row.lost == {"stopped": (1,)}
    assert row.difference is None


def lies(tmp_path: Path, member: Any) -> Path:
    """Where a member lies."""
    [path] = (tmp_path / "made").glob(f"{member.arm.name}-s{member.seed}-*")
    return path


def test_what_is_lost_is_waited_for_no_longer(plan, clock, tmp_path):
    """The others are decided without it; tried again, it goes on to its end."""
    launch = Halved(clock, {"c, seed 0": [Act(1)]})
    with pytest.raises(Unfinished, match="1 of 10 runs failed: c, seed 0"):
        go(plan, launch)
    again = Halved(clock)
    seen = go(plan, again, retry=True)

    assert records.read(lies(tmp_path, plan.members[2])).status == "finished"
    assert again.asked == [("c, seed 0", None)]
    assert seen.first["b, seed 0"].kind == "stopped"


def test_a_sweep_that_was_cut_short_decides_the_same(plan, clock, tmp_path):
    """What was decided stays, what was paused goes on."""
    first = Halved(clock, slots=1)
    with pytest.raises(sweep.UserError):
        go(plan, first, budget=75.0)
    seen = go(plan, Halved(clock))
    end = seen.first | seen.states

    assert {title for title, state in end.items() if state.kind == "stopped"} == {
        f"{arm}, seed {seed}" for arm in "be" for seed in (0, 1)
    }
    assert sum(state.kind == "finished" for state in end.values()) == 6


def test_what_another_plan_stopped_may_go_on(plan, clock, tmp_path):
    """A plan without the rule runs all its members to the end."""
    go(plan, Halved(clock))
    free = Plan(replace(plan.study, stopping=None), plan.members)
    found = [replace(member, study=free.study) for member in plan.members]
    launch = Halved(clock)
    seen = go(Plan(free.study, tuple(found)), launch)

    assert sorted(launch.titles) == ["b, seed 0", "b, seed 1", "e, seed 0", "e, seed 1"]
    assert {state.kind for state in seen.states.values()} == {"finished"}


def test_who_pauses_without_getting_further_is_left(plan, clock, monkeypatch):
    """It is not started again and again."""
    monkeypatch.setattr(acting, "leave", leave)
    launch = Halved(clock)
    with pytest.raises(Unfinished, match="were stopped from outside"):
        go(plan, launch)

    assert sorted(launch.titles) == sorted(set(launch.titles))


def test_a_member_that_another_process_has_is_waited_for(plan, clock, tmp_path):
    """Its value counts as soon as it is there."""
    member = plan.members[1]
    claim = claims.claimed(tmp_path, member.identity)
    claim.__enter__()
    UNTIL[member.identity] = 1

    def let_go() -> None:
        acting.leave(member, "paused")
        claim.__exit__(None, None, None)

    clock.after(100, let_go)
    seen = go(plan, Halved(clock))

    assert seen.kinds["b, seed 0"] == ["elsewhere", "paused", "stopped"]
    assert clock.now > 1100


def test_the_rule_belongs_to_the_plan(plan, tmp_path):
    """It is thawed with it, and another rule makes another plan."""
    path = frozen.freeze(plan)
    other = replace(plan, study=replace(plan.study, stopping=Stopping(**RULE | {"keep": 0.25})))

    assert frozen.thaw(path).study.stopping == Stopping(**RULE)
    assert frozen.digest(plan) != frozen.digest(other)
    assert "stopping" not in frozen.document(
        replace(plan, study=replace(plan.study, stopping=None))
    )


@pytest.mark.parametrize(
    ("stopping", "said"),
    [
        (3, "stopping = 3: must hold named values"),
        (RULE | {"keep": 1}, "stopping.keep = 1.0: must be below 1"),
        (RULE | {"epochs": []}, "stopping.epochs = []: must be some epochs"),
        (RULE | {"epochs": [2, 1]}, "stopping.epochs = [2, 1]: must be some epochs"),
        (RULE | {"metric": "test/accuracy"}, "must be one of val/accuracy, val/loss"),
        ({"epochs": [1], "metric": "val/loss"}, "stopping.keep is missing"),
        (RULE | {"kep": 1}, "unknown key stopping.kep"),
    ],
)
def test_says_what_is_wrong_in_a_file(stopping, said):
    """With the key."""
    problems: list[Any] = []
    studies.study("made", BODY | {"stopping": stopping}, problems.append)

    assert any(said in problem.message for problem in problems), problems


def test_a_rule_that_decides_nothing_is_a_mistake():
    """Runs are over before."""
    study = studies.study("made", BODY | {"stopping": RULE | {"epochs": [1, 500]}}, pytest.fail)
    with pytest.raises(BadInput, match="epochs = 500: a run is over after"):
        plans.plan(study, {})


def test_words_say_what_the_rule_is():
    """In the dry run."""
    said = Stopping(**RULE).words()

    assert said.startswith("after epoch 1 and 2 the best 50% of the arms of a seed by val/accuracy")
