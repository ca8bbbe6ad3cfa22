"""What is said of a sweep that is over: where its runs are, and what was not finished."""

from collections.abc import Sequence

from vitpos.errors import Interrupted, Paused, Unfinished
from vitpos.runs import place
from vitpos.sweeps.plan import Plan
from vitpos.sweeps.states import State
from vitpos.words import counted, seconds_words

ENDED_BADLY = ("failed", "diverged")


def conclude(
    plan: Plan,
    states: Sequence[State],
    again: str,
    signal: int | None,
    budget: float | None,
) -> None:
    """Raise what there is to say, unless everything is finished."""
    total = len(states)
    bad = [number for number, state in enumerate(states) if state.kind in ENDED_BADLY]
    left = total - len(bad) - sum(state.kind in ("finished", "stopped") for state in states)
    failed = f"; {len(bad)} failed" if bad else ""
    if signal is not None and left:
        said = f"stopped with {left} of {counted(total, 'run')} to do; what was begun is saved"
        raise Interrupted(said + failed, again, signal=signal)
    if budget is not None and left:
        said = f"the budget of {seconds_words(budget)} is spent with {left} of"
        raise Paused(
            f"{said} {counted(total, 'run')} to do; what was begun is saved{failed}", again
        )
    if bad:
        named = [named_state(plan, states, number) for number in bad[:5]]
        more = "; ..." if len(bad) > 5 else ""
        said = f"{len(bad)} of {counted(total, 'run')} failed: {'; '.join(named)}{more}"
        raise Unfinished(said, f"look at them, then {again.removesuffix(' --retry')} --retry")
    if left:
        raise Unfinished(f"{left} of {counted(total, 'run')} were stopped from outside", again)


def named_state(plan: Plan, states: Sequence[State], number: int) -> str:
    """A member and what happened to it."""
    state = states[number]
    return f"{plan.members[number].title}: {state.detail or state.kind}"


def folders(plan: Plan) -> list[str]:
    """The folder of the study. Comparisons find what is the same elsewhere by the plan in it."""
    return list(dict.fromkeys(str(place(member.run).parent) for member in plan.members))
