"""What is said of a sweep in words: how far it is, what became of a member, what to type next."""

import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from vitpos.outcome import printable
from vitpos.runs import place
from vitpos.sweeps.conclusion import folders
from vitpos.sweeps.plan import Member
from vitpos.sweeps.states import State
from vitpos.terminal.tally import LOST, OVER, Tally
from vitpos.words import counted, seconds_words

LONGEST = 20  # members that are named at the end
TOLD = (*OVER, "interrupted", "running", "paused", "queued", "elsewhere")


def remaining(left: float | None, clock: float) -> str:
    """The time that is left, and when that will be."""
    if left is None:
        return "time left not known yet"
    if left <= 0:
        return "0 s left"
    return f"about {seconds_words(left)} left, until {time_of_day(clock + left, clock)}"


def time_of_day(then: float, now: float) -> str:
    """``14:32``; with the date if that is not today."""
    form = "%H:%M" if time.localtime(then)[:3] == time.localtime(now)[:3] else "%Y-%m-%d %H:%M"
    return time.strftime(form, time.localtime(then))


def percents(state: State) -> str:
    """How far one is that runs."""
    return f"{100 * state.step // state.steps}%" if state.steps else "0%"


def shared(metric: str) -> bool:
    """Whether the metric is a share, which is shown in percents."""
    return metric.partition("@")[0].endswith("accuracy")


def said(states: Sequence[State]) -> str:
    """``12 finished, 2 running``."""
    kinds = [state.kind for state in states]
    counts = {kind: kinds.count(kind) for kind in TOLD}
    return ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)


def outcome_of(tally: Tally, number: int) -> str:
    """What has become of one member, in some words."""
    state, metric = tally.states[number], tally.plan.study.design.metric
    text = state.kind
    if state.kind == "running":
        return f"going on at {percents(state)}" if state.step else "started"
    if state.value is not None:
        value = f"{state.value:.2%}" if shared(metric) else f"{state.value:.4g}"
        text += f", {metric} {value}"
    if state.seconds:
        text += f", {seconds_words(state.seconds)}"
    return text + why(tally, number)


def why(tally: Tally, number: int) -> str:
    """What went wrong with a member, and where one can read more."""
    state, log = tally.states[number], log_of(tally.plan.members[number])
    text = f": {printable(state.detail, 300)}" if state.detail else ""
    return text + (f" ({printable(str(log))})" if state.kind in LOST and log.exists() else "")


def log_of(member: Member) -> Path:
    """What the process of a member printed."""
    where = place(member.run).expanduser()
    return where.parent / "logs" / f"{where.name}.log"


def closing(tally: Tally) -> Iterator[str]:
    """What there is, what was lost and why, and what to type next."""
    total, done = len(tally.states), tally.counts["finished"]
    runs = counted(total, "run")
    whole = f"{runs} {'is' if total == 1 else 'are'} there"
    yield whole if done == total else f"{said(tally.states) or 'none finished'} of {runs}"
    lost = [number for number, state in enumerate(tally.states) if state.kind in LOST]
    for number in lost[:LONGEST]:
        title = printable(tally.plan.members[number].title)
        yield f"{tally.states[number].kind}: {title}{why(tally, number)}"
    if len(lost) > LONGEST:
        yield f"... and {len(lost) - LONGEST} more"
    if done:
        where = shlex.join(folders(tally.plan))
        yield f"vitpos compare {printable(where, len(where))}"
