"""What is said of an arm beside its baseline."""

from dataclasses import dataclass
from enum import StrEnum

from vitpos.statistics.intervals import (
    FEWEST,
    Interval,
    Number,
    bounds,
    correlation,
    correlation_interval,
    share,
)
from vitpos.statistics.pairs import Pairs, hedges, sign_flip, wins
from vitpos.statistics.power import detectable, detectable_range, needed

OWN_LEVEL = 0.05  # of the interval of one comparison alone, whatever the family's alpha is


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
    """An arm minus its baseline, over the seeds that both have, in the unit of the metric.

    What cannot be known is None: all but the mean and the wins below three pairs; `p`, `effect`,
    `detectable` and `needed` where every difference is the same, so that no spread is seen. (If
    that one difference is not zero, `p` is 0 and the intervals have no width.)
    """

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


@dataclass(frozen=True)
class Rules:
    """What makes a difference a finding."""

    alpha: float  # of all comparisons of this look together
    level: float  # of one comparison
    smallest_effect: Number
    sign: int  # 1 if more is better, else -1


def difference(
    pairs: Pairs, p: float | None, holm: float | None, images: Interval | None, rules: Rules
) -> Difference:
    """Everything that is said of these pairs."""
    n = len(pairs.seeds)
    enough = n >= FEWEST
    sd = pairs.sd if enough and pairs.sd > 0 else None
    r = correlation(pairs.arm, pairs.baseline) if enough else None
    simultaneous = around(pairs, rules.level) if enough else None
    won, smallest = wins(pairs, rules.sign), rules.smallest_effect
    return Difference(
        seeds=pairs.seeds,
        mean=pairs.mean if n else None,
        sd=pairs.sd if n > 1 else None,
        interval=around(pairs, OWN_LEVEL) if enough else None,
        simultaneous=simultaneous,
        p=p,
        holm=holm,
        effect=hedges(pairs) if sd else None,
        wins=won,
        share=share(won, n) if n else None,
        correlation=r,
        correlation_interval=None if r is None else correlation_interval(r, n),
        detectable=detectable(sd, n, rules.level) if sd else None,
        detectable_range=detectable_range(sd, n, rules.level) if sd else None,
        needed=needed(sd, smallest, rules.level) if sd and smallest else None,
        sign_flip=sign_flip(pairs.differences),
        new_images=images,
        verdict=verdict(pairs, simultaneous, holm, rules),
    )


def around(pairs: Pairs, level: float) -> Interval:
    """The t interval of the mean difference that misses the truth with probability `level`."""
    low, high = bounds(pairs.mean, pairs.sd, len(pairs.seeds), level)
    return Interval(float(low), float(high))


def verdict(
    pairs: Pairs, simultaneous: Interval | None, holm: float | None, rules: Rules
) -> Verdict:
    """Better or worse only if the corrected test and the simultaneous interval both say so."""
    if simultaneous is None:
        return Verdict.FEW
    if not pairs.differences.any():
        return Verdict.IDENTICAL
    if holm is not None and holm < rules.alpha and not simultaneous.low <= 0 <= simultaneous.high:
        return Verdict.BETTER if rules.sign * pairs.mean > 0 else Verdict.WORSE
    if -rules.smallest_effect < simultaneous.low and simultaneous.high < rules.smallest_effect:
        return Verdict.EQUIVALENT
    return Verdict.UNRESOLVED
