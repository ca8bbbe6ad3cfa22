"""What people see of a bench: how far it is, a table for each thing compared, and the goals."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.status import Status
from rich.table import Table
from rich.text import Text

from vitpos.bench import cells
from vitpos.terminal.screen import terminal

REACHED = {"reached": "green", "not reached": "red"}


class Watcher:
    """Says on standard error what is being done, and prints tables as they come."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.console, self.aside = terminal(), terminal(stderr=True)
        self.status = Status("", console=self.aside) if sys.stderr.isatty() else None
        self.last = ""

    def say(self, text: str) -> None:
        """In place of what was said before, in a terminal; else a line for each new table."""
        if self.quiet:
            return
        if self.status is not None:
            self.status.update(Text(text))
            self.status.start()
        elif "round" not in text:
            self.aside.print(text)

    def note(self, text: str) -> None:
        """A line."""
        self.aside.print(f"note: {text}")

    def done(self, name: str, part: dict[str, Any]) -> None:
        """Its tables."""
        if self.status is not None:
            self.status.stop()
        if not self.quiet:
            self.console.print(name)
            for line in cells.heading(part):
                self.console.print(line)
            for one in cells.sheets(part):
                sheet = cells.fitting(one, self.console.width)
                self.console.print(drawn(sheet) if len(sheet.titles) > 1 else sheet.title)
                for line in sheet.below:
                    self.console.print(line)
            self.console.print("")


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watcher]:
    """A watcher; afterwards the terminal is as it was."""
    watcher = Watcher(quiet=quiet)
    try:
        yield watcher
    finally:
        if watcher.status is not None:
            watcher.status.stop()


def drawn(sheet: cells.Sheet) -> Table:
    """A table; long names are broken into lines, no number is."""
    table = Table(box=SIMPLE_HEAD, title=Text(sheet.title), title_justify="left", pad_edge=False)
    table.add_column("", overflow="fold")
    for title in sheet.titles[1:]:
        table.add_column(Text(title), justify="right", no_wrap=True)
    for line in sheet.lines:
        table.add_row(*map(Text, line))
    return table


def show_goals(found: Mapping[str, Any], names: Sequence[str]) -> None:
    """What was to be reached by these parts."""
    told = cells.goal_lines([goal for goal in found["goals"] if goal["part"] in names])
    if not told:
        return
    table = Table(box=SIMPLE_HEAD, title="goals", title_justify="left", pad_edge=False)
    for title in ("", "what", "wanted", "found", ""):
        table.add_column(title, overflow="fold", justify="right" if title == "found" else "left")
    for *line, state in told:
        style = REACHED.get(state.partition(":")[0], "")
        table.add_row(*map(Text, line), Text(state, style))
    terminal().print(table)
