"""Tuning on equal terms: every arm has the same grid, as many trials, and seeds of their own.

A trial is an arm with one combination of values and one seed, an ordinary member of the plan of a
study `<name>-tuning`. Only its result on validation images after the last epoch is read. The study
itself is then planned with what was chosen for each arm, and frozen before its first run; its own
seeds have nothing to do with those of the trials.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from vitpos import overrides
from vitpos.errors import BadInput, Problem, Unfinished
from vitpos.sweeps import frozen, grids, progress, stock
from vitpos.sweeps.choices import Choice, Point, best, is_edge, lines
from vitpos.sweeps.conclusion import ENDED_BADLY
from vitpos.sweeps.labels import Axis, arm_name
from vitpos.sweeps.plan import Plan, plan, studied
from vitpos.sweeps.rules import SEEDS, Tuning, trial_seeds, values
from vitpos.sweeps.states import State
from vitpos.sweeps.studies import Arm, Study
from vitpos.terminal.bulletins import shared
from vitpos.words import counted

FIRST_SEED = 1_000_000  # of trials; those of studies lie far below
SUFFIX = "-tuning"


@dataclass(frozen=True)
class Asked:
    """A study, what is tried for all its arms, and the trials."""

    study: Study
    overrides: Mapping[str, str]  # of all arms
    grid: Mapping[str, tuple[Any, ...]]
    trials: Plan

    @property
    def points(self) -> list[dict[str, Any]]:
        """All combinations of the values, the last axis first."""
        return points(self.grid)


@dataclass(frozen=True)
class Tuned:
    """What was chosen, and the plan of the study with it."""

    asked: Asked
    choices: tuple[Choice, ...]
    lost: tuple[str, ...]  # trials that did not finish, and why
    failed: int  # how many of them did not diverge
    plan: Path


def asked(words: Sequence[str], seeds: int | None = None) -> Asked:
    """What `study=NAME KEY=VALUE,VALUE ...` asks for; raises `BadInput` with all that is wrong.

    A key with several values is an axis, as is one that the study's own grid has; other words are
    overrides of all arms. `seeds` is how many the trials have.
    """
    words = overrides.given(words)
    several = [word for word in words if is_axis(word)]
    single = [word for word in words if not is_axis(word)]
    study, common = studied(single)
    problems: list[Problem] = []
    own = study.tune or Tuning({}, SEEDS)
    several += [f"{key}={common.pop(key)}" for key in [*common] if key in own.grid]
    grid = dict(own.grid) | typed_in(several, problems)
    for key in grid:
        common.pop(key, None)
    number = trial_seeds(own.seeds if seeds is None else seeds, "--seeds", problems.append)
    if not grid:
        hint = "training.lr=1e-3,2e-3,4e-3, or `tune: {grid: ...}` in its file"
        problems.append(Problem(f"{study.name} has nothing to tune", hint))
    runs = len(study.arms) * prod(map(len, grid.values())) * number
    if runs > overrides.MOST:
        problems.append(Problem(f"{runs:,} trials: a sweep has at most {overrides.MOST:,}"))
    if problems:
        raise BadInput.all_of(problems)
    first = points(grid)[0]
    arms = tuple(replace(arm, overrides=with_values(arm, first)) for arm in study.arms)
    plan(replace(study, arms=arms), common)  # what is wrong with it is better told before
    return Asked(study, common, grid, trials(study, common, grid, number))


def is_axis(word: str) -> bool:
    """Whether it has several values that are to be tried."""
    return word.partition("=")[0] not in ("study", "seeds") and grids.is_several(word)


def typed_in(words: Sequence[str], problems: list[Problem]) -> dict[str, tuple[Any, ...]]:
    """Axes from words."""
    found = {}
    for word in words:
        axis = grids.values(word, problems)
        if axis is not None:
            found[axis[0]] = values(axis[0], axis[1], problems.append)
    return found


def points(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All combinations of the values."""
    return [dict(zip(grid, combination, strict=True)) for combination in product(*grid.values())]


def trials(
    study: Study, common: Mapping[str, str], grid: Mapping[str, Sequence[Any]], seeds: int
) -> Plan:
    """The plan of all trials; those of one arm follow each other, as the points do."""
    axes = [Axis(key, tuple(axis)) for key, axis in grid.items()]
    arms = [
        Arm(f"{arm.name}-{arm_name(axes, [*point.values()], {})}", with_values(arm, point), None)
        for arm in study.arms
        for point in points(grid)
    ]
    falls = study.design.metric.partition("@")[0].endswith("/loss")
    design = replace(
        study.design,
        question=f"Which {' and '.join(grid)} for each arm of {study.name}?",
        seeds=seeds,
        metric="val/loss" if falls else "val/accuracy",
        direction="down" if falls else "up",
        looks=1,
    )
    numbers = tuple(range(FIRST_SEED, FIRST_SEED + seeds))
    return plan(Study(f"{study.name}{SUFFIX}", design, tuple(arms), {}, (), numbers), common)


