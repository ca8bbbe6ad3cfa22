"""Who is told of a sweep: a board in a terminal, lines in a log, or only where it was left."""

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Group
from rich.live import Live as Redrawn

from vitpos.frozen import digest
from vitpos.outcome import printable
from vitpos.plan import Member, Plan
from vitpos.runs import place
from vitpos.scoreboard import Moment, Style, drawn, percents, remaining, shared
from vitpos.screen import print_error, terminal
from vitpos.states import State
from vitpos.sweep import folders
from vitpos.tally import LOST, OVER, Tally
from vitpos.words import counted, seconds_words

OFTEN = 0.25  # seconds between two drawings of the board, at least
SHARE = 0.015  # of a core's time that drawing may take
GUESS = 2.0  # seconds between two forecasts
RARELY = 30.0  # seconds of silence after which a line says how far it is
LONGEST = 20  # members that are named at the end
TOLD = (*OVER, "interrupted", "running", "paused", "queued", "elsewhere")


class Quiet:
    """Prints the folder of the study at the end, and nothing else."""

    def __init__(self, budget: float | None = None, *, retry: bool = False) -> None:
        self.budget = budget  # seconds that the sweep may take
        self.retry = retry  # whether what was lost before is tried again
        self.console = terminal()
        self.tally: Tally | None = None
        self.started = self.guessed = time.monotonic()
        self.left: float | None = None

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """Remember."""
        self.tally = Tally(plan, states, slots, retry=self.retry)
        self.started = time.monotonic()
        self.guess()

    def change(self, number: int, state: State) -> None:
        """Remember."""
        if self.tally is not None:
            self.changed(self.tally, number, self.tally.change(number, state))

    def changed(self, tally: Tally, number: int, before: State) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """It may matter to the result."""
        print_error(f"note: {printable(text)}")

    def tick(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Where it was left."""
        if self.tally is not None:
            self.console.print(folders(self.tally.plan, self.tally.states)[0])

    def guess(self) -> None:
        """How long it will take, seen from now."""
        self.guessed = time.monotonic()
        self.left = None if self.tally is None else self.tally.left()

    def moment(self) -> Moment:
        """Now."""
        now = time.monotonic()
        if now - self.guessed >= GUESS:
            self.guess()
        elapsed = now - self.started
        left = None if self.left is None else max(0.0, self.left - (now - self.guessed))
        return Moment(
            elapsed=elapsed,
            left=left,
            budget_left=None if self.budget is None else self.budget - elapsed,
            clock=time.time(),
        )


class Plain(Quiet):
    """A line when a member starts or ends, and now and then one that says how far it is."""

    def __init__(self, budget: float | None = None, *, retry: bool = False) -> None:
        super().__init__(budget, retry=retry)
        self.spoke = time.monotonic()

    def say(self, text: str) -> None:
        """A line."""
        self.spoke = time.monotonic()
        self.console.print(text)

    def note(self, text: str) -> None:
        """A line."""
        self.say(f"note: {printable(text)}")

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """What is going to happen."""
        super().begin(plan, states, slots)
        arms = len({member.arm.name for member in plan.members})
        runs = counted(len(plan.members), "run")
        self.say(printable(f"{plan.study.name}: {plan.study.design.question}"))
        self.say(
            f"plan {digest(plan)[:12]}: {runs} of {counted(arms, 'arm')}, {slots} at a time;"
            f" {said(states) or 'none yet'}"
        )

    def changed(self, tally: Tally, number: int, before: State) -> None:
        """A line, if it is not only a little further."""
        state = tally.states[number]
        if state.kind != before.kind:
            self.say(f"{self.became(tally, number, state)}")

    def became(self, tally: Tally, number: int, state: State) -> str:
        """What a member has become, and what is left then."""
        text = f"{printable(tally.plan.members[number].title)}: {outcome_of(tally, number)}"
        if state.kind not in OVER:
            return text
        self.guess()
        missing = len(tally.states) - sum(tally.counts[kind] for kind in OVER)
        return f"{text}; {missing} to go, {remaining(self.moment().left, time.time())}"

    def tick(self) -> None:
        """How far it is, if it was not said lately."""
        if self.tally is not None and time.monotonic() - self.spoke >= RARELY:
            tally = self.tally
            running = [
                f"{printable(tally.plan.members[n].title)} {percents(tally.states[n])}"
                for n in tally.running
            ]
            more = ", ..." if len(running) > 4 else ""
            now = f" ({', '.join(running[:4])}{more})" if running else ""
            self.say(f"{said(tally.states)}{now}; {remaining(self.moment().left, time.time())}")

    def end(self) -> None:
        """What there is now, what is not, and what to type next."""
        if self.tally is not None:
            for line in closing(self.tally):
                self.say(line)


class Live(Plain):
    """A board that is drawn again and again below what is worth to be kept."""

    def __init__(self, budget: float | None = None, *, retry: bool = False) -> None:
        super().__init__(budget, retry=retry)
        self.live = Redrawn(console=self.console, auto_refresh=False)
        self.next = 0.0  # when it is drawn again

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """The board."""
        Quiet.begin(self, plan, states, slots)
        self.live.start()
        self.tick()

    def changed(self, tally: Tally, number: int, before: State) -> None:
        """A line for what was lost; the board has the rest."""
        state = tally.states[number]
        if state.kind in LOST and state.kind != before.kind:
            self.say(self.became(tally, number, state))

    def tick(self) -> None:
        """Draw it again, if it is time."""
        if time.monotonic() >= self.next:
            began = time.process_time()
            self.draw()
            spent = time.process_time() - began
            self.next = time.monotonic() + max(OFTEN, spent / SHARE)

    def draw(self) -> None:
        """Draw it as it is now."""
        if self.tally is None:
            return
        width, height = self.console.size
        style = Style(width, height, self.console.encoding.startswith("utf"))
        self.live.update(Group(*drawn(self.tally, self.moment(), style)), refresh=True)

    def end(self) -> None:
        """The board stays as it is, with what to type next below."""
        if self.live.is_started:
            self.draw()
        self.close()
        super().end()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self.live.stop()


@contextmanager
def watching(*, quiet: bool, budget: float | None = None, retry: bool = False) -> Iterator[Quiet]:
    """What fits who is watching; afterwards the terminal is as it was."""
    if quiet:
        yield Quiet(budget, retry=retry)
    elif not sys.stdout.isatty() or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        yield Plain(budget, retry=retry)
    else:
        live = Live(budget, retry=retry)
        try:
            yield live
        finally:
            live.close()


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
        yield f"vitpos compare {shlex.join(folders(tally.plan, tally.states))}"
