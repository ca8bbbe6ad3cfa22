"""By what results are judged: as the plan of a study declares, or as is usual without one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitpos.comparing.arms import Arm
from vitpos.comparing.gathering import Source, thawed
from vitpos.comparing.readings import Reading, reading
from vitpos.errors import BadInput
from vitpos.sweeps import frozen
from vitpos.sweeps.plan import Member
from vitpos.words import counted

USUAL = "test/accuracy"
DIRECTIONS = ("up", "down")
JUDGED = ("metric", "direction", "alpha", "smallest_effect", "looks")  # of a design


@dataclass(frozen=True)
class Judgement:
    """What is read off a run, and what makes a difference a finding."""

    question: str
    reading: Reading
    direction: str
    alpha: float
    smallest_effect: float
    looks: int


def judgement(
    source: Source | None, metric: str | None, at: str | None, direction: str | None = None
) -> Judgement:
    """The rules of a plan, but for the metric and the direction where others are asked for."""
    if direction not in (None, *DIRECTIONS):
        raise BadInput(f"--direction {direction}: must be up or down")
    if source is None:
        asked = reading(metric or USUAL, at)
        way = direction or asked.direction
        return Judgement("", asked, way, 0.05, asked.smallest_effect, 1)
    design = source.plan.study.design
    asked = reading(metric or design.metric, at)
    own = asked.metric == design.metric
    return Judgement(
        design.question,
        asked,
        direction or (design.direction if own else asked.direction),
        design.alpha,
        design.smallest_effect if own else asked.smallest_effect,
        design.looks,
    )


def deviations(
    source: Source,
    rules: Judgement,
    arms: Sequence[Arm],
    planned: Mapping[str, str],
    against: Mapping[str, str],
    where: Sequence[str],
) -> Iterator[str]:
    """How a table differs from what was planned; `planned` and `against` are baselines by arm."""
    design = source.plan.study.design
    if rules.reading.metric != design.metric:
        yield f"metric {rules.reading.metric}, planned {design.metric}"
    elif rules.direction != design.direction:
        yield f"{rules.direction} is better, planned {design.direction}"
    if rules.reading.moment is not None:
        unit, count = rules.reading.moment
        yield f"at {unit}={count:g}, planned at the end"
    others = [arm.name for arm in arms if not arm.planned]
    if others:
        yield f"{counted(len(others), 'arm')} not in the plan: {few(others)}"
    seeds = {member.seed for member in source.plan.members}
    more = [arm.name for arm in arms if arm.planned and any(s not in seeds for s in arm.runs)]
    if more:
        yield f"more seeds than planned: {few(more)}"
    other = [arm for arm, baseline in against.items() if planned.get(arm) not in (None, baseline)]
    if other or any(arm not in planned for arm in against):
        yield "another baseline than planned"
    gone = [arm for arm in planned if arm not in against]
    if gone:
        yield f"{len(gone)} of {counted(len(planned), 'planned comparison')} left out"
    early, by_key = before(source, arms), {arm.key: arm for arm in arms}
    if where:
        yield f"only runs with {' and '.join(where)}"
    late = [by_key[a].name for a, b in against.items() if early.get(a, set()) & early.get(b, set())]
    if late:
        yield f"results were there before the plan: {few(late)}"


def before(source: Source, arms: Sequence[Arm]) -> dict[str, set[int]]:
    """For each arm the seeds that ran before any plan with this judgement had them."""
    early = {
        arm.key: {s: r for s, r in arm.runs.items() if r.created and r.created < source.created}
        for arm in arms
    }
    if not any(early.values()):
        return {}
    for path in frozen.plans(source.folder):
        other = thawed(path) if path.name != source.path.name else ()
        if other and same_judgement(other[0], source.plan.members[0]):
            members, then = {member.identity for member in other}, frozen.created(path)
            for runs in early.values():
                for seed, run in list(runs.items()):
                    if str(run.record.get("identity")) in members and run.created >= then:
                        del runs[seed]
    return {key: set(runs) for key, runs in early.items()}


def same_judgement(a: Member, b: Member) -> bool:
    """Whether two plans judge alike, whatever arms and seeds they have."""
    return all(getattr(a.study.design, k) == getattr(b.study.design, k) for k in JUDGED)


def related(source: Source) -> list[str]:
    """The digests of the study's other plans that share runs with this one."""
    own = {member.identity for member in source.plan.members}
    return [
        path.stem
        for path in frozen.plans(source.folder)
        if path.name != source.path.name and any(m.identity in own for m in thawed(path))
    ]


def few(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


@dataclass(frozen=True)
class Recipe:
    """How the numbers of a study's arms were chosen: for all, and of some arms by name."""

    all: str = "fixed recipe"
    of_arms: Mapping[str, str] = field(default_factory=dict)


def recipe(source: Source | None) -> Recipe:
    """What a plan says of the tuning before it; without that its numbers are as its file has them.

    ::

        "tuned": {"trials": 5, "grid": {"training.lr": [0.001, 0.002]},
                  "seeds": [1000000], "metric": "val/accuracy", "plan": "0123...",
                  "chosen": {"rope2d": {"training.lr": 0.002, "edge": true}}}
    """
    tuned = source.plan.study.tuned if source is not None else None
    if tuned is None:
        return Recipe()
    chosen = tuned.get("chosen")
    of_arms = {
        str(arm): choice(values)
        for arm, values in (chosen.items() if isinstance(chosen, dict) else ())
        if isinstance(values, dict)
    }
    return Recipe(f"tuned, {counted(tuned.get('trials'), 'trial')} per arm", of_arms)


def choice(values: Mapping[str, Any]) -> str:
    """What was chosen for an arm."""
    said = ", ".join(f"{key}={value}" for key, value in values.items() if key != "edge")
    return f"{said}, at the edge of the grid" if values.get("edge") is True else said
