"""Places of arms, which those share that are not told apart."""

from collections.abc import Mapping, Sequence

import numpy as np

from vitpos.statistics import Difference, Verdict
from vitpos.statistics.intervals import FEWEST, deviation
from vitpos.statistics.pairs import p_value


def ranks(
    arms: Mapping[str, Mapping[int, float]],
    against: Mapping[str, str],
    differences: Mapping[str, Difference],
    *,
    level: float,
    direction: str,
) -> dict[str, int]:
    """One more than the number of arms that are better, for each arm with enough values.

    Which of an arm and its baseline is better, its verdict says. All other pairs of arms are a
    family of their own: paired t tests over the seeds that both have, by Holm (1979) at `level`.
    So a rank never contradicts a verdict, and the chance that any of the other pairs is told apart
    wrongly is `level` too.
    """
    names = [name for name, values in arms.items() if len(values) >= FEWEST]
    place = {name: number for number, name in enumerate(names)}
    better = dict.fromkeys(names, 0)
    p, signs = tests(matrix([arms[name] for name in names]))
    for name, baseline in against.items():
        if name in place and baseline in place:
            i, j = sorted((place[name], place[baseline]))
            p[i, j] = np.nan
            said = differences[name].verdict
            better[baseline] += said is Verdict.BETTER
            better[name] += said is Verdict.WORSE
    first, second = np.nonzero(rejected(p, level))
    won = (signs[first, second] > 0) == (direction == "up")
    lost = np.bincount(np.where(won, second, first), minlength=len(names))
    return {name: 1 + better[name] + int(lost[place[name]]) for name in names}


def matrix(values: Sequence[Mapping[int, float]]) -> np.ndarray:
    """Arms by seeds; NaN where an arm lacks the seed."""
    seeds = {seed: column for column, seed in enumerate(sorted({s for v in values for s in v}))}
    found = np.full((len(values), len(seeds)), np.nan)
    for row, known in zip(found, values, strict=True):
        row[[seeds[seed] for seed in known]] = list(known.values())
    return found


def tests(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair (i, j), i < j: the p value, NaN if there is none, and the sign of i - j."""
    count = len(values)
    p, signs = np.full((count, count), np.nan), np.zeros((count, count))
    for i in range(count - 1):
        differences = values[i] - values[i + 1 :]
        known = np.isfinite(differences)
        for pattern in known[:1] if known.all() else np.unique(known, axis=0):
            n = int(pattern.sum())
            if n < FEWEST:
                continue
            rows = np.flatnonzero((known == pattern).all(1))
            chosen = differences[rows][:, pattern]
            mean = chosen.mean(1)
            p[i, i + 1 + rows] = p_value(mean, deviation(chosen), n)
            signs[i, i + 1 + rows] = np.sign(mean)
    return p, signs


def rejected(p: np.ndarray, level: float) -> np.ndarray:
    """Which hypotheses fall, by Holm's steps."""
    flat = p[np.isfinite(p)]
    order = np.sort(flat)
    holds = order * np.arange(len(order), 0, -1) >= level
    first = int(holds.argmax()) if holds.any() else len(order)
    if first == 0:
        return np.zeros(p.shape, bool)
    return np.nan_to_num(p, nan=np.inf) <= order[first - 1]
