"""How far a mean, a share or a correlation may be off.

Means have t intervals at every number of seeds: of 95 % intervals of the mean of three values, t's
hold it 95 % of the time, a percentile bootstrap's 75 % and a BCa bootstrap's 68 %. The functions
are those of `scipy.special`, because importing `scipy.stats` takes longer than a table may.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

FEWEST = 3  # values that an interval needs
ROUNDING = 8 * np.finfo(float).eps  # relative; what lies below is an artefact of subtracting

Values = Float[np.ndarray, "*batch n"]
Numbers = Float[np.ndarray, "*batch"] | float
Number = float | int


class Interval(NamedTuple):
    """From one number to another."""

    low: float
    high: float


def mean_interval(values: Iterable[Number], confidence: float = 0.95) -> Interval | None:
    """Where the mean over all seeds lies (Student 1908); None for fewer than three values."""
    known = finite(values)
    if known.size < FEWEST:
        return None
    low, high = mean_bounds(known, 1 - confidence)
    return Interval(float(low), float(high))


def mean_bounds(values: Values, level: float) -> tuple[Numbers, Numbers]:
    """Both ends of the interval that misses the true mean with probability `level`."""
    return bounds(values.mean(-1), deviation(values), values.shape[-1], level)


def bounds(mean: Numbers, sd: Numbers, n: int, level: float) -> tuple[Numbers, Numbers]:
    """The same from the mean and the standard deviation of `n` values."""
    reach = student(level, n - 1) * sd / math.sqrt(n)
    return mean - reach, mean + reach


def deviation(values: Values) -> Numbers:
    """The standard deviation, of n - 1 degrees of freedom."""
    return values.std(-1, ddof=1)


@lru_cache(maxsize=100_000)
def student(level: float, freedom: Number) -> float:
    """What Student's t exceeds, in absolute value, with probability `level`."""
    return -float(special.stdtrit(freedom, level / 2))


@lru_cache(maxsize=100_000)
def exact_share(k: int, n: int, confidence: float = 0.95) -> Interval:
    """The probability of what happened `k` times in `n` (Clopper and Pearson 1934)."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Interval(low, high)


def wilson(k: Number, n: int, confidence: float = 0.95) -> Interval:
    """The same for many `n`, where the exact interval is too wide (Wilson 1927)."""
    if not (0 <= k <= n and n > 0):
        raise ValueError(f"{k} of {n} is no share")
    z = -float(special.ndtri((1 - confidence) / 2))
    middle = (k + z * z / 2) / (n + z * z)
    reach = z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


def share(wins: Number, n: int, confidence: float = 0.95) -> Interval:
    """Of `wins` that may be halves: exact below ten, where half a win is none and one as well."""
    if n >= 10:
        return wilson(wins, n, confidence)
    low, _ = exact_share(math.floor(wins), n, confidence)
    _, high = exact_share(math.ceil(wins), n, confidence)
    return Interval(low, high)


def correlation(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float | None:
    """Pearson's r; None if either is constant."""
    units = []
    for values in (a, b):
        centred = values - values.mean()
        length = float(np.linalg.norm(centred))
        if length <= ROUNDING * math.sqrt(values.size) * float(np.abs(values).max()):
            return None
        units.append(centred / length)
    return float(np.clip(units[0] @ units[1], -1, 1))


def correlation_interval(r: float, n: int, confidence: float = 0.95) -> Interval:
    """Of Pearson's r over `n` pairs (Fisher 1921); three pairs say nothing."""
    if n <= FEWEST:
        return Interval(-1.0, 1.0)
    if abs(r) == 1:
        return Interval(r, r)
    reach = -float(special.ndtri((1 - confidence) / 2)) / math.sqrt(n - 3)
    return Interval(math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach))


def finite(values: Iterable[Number]) -> Float[np.ndarray, " n"]:
    """As an array; raises `ValueError` for what is no number, which would poison every result."""
    known = np.fromiter(values, float)
    if not np.isfinite(known).all():
        raise ValueError("values that are not all finite have no statistics")
    return known
