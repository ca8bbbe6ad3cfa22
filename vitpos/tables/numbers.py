"""Numbers as text, with no digit that their standard error does not support.

The last digit written is the second one of the standard error: with an error of 0.16 two decimals,
with 1.6 one, with 16 none, and with 160 the number is rounded to tens. An accuracy is written in
per cent and never has more than two decimals; where there is no error to know, as of a single run,
it has two, and any other metric has four digits.
"""

import math
import statistics
from collections.abc import Iterable
from typing import NamedTuple

from vitpos.statistics import Difference, Interval

NOTHING = "-"
DIGITS = 4  # of a number whose error is not known
SMALLEST = 6  # decimals of any number, at most


class Scale(NamedTuple):
    """How the values of a metric are written."""

    factor: int
    unit: str
    points: str  # the unit of differences
    most: int  # decimals


def scale(metric: str) -> Scale:
    """Shares in per cent; all else as it is."""
    return Scale(100, "%", "points", 2) if "accuracy" in metric else Scale(1, "", "", SMALLEST)


def error_of_mean(values: Iterable[float | int]) -> float | None:
    """The standard error of a mean over seeds; None for less than two."""
    found = list(values)
    return statistics.stdev(found) / math.sqrt(len(found)) if len(found) > 1 else None


def error_of_difference(difference: Difference) -> float | None:
    """The same of a mean over pairs."""
    pairs = len(difference.seeds)
    return None if difference.sd is None or not pairs else difference.sd / math.sqrt(pairs)


def error_within(interval: Interval) -> float:
    """About what the standard error is, of which this is the 95 % interval."""
    return (interval.high - interval.low) / 4


def decimals(scale: Scale, value: float | int, error: float | int | None) -> int:
    """How many a value may have; less than none rounds it to tens."""
    if error and math.isfinite(error):
        return min(scale.most, 1 - magnitude(scale.factor * error))
    if scale.unit:
        return scale.most
    known = DIGITS - 1 - magnitude(value) if value and math.isfinite(value) else 0
    return max(0, min(scale.most, known))


def magnitude(value: float | int) -> int:
    """The power of ten of its first digit."""
    return math.floor(math.log10(abs(value)))


def number(value: float | int | None, places: int, sign: str = "-") -> str:
    """A number with so many decimals; `sign` is `+` if positive ones shall have one."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{round(value, places) + 0.0:{sign},.{max(0, places)}f}"  # + 0.0: no minus zero


def scaled(scale: Scale, value: float | int | None, places: int, sign: str = "-") -> str:
    """A value of the metric, or a difference of two."""
    return number(None if value is None else scale.factor * value, places, sign)


def between(scale: Scale, interval: Interval | None, places: int, sign: str = "-") -> str:
    """``[83.98, 84.64]``; nothing without an interval."""
    if interval is None:
        return ""
    ends = (scaled(scale, end, places, sign) for end in interval)
    return f"[{', '.join(ends)}]"


def chance(p: float | int | None) -> str:
    """A p value, never zero."""
    if p is None or not math.isfinite(p):
        return NOTHING
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def share(value: float | int) -> str:
    """A level or a rate in per cent, with the digits that it needs."""
    return f"{100 * value:.3g}%"


def short(value: float | int | None) -> str:
    """A number for which two decimals are enough."""
    return number(value, 2)


def effect(scale: Scale, value: float | int) -> str:
    """A smallest effect of interest, with its unit."""
    said = f"{scale.factor * value:g}"
    unit = scale.points.removesuffix("s") if said == "1" else scale.points
    return f"{said} {unit}".rstrip()


def pair(first: str, second: str) -> str:
    """A number and its interval, if there is one."""
    return f"{first} {second}".rstrip()