def with_values(arm: Arm, point: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides of an arm with these values."""
    return {**arm.overrides, **{key: overrides.spelled(item) for key, item in point.items()}}


def tune(asked: Asked, go: Callable[[Plan], None]) -> Tuned:
    """Have `go` run the trials, choose, and freeze the study's plan.

    Raises what `go` raises unless all trials are over, and `Unfinished` if none of an arm finished.
    """
    try:
        go(asked.trials)
    except Unfinished:
        if not all(state.kind in ("finished", *ENDED_BADLY) for state in states(asked.trials)):
            raise
    found = states(asked.trials)
    made = choose(asked, found)
    path = frozen.freeze(chosen_plan(asked, made))
    bad = [(n, state) for n, state in enumerate(found) if state.kind in ENDED_BADLY]
    said = [f"{asked.trials.members[n].title}: {state.detail or state.kind}" for n, state in bad]
    return Tuned(asked, made, tuple(said), sum(s.kind == "failed" for _, s in bad), path)


def states(made: Plan) -> list[State]:
    """Of all members, as they lie on the disk."""
    known = progress.there(made)
    return [stock.state(member, known.get(member.identity)) for member in made.members]


def choose(asked: Asked, found: Sequence[State]) -> tuple[Choice, ...]:
    """For each arm; raises `Unfinished` for those without any result."""
    by_arm: dict[str, list[State]] = {}
    for member, state in zip(asked.trials.members, found, strict=True):
        by_arm.setdefault(member.arm.name, []).append(state)
    tried = iter(asked.trials.study.arms)
    choices, without = [], []
    for arm in asked.study.arms:
        mine = tuple(point(values, by_arm[next(tried).name]) for values in asked.points)
        number = best(mine, asked.trials.study.design.direction)
        if number is None:
            without.append(arm.name)
        else:
            edge = is_edge(mine[number].values, asked.grid)
            choices.append(Choice(arm.name, mine, number, edge))
    if without:
        raise Unfinished(
            f"not one trial finished: {', '.join(without)}", "--retry, or other values"
        )
    return tuple(choices)


def point(values: Mapping[str, Any], found: Sequence[State]) -> Point:
    """What one arm reached with these values; a result that is no number is none."""
    results = [s.value for s in found if s.kind == "finished" and s.value is not None]
    return Point(values, tuple(results), len(found) - len(results))


def chosen_plan(asked: Asked, choices: Sequence[Choice]) -> Plan:
    """The plan of the study itself, which knows how its numbers were chosen."""
    arms = [
        replace(arm, overrides=with_values(arm, choice.values))
        for arm, choice in zip(asked.study.arms, choices, strict=True)
    ]
    seeds = asked.trials.study.seeds
    tuned = {
        "trials": len(asked.points) * len(seeds),
        "grid": {key: list(axis) for key, axis in asked.grid.items()},
        "seeds": list(seeds),
        "metric": asked.trials.study.design.metric,
        "chosen": {choice.arm: {**choice.values, "edge": choice.is_edge} for choice in choices},
        "plan": frozen.digest(asked.trials),
    }
    return plan(replace(asked.study, arms=tuple(arms), tuned=tuned), asked.overrides)


def report(tuned: Tuned, width: int) -> Iterator[str]:
    """The choices, what was lost, and what to type next."""
    design, seeds = tuned.asked.trials.study.design, tuned.asked.trials.study.seeds
    each = counted(len(tuned.asked.points) * len(seeds), "trial")
    unit = " %" * shared(design.metric)
    tried = f"mean of {counted(len(seeds), 'seed')} from {seeds[0]} on"
    yield f"{design.metric}{unit}, {tried}; {each} per arm"
    yield from lines(tuned.choices, design.metric, width)
    yield from (f"counted as worst: {said}" for said in tuned.lost)
    if any(choice.is_edge for choice in tuned.choices):
        yield "at the edge of the grid: a better value may lie outside"
    yield progress.typed(["resume", str(tuned.plan)])


def complain(tuned: Tuned, again: str) -> None:
    """Raise `Unfinished` if trials failed for another reason than their values."""
    if tuned.failed:
        said = f"{tuned.failed} of {counted(len(tuned.asked.trials.members), 'trial')} failed"
        raise Unfinished(f"{said} and counted as worst", f"{again} --retry")
