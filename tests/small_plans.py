"""Plans of a few arms, and sweeps told of by hand."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from run_folders import composed
from small_studies import BODY

from vitpos.sweeps import studies
from vitpos.sweeps.plan import Member, Plan
from vitpos.sweeps.states import State, Watch
from vitpos.sweeps.studies import Arm

STEPS = 100
OUTPUTS = "nowhere"
LIES = Path(OUTPUTS) / "made" / "run"


@cache
def made(arms: tuple[str, ...] = ("a", "b"), seeds: int = 3, **changes: Any) -> Plan:
    """A plan that was not checked: its arms have any names. The first of them is the baseline."""
    problems: list[Any] = []
    study = studies.study("made", BODY | {"seeds": seeds} | changes, problems.append)
    assert study is not None, problems
    compared = [Arm(name, {}, None if name == arms[0] else arms[0]) for name in arms]
    study = replace(study, arms=tuple(compared))
    run = replace(composed("embedding=none"), outputs=OUTPUTS, study="made")
    members = [
        Member(study, arm, seed, (), replace(run, seed=seed, name=arm.name), f"{arm.name}{seed}")
        for seed in range(seeds)
        for arm in compared
    ]
    return Plan(study, tuple(members))


def planned(of: Plan) -> list[State]:
    """Nothing has begun."""
    return [State("planned") for _ in of.members]


def going(step: int, *, seconds: float = 0.0, rate: float = 0.0) -> State:
    """A member that runs."""
    return State("running", LIES, step, STEPS, rate, seconds=seconds)


def finished(value: float, seconds: float = 10.0) -> State:
    """One that is over."""
    return State("finished", LIES, STEPS, STEPS, 0.0, value, seconds)


def failed(detail: str = "killed (SIGKILL)", kind: str = "failed") -> State:
    """One that did not come to its end."""
    return State(kind, LIES, seconds=4.0, detail=detail)


def tell(watch: Watch, of: Plan, ends: Sequence[State], *, running: int = 0) -> None:
    """A sweep whose first members ended so, and of which so many more are half done."""
    watch.begin(of, planned(of), 2)
    for number, end in enumerate(ends):
        watch.change(number, going(0))
        watch.change(number, end)
    for number in range(len(ends), len(ends) + running):
        watch.change(number, going(0))
        watch.change(number, going(50, seconds=5.0, rate=1280.0))
