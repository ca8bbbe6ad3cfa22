"""What a sweep has come to so far: counts, running means of its arms, and the time that is left.

Running means are for whoever waits. They are no result: seeds are missing, and nothing is judged.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from vitpos.statistics import Interval, mean_interval
from vitpos.sweeps.forecast import Experience, seconds_left, work
from vitpos.sweeps.plan import Member, Plan
from vitpos.sweeps.states import State

WAITING = ("planned", "queued", "paused", "interrupted")  # what this sweep may still work on
LOST = ("failed", "diverged")
OVER = ("finished", *LOST, "stopped")


@dataclass(frozen=True)
class Mean:
    """Of some seeds; the 95 % t interval once there are three."""

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Row:
    """One arm."""

    arm: str
    members: tuple[int, ...]  # in the plan, by seed
    values: Mapping[int, float]  # of the seeds that are finished
    mean: Mean | None
    difference: Mean | None  # to the baseline, over the seeds that both have
    lost: int


class Tally:
    """Is told the states of all members and of each change."""

    def __init__(
        self, plan: Plan, states: Sequence[State], slots: int, *, retry: bool = False
    ) -> None:
        self.plan, self.slots = plan, slots
        lost = [number for number, state in enumerate(states) if state.kind in LOST]
        self.again = set(lost if retry else [])  # lost before, and tried again by this sweep
        self.states = list(states)
        self.counts = Counter(state.kind for state in states)
        self.running = {n: None for n, state in enumerate(states) if state.kind == "running"}
        self.members: dict[str, list[int]] = {}
        for number, member in enumerate(plan.members):
            self.members.setdefault(member.arm.name, []).append(number)
        self.touched: dict[str, None] = {}  # arms, the one that changed last at the end
        self.begun: dict[int, float] = {}  # share that was done when this sweep took it on
        self.took: dict[str, list[float]] = {arm: [] for arm in self.members}
        self.rows: dict[str, Row] = {}

    def change(self, number: int, state: State) -> State:
        """A member is further; what it was before."""
        before, self.states[number] = self.states[number], state
        arm = self.plan.members[number].arm.name
        self.again.discard(number)
        if state.kind == "running":
            self.running[number] = None
            if state.steps:
                self.begun.setdefault(number, state.step / state.steps)
        if before.kind == state.kind:
            return before
        self.counts[before.kind] -= 1
        self.counts[state.kind] += 1
        self.touched.pop(arm, None)
        self.touched[arm] = None
        self.rows.clear()
        if state.kind != "running":
            self.running.pop(number, None)
            if state.kind == "finished" and state.seconds > 0:
                self.took[arm].append(state.seconds / (1 - self.done_before(number)))
        return before

    def done_before(self, number: int) -> float:
        """The share of a member that an earlier process had done, at most nearly all."""
        return min(0.95, self.begun.get(number, 0.0))

    def row(self, arm: str) -> Row:
        """All of one arm."""
        if arm not in self.rows:
            members = tuple(self.members[arm])
            values, kinds = self.values(arm), [self.states[n].kind for n in members]
            other = self.plan.members[members[0]].arm.baseline
            before = self.values(other) if other in self.members else {}
            pairs = [values[seed] - before[seed] for seed in values if seed in before]
            lost = sum(kind in LOST for kind in kinds)
            self.rows[arm] = Row(arm, members, values, mean([*values.values()]), mean(pairs), lost)
        return self.rows[arm]

    def values(self, arm: str | None) -> dict[int, float]:
        """The metric of an arm's finished members, by seed."""
        states = [self.states[n] for n in self.members.get(arm or "", ())]
        seeds = [self.plan.members[n].seed for n in self.members.get(arm or "", ())]
        return {
            seed: state.value
            for seed, state in zip(seeds, states, strict=True)
            if state.kind == "finished" and state.value is not None
        }

    def left(self) -> float | None:
        """Seconds until the last member is over; None while nobody knows."""
        guesses = Experience(self.experience(), self.work()).guesses()
        waiting = [n for n, state in enumerate(self.states) if self.is_waiting(n, state)]
        mine = [self.left_of(number, guesses) for number in self.running]
        rest = [self.rest(number, guesses) for number in waiting]
        if None in mine or None in rest:
            return None
        known = [left for left in mine if left is not None]
        queued = [left for left in rest if left is not None]
        others = [n for n, state in enumerate(self.states) if state.kind == "elsewhere"]
        theirs = [self.rest(number, guesses) or 0.0 for number in others]
        return max(seconds_left(known, queued, self.slots), *theirs, 0.0)

    def is_waiting(self, number: int, state: State) -> bool:
        """Whether this sweep will still work on it."""
        return state.kind in WAITING or number in self.again

    def experience(self) -> dict[str, Sequence[float]]:
        """What members took; of arms of which none is over, what those that run will take."""
        found: dict[str, Sequence[float]] = {arm: took for arm, took in self.took.items() if took}
        for number in self.running:
            arm = self.plan.members[number].arm.name
            left = self.left_by_pace(number)
            if not self.took[arm] and left is not None:
                whole = (self.states[number].seconds + left) / (1 - self.done_before(number))
                found[arm] = [*found.get(arm, ()), whole]
        return found

    def work(self) -> dict[str, float]:
        """Of each arm, by the images of an epoch that its data set turned out to have."""
        images = {
            pool(member): state.steps * member.run.training.batch_size / member.run.training.epochs
            for member, state in zip(self.plan.members, self.states, strict=True)
            if state.steps
        }
        alike = len({pool(member) for member in self.plan.members}) == 1
        first = [self.plan.members[members[0]] for members in self.members.values()]
        return {
            member.arm.name: work(member.run, round(images.get(pool(member), 1)))
            for member in first
            if alike or pool(member) in images
        }

    def left_of(self, number: int, guesses: Mapping[str, float]) -> float | None:
        """Seconds for the rest of one that runs."""
        arm = self.plan.members[number].arm.name
        by_pace = self.left_by_pace(number)
        return self.rest(number, guesses) if self.took[arm] or by_pace is None else by_pace

    def left_by_pace(self, number: int) -> float | None:
        """The same by its own speed alone; None before it has one."""
        state, run = self.states[number], self.plan.members[number].run
        if not (state.steps and state.rate > 0):
            return None
        return (state.steps - state.step) * run.training.batch_size / state.rate

    def rest(self, number: int, guesses: Mapping[str, float]) -> float | None:
        """The same by what others took."""
        state, whole = self.states[number], guesses.get(self.plan.members[number].arm.name)
        if whole is None:
            return None
        return whole * (1 - state.step / state.steps) if state.steps else whole


def mean(values: Sequence[float]) -> Mean | None:
    """Of numbers, with an interval if they are three or more."""
    if not values:
        return None
    return Mean(fmean(values), mean_interval(values))


def pool(member: Member) -> tuple[str, int | None]:
    """What decides how many images an epoch has."""
    return member.run.dataset.name, member.run.training.limit
