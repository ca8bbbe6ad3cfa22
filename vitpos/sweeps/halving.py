"""Stopping arms early by a declared rule: successive halving, decided seed by seed.

After Jamieson and Talwalkar 2016 (https://arxiv.org/abs/1502.07943) and Li et al. 2020, ASHA
(https://arxiv.org/abs/1810.05934), but synchronous within a seed: a run that reaches an epoch of
the rule pauses there until all arms of its seed and condition have, or are lost. Then the best
ceil(keep x n) of the n arms go on, never fewer than two, with all that are as good as the last of
these; the others are stopped, and not started for later seeds. Whoever arrives first, the decision
is the same. Baselines take no part and always run to their end.

::

    outputs/<study>/stopping.jsonl    a line for each decision, which is never taken twice
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vitpos import records
from vitpos.durable import Lines
from vitpos.errors import BadRun, Locked
from vitpos.records import finite
from vitpos.runs import RunFolder, now, place
from vitpos.sweeps import claims, failures, frozen
from vitpos.sweeps.conclusion import ENDED_BADLY
from vitpos.sweeps.plan import Member, Plan
from vitpos.sweeps.rules import Stopping
from vitpos.sweeps.states import State

JOURNAL = "stopping.jsonl"
FEWEST = 2  # arms beside the baseline that are never stopped


@dataclass(frozen=True)
class Word:
    """What a member may do: go on, as far as an epoch or to its end; wait; or it is stopped."""

    kind: str  # go wait stop
    epoch: int | None = None


TO_ITS_END, WAIT = Word("go"), Word("wait")
Place = tuple[int, str, int]  # of a decision: the seed, the baseline that is compared with, epoch


def kept(values: Mapping[str, float | None], keep: float, direction: str) -> set[str]:
    """The arms that go on, by their values at an epoch; None is worse than any number."""
    sign = -1.0 if direction == "up" else 1.0
    costs = {arm: math.inf if v is None else sign * v for arm, v in values.items()}
    count = max(FEWEST, math.ceil(keep * len(costs)))
    if len(costs) <= count:
        return set(costs)
    last = sorted(costs.values())[count - 1]
    return {arm for arm, cost in costs.items() if cost <= last}


class Free:
    """No rule: everything runs to its end."""

    def say(self, number: int) -> Word:
        """What a member may do."""
        return TO_ITS_END


class Halving(Free):
    """The rule of a plan, asked about each member whenever it could run.

    `states` are those of the sweep, as they are at any time.
    """

    def __init__(self, plan: Plan, rule: Stopping, states: Sequence[State]) -> None:
        self.plan, self.rule, self.states = plan, rule, states
        self.key = frozen.digest(plan)[:12]
        self.folder = folder(plan)
        self.numbers = {(m.arm.name, m.seed): n for n, m in enumerate(plan.members)}
        self.rivals: dict[str, list[str]] = {}
        for member in plan.members:
            if member.arm.baseline is not None:
                group = self.rivals.setdefault(member.arm.baseline, [])
                group += [member.arm.name] * (member.arm.name not in group)
        self.stopped = decisions(self.folder, self.key)
        self.values: dict[tuple[int, int], float | None] = {}

    def say(self, number: int) -> Word:
        """What a member may do."""
        member = self.plan.members[number]
        arm, base = member.arm.name, member.arm.baseline
        if base is None:
            return TO_ITS_END
        for seed in self.plan.study.seeds[: self.plan.study.seeds.index(member.seed)]:
            for epoch in self.rule.epochs:
                gone = self.decided((seed, base, epoch))
                if gone is None:
                    return WAIT
                if arm in gone:
                    return Word("stop", epoch)
        for epoch in self.rule.epochs:
            gone = self.decided((member.seed, base, epoch))
            if gone is None:
                return WAIT if self.has_reached(number, epoch) else Word("go", epoch)
            if arm in gone:
                return Word("stop", epoch)
        return TO_ITS_END

    def decided(self, where: Place) -> AbstractSet[str] | None:
        """The arms that are stopped there; None as long as that cannot be decided."""
        if where not in self.stopped:
            seed, _, epoch = where
            entrants = self.entrants(where)
            if entrants is None:
                return None
            numbers = {arm: self.numbers[arm, seed] for arm in entrants}
            reached = {arm: n for arm, n in numbers.items() if self.has_reached(n, epoch)}
            if any(not self.is_lost(n) for arm, n in numbers.items() if arm not in reached):
                return None
            self.decide(where, {arm: self.values[n, epoch] for arm, n in reached.items()})
        return self.stopped[where]

    def entrants(self, where: Place) -> list[str] | None:
        """The arms that were not stopped before; None if that is open."""
        seed, base, epoch = where
        seeds = self.plan.study.seeds
        before = [(s, base, e) for s in seeds[: seeds.index(seed)] for e in self.rule.epochs]
        before += [(seed, base, e) for e in self.rule.epochs if e < epoch]
        gone = set[str]()
        for place_before in before:
            found = self.decided(place_before)
            if found is None:
                return None
            gone |= found
        return [arm for arm in self.rivals[base] if arm not in gone]

    def decide(self, where: Place, values: Mapping[str, float | None]) -> None:
        """Write down who is stopped, unless another process has done so."""
        with failures.in_turn(self.folder):
            self.stopped |= decisions(self.folder, self.key)
            if where in self.stopped:
                return
            going = kept(values, self.rule.keep, self.rule.direction)
            gone = [arm for arm in values if arm not in going]
            row = {"at": now(), "plan": self.key, "seed": where[0], "against": where[1]}
            row |= {"epoch": where[2], self.rule.metric: dict(values), "stopped": gone}
            Lines(self.folder / JOURNAL).append(row)
            self.stopped[where] = frozenset(gone)

    def is_lost(self, number: int) -> bool:
        """Whether a member will not come further."""
        return self.states[number].kind in ENDED_BADLY

    def has_reached(self, number: int, epoch: int) -> bool:
        """Whether a member has its value there, which never changes any more."""
        path = self.states[number].path
        if (number, epoch) not in self.values and path is not None:
            with suppress(BadRun):
                for row in records.rows(path):
                    if row.get("epoch") == epoch:
                        self.values[number, epoch] = finite(row.get(self.rule.metric))
        return (number, epoch) in self.values


def rule(plan: Plan, states: Sequence[State]) -> Free:
    """That of a plan."""
    stopping = plan.study.stopping
    return Free() if stopping is None else Halving(plan, stopping, states)


def folder(plan: Plan) -> Path:
    """That of the study."""
    return place(plan.members[0].run).expanduser().absolute().parent


def decisions(where: Path, plan: str) -> dict[Place, AbstractSet[str]]:
    """Those that were taken for a plan; raises `BadRun` if the file is damaged."""
    path = where / JOURNAL
    found: dict[Place, AbstractSet[str]] = {}
    for row in Lines(path).read() if path.exists() else ():
        if row.get("plan") == plan:
            match row:
                case {
                    "seed": int(seed),
                    "against": str(against),
                    "epoch": int(epoch),
                    "stopped": [*arms],
                } if all(isinstance(arm, str) for arm in arms):
                    found[seed, against, epoch] = frozenset(arms)
                case _:
                    raise BadRun(f"{path} is damaged: a line is no decision")
    return found


def seen(plan: Plan, states: Sequence[State]) -> list[State]:
    """States as this plan takes them: what only another one stopped may go on."""
    if all(state.kind != "stopped" for state in states):
        return list(states)
    taken = decisions(folder(plan), frozen.digest(plan)[:12]) if plan.study.stopping else {}
    gone = {(base, arm) for (_, base, _), arms in taken.items() for arm in arms}
    return [
        replace(state, kind="paused", detail="")
        if state.kind == "stopped" and (member.arm.baseline, member.arm.name) not in gone
        else state
        for member, state in zip(plan.members, states, strict=True)
    ]


def stop(member: Member, state: State, epoch: int | None) -> State:
    """Write into the record of a run, which is made if there is none, that it is stopped."""
    detail = f"by the rule at epoch {epoch}"
    with suppress(Locked), claims.claimed(Path(member.run.outputs), member.identity):
        run = RunFolder(state.path) if state.path else RunFolder.create(member.run, member.words)
        with run.locked():
            facts = run.record() if run.is_recorded() else failures.unborn(member)
            if facts.get("status") != "finished":
                run.update(**facts | {"status": "stopped", "stopped": {"epoch": epoch}})
        return replace(state, kind="stopped", path=run.path, detail=detail)
    return replace(state, kind="stopped", detail=detail)
