"""An arm that is better by what a table calls detectable is mostly found, from folders on."""

import math
from pathlib import Path

import numpy as np
import pytest
from quick_runs import quick, reached

from vitpos.comparison import compare
from vitpos.statistics import Difference, Verdict

SEEDS = 5
SPREAD = 0.004  # the standard deviation of a paired difference


def difference(outputs: Path, arm: str) -> Difference:
    """Of an arm to the baseline, as the table has it."""
    [found] = [row.difference for row in compare([outputs]).rows if row.label == arm]
    assert found is not None
    return found


def share_found(outputs: Path, studies: int) -> float:
    """In how many studies an arm that is better by the printed MDE is called so.

    The size is printed by a study whose pairs differ by as much as those of the others do.
    """
    noise, names = np.random.default_rng(0), ("none", "better")
    paths = {name: [quick(outputs, name, s, 0.5, embedding=name) for s in range(SEEDS)]
             for name in names}  # fmt: skip

    def write(name: str, values: np.ndarray) -> None:
        for path, value in zip(paths[name], values, strict=True):
            reached(path, float(value))

    exact = np.arange(SEEDS) - (SEEDS - 1) / 2
    write("better", 0.5 + SPREAD * exact / exact.std(ddof=1))
    size = difference(outputs, "better").detectable
    assert size is not None
    count = 0
    for _ in range(studies):
        shared = 0.7 + noise.normal(0, 0.01, SEEDS)
        for name in names:
            own = noise.normal(0, SPREAD / math.sqrt(2), SEEDS)
            write(name, shared + own + (size if name == "better" else 0))
        count += difference(outputs, "better").verdict is Verdict.BETTER
    return count / studies


def test_what_is_detectable_is_mostly_found(tmp_path):
    """In 120 studies: at 0.8 a share outside this range would come once in 1,000 times."""
    assert 0.68 < share_found(tmp_path, 120) < 0.92


@pytest.mark.slow
def test_what_is_detectable_is_found_four_times_in_five(tmp_path):
    """Of 1,500 studies 80 %, by three standard errors."""
    assert share_found(tmp_path, 1500) == pytest.approx(0.8, abs=0.031)
