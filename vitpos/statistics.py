"""What the numbers of two arms say about each other, and with what uncertainty."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Interval(NamedTuple):
    """From one number to another."""

    low: float
    high: float


class Verdict(StrEnum):
    """What may be said of an arm beside its baseline."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"  # within the smallest effect of interest
    UNRESOLVED = "not resolved"  # at this number of seeds
    IDENTICAL = "identical runs"  # every difference is zero: check the seeds
    FEW = "n too small"  # fewer than three pairs


@dataclass(frozen=True)
class Difference:
    """An arm minus its baseline, over the seeds that both have, in the unit of the metric."""

    seeds: tuple[int, ...]
    mean: float | None
    sd: float | None
    interval: Interval | None  # 95 %, of this comparison alone
    simultaneous: Interval | None  # all of the family hold together with 1 - alpha
    p: float | None
    holm: float | None
    effect: float | None  # standardised, with Hedges' correction
    wins: float  # pairs in which the arm is better; a tie is half a win
    share: Interval | None  # of the probability that it is
    correlation: float | None  # of the pairs
    correlation_interval: Interval | None
    detectable: float | None  # smallest difference found with power 0.8
    detectable_range: Interval | None  # as the standard deviation is itself an estimate
    needed: int | None  # seeds that resolve the smallest effect of interest
    sign_flip: float | None  # exact p, from six pairs on
    new_images: Interval | None  # 95 %, for other test images too
    verdict: Verdict
