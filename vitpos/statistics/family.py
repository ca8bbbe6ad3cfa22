"""All comparisons of a table, corrected together.

Twenty arms that are the same as their baseline would have one of them called better at 0.05. So the
chance of any false finding is held at alpha: p values are Holm's (1979), intervals are Bonferroni's
and hold all together. Where alpha is spent on several looks at growing data, each has its part.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from vitpos.statistics.crossed import on_new_images
from vitpos.statistics.differences import Difference, Rules, difference
from vitpos.statistics.intervals import FEWEST, Interval, Number, finite
from vitpos.statistics.pairs import Pairs, p_value, pair

Images = Callable[[str, int], np.ndarray | None]
SIGNS = {"up": 1, "down": -1}


def family(
    arms: Mapping[str, Mapping[int, Number]],
    against: Mapping[str, str],
    *,
    alpha: float,
    smallest_effect: Number,
    direction: str,
    looks: int = 1,
    images: Images | None = None,
) -> dict[str, Difference]:
    """Compare each arm of `against` with its baseline there; `arms` are values by seed.

    The number of comparisons that all are corrected for is that of `against`, whatever came of
    them: a comparison with too few pairs still counts, so that a lost run makes no finding easier.
    `direction` is up or down, where better is; `images` gives which test images a run of an arm
    and a seed has right. Raises `ValueError` for unknown arms, values that are not finite, images
    that do not pair, and rules that cannot be.
    """
    check(arms, against, alpha, smallest_effect, direction, looks)
    if not against:
        return {}
    rules = Rules(alpha / looks, alpha / looks / len(against), smallest_effect, SIGNS[direction])
    pairs = {arm: pair(arms[arm], arms[baseline]) for arm, baseline in against.items()}
    raw = [p_of(found) for found in pairs.values()]
    return {
        arm: difference(found, p, adjusted, other_images(arm, against[arm], found, images), rules)
        for (arm, found), p, adjusted in zip(pairs.items(), raw, holm(raw), strict=True)
    }


def check(
    arms: Mapping[str, Mapping[int, Number]],
    against: Mapping[str, str],
    alpha: float,
    smallest_effect: Number,
    direction: str,
    looks: int,
) -> None:
    """Raise `ValueError` for what cannot be compared."""
    for values in arms.values():
        finite(values.values())  # those that make no pair, too
    unknown = sorted({*against, *against.values()} - arms.keys())
    if unknown:
        raise ValueError(f"no values of {', '.join(unknown)}")
    if any(arm == baseline for arm, baseline in against.items()):
        raise ValueError("an arm cannot be its own baseline")
    if not 0 < alpha < 1 or looks < 1 or not 0 <= smallest_effect < float("inf"):
        raise ValueError(f"no rules: {alpha=}, {looks=}, {smallest_effect=}")
    if direction not in SIGNS:
        raise ValueError(f"better is up or down, not {direction}")


def p_of(pairs: Pairs) -> float | None:
    """Of the paired t test; None for too few pairs, or if all are identical."""
    n = len(pairs.seeds)
    if n < FEWEST or not pairs.differences.any():
        return None
    return float(p_value(pairs.mean, pairs.sd, n))


def holm(raw: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values (Holm 1979); one that is None counts as 1 and stays None."""
    values = np.array([1.0 if p is None else p for p in raw])
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [None if p is None else float(value) for p, value in zip(raw, adjusted, strict=True)]


def other_images(arm: str, baseline: str, pairs: Pairs, images: Images | None) -> Interval | None:
    """The interval for other test images; None unless every pair has its images."""
    if images is None or len(pairs.seeds) < FEWEST:
        return None
    ours, theirs = ([images(name, seed) for seed in pairs.seeds] for name in (arm, baseline))
    known = [found for found in (*ours, *theirs) if found is not None]
    if len(known) < 2 * len(pairs.seeds):
        return None
    half = len(pairs.seeds)
    return on_new_images(np.stack(known[:half]), np.stack(known[half:]))
