"""Which differences so many seeds can find, and how many seeds a difference needs.

The chance that a paired t test finds a difference is that of the noncentral t distribution
(Student's with a shift: the difference in standard errors).
"""

import math
from functools import lru_cache

from scipy import special

from vitpos.statistics.intervals import FEWEST, Interval, Number, student

POWER = 0.8
MOST_SEEDS = 100_000  # a need is counted no further: it means this many, or more


def power(shift: float, n: int, level: float) -> float:
    """The chance that the two-sided test of `n` pairs rejects, if the truth is `shift` errors."""
    freedom, edge = n - 1, student(level, n - 1)
    far = float(special.nctdtr(freedom, shift, -edge))
    return 1 - below(edge, shift, freedom) + (0.0 if math.isnan(far) else far)


def below(edge: float, shift: float, freedom: int) -> float:
    """The chance that the noncentral t lies below `edge`."""
    chance = float(special.nctdtr(freedom, shift, edge))
    if not math.isnan(chance):
        return chance
    # The library gives up where the shift is so large that only its divisor, a chi, still varies.
    ratio = shift / edge
    return float(special.chdtrc(freedom, freedom * ratio * ratio))


@lru_cache(maxsize=100_000)
def found(n: int, level: float) -> float:
    """The shift, in standard errors, that `n` pairs find with a chance of `POWER`."""
    low, high = 0.0, student(level, n - 1) + 1
    while power(high, n, level) < POWER:
        low, high = high, 2 * high
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if power(middle, n, level) < POWER else (low, middle)
    return high


def detectable(sd: float, n: int, level: float) -> float:
    """The smallest true difference that `n` pairs with this standard deviation find."""
    return sd / math.sqrt(n) * found(n, level)


def detectable_range(sd: float, n: int, level: float) -> Interval:
    """The same for both ends of the 95 % interval in which the true standard deviation lies."""
    low, high = deviation_range(n)
    return Interval(detectable(sd * low, n, level), detectable(sd * high, n, level))


@lru_cache(maxsize=100_000)
def deviation_range(n: int) -> Interval:
    """The true standard deviation of `n` normal values in units of theirs, 95 %."""
    low, high = (math.sqrt((n - 1) / float(special.chdtri(n - 1, p))) for p in (0.025, 0.975))
    return Interval(low, high)


def needed(sd: float, difference: Number, level: float) -> int:
    """The pairs that find a true difference with this standard deviation, at most `MOST_SEEDS`."""
    ratio = difference / sd

    def enough(n: int) -> bool:
        return power(ratio * math.sqrt(n), n, level) >= POWER

    if not enough(MOST_SEEDS):
        return MOST_SEEDS
    edge = -float(special.ndtri(level / 2))
    near = ((edge + float(special.ndtri(POWER))) / ratio) ** 2 + edge**2 / 2  # Guenther 1981
    n = max(FEWEST, math.floor(near))
    while n > FEWEST and enough(n - 1):
        n -= 1
    while not enough(n):
        n += 1
    return n
