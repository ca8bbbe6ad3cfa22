"""Curves and intervals in a line of text. What is not a number is seen."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

BARS = "▁▂▃▄▅▆▇█"
BROKEN = "✕"  # not a number
WIDEST = 40  # columns of a curve


class Axis(NamedTuple):
    """A range of numbers along some columns."""

    low: float
    high: float
    width: int

    def place(self, value: float) -> int:
        """The column of a number; those beyond an end are at the end."""
        span = self.high - self.low
        part = (value - self.low) / span if span > 0 else 0.5
        return round(min(1.0, max(0.0, part)) * (self.width - 1))


def axis(values: Iterable[float], width: int) -> Axis:
    """From the lowest to the highest that is a number."""
    finite = [value for value in values if math.isfinite(value)]
    return Axis(min(finite, default=0.0), max(finite, default=0.0), width)


def sparkline(
    values: Sequence[float], widest: int = WIDEST, ends: tuple[float, float] | None = None
) -> str:
    """A curve as a word: from its lowest value, or that of `ends`, to the highest.

    Means where it is too long, so that no point is passed over; a mean of what is not a number is
    none either.
    """
    count = min(widest, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)] if count else []
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high, _ = axis(means, 0) if ends is None else (*ends, 0)
    return "".join(bar(mean, low, high) for mean in means)


def bar(value: float, low: float, high: float) -> str:
    """One of eight."""
    if not math.isfinite(value):
        return BROKEN
    part = (value - low) / (high - low) if high > low else 0.0
    return BARS[round(min(1.0, max(0.0, part)) * (len(BARS) - 1))]


def whisker(
    along: Axis,
    seeds: Iterable[float],
    mean: float,
    interval: tuple[float, float] | None,
    base: float | None = None,
) -> str:
    """``·├─·─●──┤``: the mean, its interval, each seed; ``┊`` where the baseline's mean is."""
    line = [" "] * along.width
    if base is not None:
        line[along.place(base)] = "┊"
    if interval is not None:
        first, last = map(along.place, interval)
        line[first : last + 1] = "─" * (last + 1 - first)
        line[first], line[last] = "├", "┤"
    for seed in seeds:
        at = along.place(seed)
        line[at] = "·" if line[at] in " ┊─·" else line[at]
    line[along.place(mean)] = "●"
    return "".join(line)
