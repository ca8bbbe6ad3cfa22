"""What tuning chose: for each arm the values with the best mean on validation, and how they lie.

A trial that failed or diverged counts as worse than any that finished. Of points that are equally
good the first of the grid is chosen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vitpos.bulletins import shared
from vitpos.outcome import printable
from vitpos.studies import text


@dataclass(frozen=True)
class Point:
    """One combination of values of the grid, as one arm tried it."""

    values: Mapping[str, Any]  # by key
    results: tuple[float, ...]  # of the seeds that finished
    lost: int = 0  # seeds that failed or diverged

    @property
    def mean(self) -> float | None:
        """Of the seeds that finished."""
        return fmean(self.results) if self.results else None


@dataclass(frozen=True)
class Choice:
    """The points of an arm in the order of the grid, and which of them is chosen."""

    arm: str
    points: tuple[Point, ...]
    number: int
    is_edge: bool  # whether one of its values is the first or the last of its numbers

    @property
    def values(self) -> Mapping[str, Any]:
        """Those that are chosen."""
        return self.points[self.number].values


def best(points: Sequence[Point], direction: str) -> int | None:
    """The number of the point to choose; None if not one trial finished."""
    sign = -1 if direction == "up" else 1
    ranked = [
        (point.lost, sign * point.mean, number)
        for number, point in enumerate(points)
        if point.mean is not None
    ]
    return min(ranked)[2] if ranked else None


def is_edge(values: Mapping[str, Any], grid: Mapping[str, Sequence[Any]]) -> bool:
    """Whether a better value may lie outside: an axis of words, or of one value, has no edge."""
    return any(
        len(axis) > 1 and all(map(is_number, axis)) and values[key] in (min(axis), max(axis))
        for key, axis in grid.items()
    )


def is_number(item: Any) -> bool:
    """Whether values like this have an order."""
    return isinstance(item, int | float) and not isinstance(item, bool)


def lines(choices: Sequence[Choice], metric: str, width: int) -> list[str]:
    """A table with a column for each point, or where that is too wide a line for each."""
    wide = list(table(choices, metric))
    if max(map(len, wide)) <= width:
        return wide
    return [line for choice in choices for line in block(choice, metric)]


def table(choices: Sequence[Choice], metric: str) -> Iterator[str]:
    """A line for each arm; the chosen point has a star."""
    points = choices[0].points
    keys = [*points[0].values]
    titles = [text(p.values[keys[0]]) if len(keys) == 1 else named(p.values) for p in points]
    rows = [[f"arm, by {keys[0]}" if len(keys) == 1 else "arm", *titles, "chosen"]]
    for choice in choices:
        cells = [cell(choice, number, metric) for number in range(len(choice.points))]
        rows.append([printable(choice.arm), *cells, chosen(choice)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        first, *numbers = row[:-1]
        right = (f"{item:>{room}}" for item, room in zip(numbers, widths[1:], strict=True))
        yield "  ".join([f"{first:{widths[0]}}", *right, row[-1]]).rstrip()


def block(choice: Choice, metric: str) -> Iterator[str]:
    """An arm where the terminal is narrow."""
    yield f"{printable(choice.arm)}: {chosen(choice)}"
    for number, point in enumerate(choice.points):
        yield f"  {cell(choice, number, metric):>8}  {named(point.values)}"


def chosen(choice: Choice) -> str:
    """The values, and whether they lie at the edge."""
    return named(choice.values) + (", at the edge of the grid" if choice.is_edge else "")


def named(values: Mapping[str, Any]) -> str:
    """As they are typed."""
    return " ".join(f"{key}={text(item)}" for key, item in values.items())


def cell(choice: Choice, number: int, metric: str) -> str:
    """``91.40``, ``92.31*``, ``90.02 (1 lost)``, ``lost``."""
    point = choice.points[number]
    if point.mean is None:
        return "lost"
    said = f"{100 * point.mean:.2f}" if shared(metric) else f"{point.mean:.4g}"
    lost = f" ({point.lost} lost)" if point.lost else ""
    return f"{said}{'*' if number == choice.number else ''}{lost}"
