"""Who is told of a sweep: a board in a terminal, lines in a log, or only where it was left."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live as Redrawn

from vitpos.outcome import printable
from vitpos.sweeps.conclusion import folders
from vitpos.sweeps.frozen import digest
from vitpos.sweeps.plan import Plan
from vitpos.sweeps.states import State
from vitpos.terminal.bulletins import closing, outcome_of, percents, remaining, said
from vitpos.terminal.scoreboard import Moment, drawn
from vitpos.terminal.screen import print_error, terminal
from vitpos.terminal.standings import Style
from vitpos.terminal.tally import LOST, OVER, Tally
from vitpos.words import counted

OFTEN = 0.25  # seconds between two drawings of the board, at least
SHARE = 0.015  # of a core's time that drawing may take
GUESS = 2.0  # seconds between two forecasts
RARELY = 30.0  # seconds of silence after which a line says how far it is
NARROW, LOW = 40, 12  # columns and lines of a terminal that a board needs


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
            self.console.print(folders(self.tally.plan)[0])

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


class Unseen(Quiet):
    """Prints nothing: more is to come."""

    def end(self) -> None:
        """Nothing."""


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
            f"plan {digest(plan)[:12]}: {runs} of {counted(arms, 'arm')}"
            f"{f', {slots} at a time' if slots else ''}; {said(states) or 'nothing there yet'}"
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
        if not missing:
            return text
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


class Batches(Plain):
    """Lines of members only: a search goes on after this batch, and nobody knows how long."""

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """What is there already."""
        Quiet.begin(self, plan, states, slots)
        for member, state in zip(plan.members, states, strict=True):
            if state.kind == "finished":
                self.say(f"{printable(member.title)}: there already")

    def became(self, tally: Tally, number: int, state: State) -> str:
        """What a member has become."""
        return f"{printable(tally.plan.members[number].title)}: {outcome_of(tally, number)}"

    def end(self) -> None:
        """Nothing."""


class Live(Plain):
    """A board that is drawn again and again below what is worth to be kept."""

    def __init__(self, budget: float | None = None, *, retry: bool = False) -> None:
        super().__init__(budget, retry=retry)
        self.live = Redrawn(console=self.console, auto_refresh=False)
        self.next = 0.0  # when it is drawn again

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """The board."""
        Quiet.begin(self, plan, states, slots)
        with self.unheard():
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
        with self.unheard():
            self.live.update(Group(*drawn(self.tally, self.moment(), style)), refresh=True)

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """Go on without a terminal that was closed."""
        try:
            yield
        except OSError:
            self.console.on_broken_pipe()

    def end(self) -> None:
        """The board stays as it is, with what to type next below."""
        if self.live.is_started:
            self.draw()
        self.close()
        super().end()

    def close(self) -> None:
        """Leave the terminal as it was."""
        with self.unheard():
            self.live.stop()


@contextmanager
def watching(
    *, quiet: bool, budget: float | None = None, retry: bool = False, last: bool = True
) -> Iterator[Quiet]:
    """What fits who is watching; afterwards the terminal is as it was.

    `last`: whether the folder of the study is what was asked for, or more is to come.
    """
    if quiet:
        yield (Quiet if last else Unseen)(budget, retry=retry)
    elif not sys.stdout.isatty() or not can_draw():
        yield Plain(budget, retry=retry)
    else:
        live = Live(budget, retry=retry)
        try:
            yield live
        finally:
            live.close()


def can_draw() -> bool:
    """Whether the terminal is one that a board fits into."""
    size = terminal().size
    known = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return known and size.width >= NARROW and size.height >= LOW
