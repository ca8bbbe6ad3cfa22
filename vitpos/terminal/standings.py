"""The arms of a sweep that runs, in as many lines and columns as there are. No number is ever cut.

An arm is a line: a mark for each seed, how many are finished, the mean so far and how far it is
from the baseline's. Where there is no room, columns go, then arms that nothing happened to lately.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from vitpos.outcome import printable
from vitpos.terminal.bulletins import percents, shared
from vitpos.terminal.tally import Mean, Row, Tally

# A mark, a letter where there is no Unicode, a colour that tells the same once more.
MARKS = {
    "planned": ("·", ".", "dim"),
    "elsewhere": ("○", "e", "cyan"),
    "queued": ("…", "q", "dim"),
    "running": ("▸", ">", "bold yellow"),
    "paused": ("‖", "p", "yellow"),
    "finished": ("✓", "#", "green"),
    "interrupted": ("◦", "i", "yellow"),
    "failed": ("✗", "F", "bold red"),
    "diverged": ("∞", "D", "bold magenta"),
    "stopped": ("■", "s", "blue"),
}
GAP = 2  # columns between two of the table
NAME = 24  # columns of an arm's name for which others make room
SHORT = 6  # columns that it has at least
Cell = list[tuple[str, str]]  # texts with their styles


class Column:
    """A title and a cell for each arm."""

    def __init__(self, title: str, cells: Iterable[Cell], *, left: bool = False) -> None:
        self.cells: list[Cell] = [[(title, "")], *cells]
        self.lengths = [sum(cell_len(text) for text, _ in cell) for cell in self.cells]
        self.width = max(self.lengths)
        self.left = left  # whether what is shorter stands at the left


@dataclass(frozen=True)
class Style:
    """What the terminal can show."""

    width: int
    height: int
    unicode: bool

    def mark(self, kind: str) -> str:
        """Of a state."""
        return MARKS[kind][0 if self.unicode else 1]

    @property
    def and_more(self) -> str:
        """Stands for what is left out."""
        return "…" if self.unicode else "..."


def arms(tally: Tally, style: Style, room: int) -> list[Text]:
    """The table of as many arms as there is room for, in the order of the plan."""
    chosen = recent(tally, room)
    rows = [tally.row(arm) for arm in chosen]
    names, columns = fitted(tally, rows, style)
    width = style.width - sum(GAP + column.width for column in columns)
    width = min(width, max(map(cell_len, names)))
    lines = [Text(shortened(name, width, style)) for name in names]
    for column in columns:
        for line, cell, length in zip(lines, column.cells, column.lengths, strict=True):
            blank = " " * (column.width - length)
            line.append(" " * GAP + ("" if column.left else blank))
            for text, look in cell:
                line.append(text, look)
            line.append(blank if column.left else "")
    for line in lines:
        line.rstrip()
    lines[0].stylize("bold")
    left_out = len(tally.members) - len(chosen)
    if left_out:
        lines.append(Text(f"{style.and_more} and {left_out} more arms", "dim"))
    return lines


def recent(tally: Tally, room: int) -> list[str]:
    """Arms that run, then those that changed last, then the first: as many as there is room for."""
    arms = list(tally.members)
    if len(arms) <= room - 1:
        return arms
    named = [tally.plan.members[number].arm.name for number in tally.running]
    order = dict.fromkeys([*named, *reversed(tally.touched), *arms])
    chosen = set(list(order)[: max(1, room - 2)])
    return [arm for arm in arms if arm in chosen]


def fitted(tally: Tally, rows: Sequence[Row], style: Style) -> tuple[list[str], list[Column]]:
    """The names of the arms and their columns, without those that there is no room for."""
    names = ["arm", *(printable(row.arm) for row in rows)]
    marks = [wide_marks(tally, rows, style), close_marks(tally, rows, style)]
    design = tally.plan.study.design
    numbers = [finished(rows), *([lost(rows)] if any(row.lost for row in rows) else [])]
    sure, bare = means(rows, design.metric, style), means(rows, design.metric, style, bare=True)
    apart = [differences(rows, design.metric, style)] if any(r.difference for r in rows) else []
    choices = [
        [marks[0], *numbers, sure, *apart],
        [marks[1], *numbers, sure, *apart],
        [marks[1], *numbers, sure],
        [*numbers, sure, *apart],
        [marks[1], *numbers, bare],
        [*numbers, sure],
        [*numbers, bare],
    ]
    wanted = min(NAME, max(map(cell_len, names)))
    for needed in (wanted, SHORT):
        for columns in choices:
            if needed + sum(GAP + column.width for column in columns) <= style.width:
                return names, columns
    return names, numbers[:1]


def wide_marks(tally: Tally, rows: Sequence[Row], style: Style) -> Column:
    """A mark for each seed; of one that runs, its percents."""
    cells: list[Cell] = []
    for row in rows:
        states = [tally.states[number] for number in row.members]
        said = [percents(s) if s.kind == "running" else style.mark(s.kind) for s in states]
        looks = [MARKS[state.kind][2] for state in states]
        cells.append([(f"{text:^4}", look) for text, look in zip(said, looks, strict=True)])
    return Column("seeds", cells, left=True)


def close_marks(tally: Tally, rows: Sequence[Row], style: Style) -> Column:
    """The same without percents, one beside the other."""
    kinds = [[tally.states[number].kind for number in row.members] for row in rows]
    cells = [[(style.mark(kind), MARKS[kind][2]) for kind in of_arm] for of_arm in kinds]
    return Column("seeds", cells, left=True)


def finished(rows: Sequence[Row]) -> Column:
    """How many seeds are finished, of how many."""
    return Column("n", [[(f"{len(row.values)}/{len(row.members)}", "")] for row in rows])


def lost(rows: Sequence[Row]) -> Column:
    """How many failed or diverged."""
    return Column("failed", [[(str(row.lost) if row.lost else "", "red")] for row in rows])


def means(rows: Sequence[Row], metric: str, style: Style, *, bare: bool = False) -> Column:
    """The mean so far, and half its interval unless it is `bare`."""
    said = aligned([number(row.mean, metric, style, bare=bare) for row in rows])
    return Column(f"mean{' %' * shared(metric)}", [[(text, "")] for text in said])


def differences(rows: Sequence[Row], metric: str, style: Style) -> Column:
    """What is between an arm and its baseline so far."""
    said = aligned([number(row.difference, metric, style, plus="+") for row in rows])
    return Column("to baseline", [[(text, "")] for text in said])


def number(
    mean: Mean | None, metric: str, style: Style, *, bare: bool = False, plus: str = ""
) -> str:
    """``84.31 ±0.33``: percents of a share, and other things as they are."""
    if mean is None:
        return ""
    scale, form = (100, ".2f") if shared(metric) else (1, ".4g")
    said = format(mean.value * scale, plus + form)
    if mean.interval is None or bare:
        return said
    half = (mean.interval.high - mean.interval.low) / 2 * scale
    return f"{said} {'±' if style.unicode else '+-'}{half:{form}}"


def aligned(cells: Sequence[str]) -> list[str]:
    """Numbers one below the other, whether an interval follows or not."""
    parts = [cell.partition(" ") for cell in cells]
    widest = max((len(interval) for _, _, interval in parts), default=0)
    width = widest + 1 if widest else 0
    return [f"{value}{f'{space}{interval}':{width}}" for value, space, interval in parts]


def shortened(name: str, width: int, style: Style) -> str:
    """A name in so many columns."""
    if cell_len(name) > width:
        name = set_cell_size(name, width - len(style.and_more)).rstrip() + style.and_more
    return name + " " * (width - cell_len(name))
