"""Two arms, seed by seed.

A pair is a seed that both arms have. A seed that one of them lacks makes no pair, and changes none
of the others: pairs are matched by seed, never by position.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import special

from vitpos.statistics.intervals import ROUNDING, Number, Numbers, deviation

FLIPPED = range(6, 31)  # pairs: fewer cannot reach 0.05, more have too many signs to try all


@dataclass(frozen=True)
class Pairs:
    """The values of an arm and of its baseline at the seeds that both have, ascending."""

    seeds: tuple[int, ...]
    arm: Float[np.ndarray, " n"]
    baseline: Float[np.ndarray, " n"]

    @cached_property
    def differences(self) -> Float[np.ndarray, " n"]:
        """Arm minus baseline; what is less than rounding is no difference."""
        found = self.arm - self.baseline
        return np.where(np.abs(found) <= self.rounding, 0.0, found)

    @cached_property
    def rounding(self) -> Float[np.ndarray, " n"]:
        """How much of a difference may come from the rounding of what is subtracted."""
        return ROUNDING * np.maximum(np.abs(self.arm), np.abs(self.baseline))

    @cached_property
    def mean(self) -> float:
        """Of the differences."""
        return float(self.differences.mean())

    @cached_property
    def sd(self) -> float:
        """Of the differences; zero if they differ by rounding alone."""
        sd = float(deviation(self.differences))
        return 0.0 if sd <= float(self.rounding.max()) else sd


def pair(arm: Mapping[int, Number], baseline: Mapping[int, Number]) -> Pairs:
    """By seed."""
    seeds = tuple(sorted(arm.keys() & baseline.keys()))
    return Pairs(seeds, *(np.array([a[s] for s in seeds], float) for a in (arm, baseline)))


def p_value(mean: Numbers, sd: Numbers, n: int) -> Numbers:
    """Of the two-sided paired t test (Student 1908); 0 without spread, NaN if all are zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / (sd / math.sqrt(n))
    return 2 * special.stdtr(n - 1, -t)


def hedges(pairs: Pairs) -> float:
    """The mean in standard deviations of the differences, less its bias (Hedges 1981)."""
    return pairs.mean / pairs.sd * (1 - 3 / (4 * (len(pairs.seeds) - 1) - 1))


def wins(pairs: Pairs, sign: int) -> float:
    """Pairs in which the arm is better; a tie is half a win."""
    better = sign * pairs.differences
    return float((better > 0).sum() + (better == 0).sum() / 2)


def sign_flip(differences: Float[np.ndarray, " n"]) -> float | None:
    """The share of all signs of the differences that give a mean as far from zero (Fisher 1935).

    Exact: the sums of the one half of the pairs are counted against the sorted sums of the other.
    None outside `FLIPPED`.
    """
    n = differences.size
    if n not in FLIPPED:
        return None
    first, second = sums(differences[: n // 2]), np.sort(sums(differences[n // 2 :]))
    reached = abs(float(differences.sum()))
    reached -= ROUNDING * float(np.abs(differences).sum())  # sums in another order are ties still
    above = second.size - np.searchsorted(second, reached - first)
    return min(1.0, 2 * int(above.sum()) / 2**n)


def sums(differences: Float[np.ndarray, " n"]) -> Float[np.ndarray, " signs"]:
    """Of the differences, with all signs."""
    found = np.zeros(1)
    for difference in differences:
        found = np.concatenate((found - difference, found + difference))
    return found
