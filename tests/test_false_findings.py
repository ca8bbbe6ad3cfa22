"""Arms that are all the same: a table, from folders to verdicts, seldom finds a difference."""

from pathlib import Path

import numpy as np
import pytest
from quick_runs import quick, reached

from vitpos.comparing.comparison import compare
from vitpos.statistics import Verdict

SEEDS = 5
FOUND = {Verdict.BETTER, Verdict.WORSE}


def studies_with_findings(outputs: Path, comparisons: int, studies: int) -> list[bool]:
    """Whether each of so many A/A studies found anything; pairs are correlated as real ones are."""
    noise = np.random.default_rng(comparisons)
    names = ["none", *(f"arm{number}" for number in range(comparisons))]
    paths = {
        (name, seed): quick(outputs, name, seed, 0.5, embedding=name)
        for name in names
        for seed in range(SEEDS)
    }
    found = []
    for _ in range(studies):
        shared = noise.normal(0, 0.002, SEEDS)
        for (_, seed), path in paths.items():
            reached(path, 0.9 + shared[seed] + noise.normal(0, 0.003))
        rows = compare([outputs]).rows
        assert all(row.difference for row in rows if row.label != "none")
        found.append(any(row.difference and row.difference.verdict in FOUND for row in rows))
    return found


def findings(outputs: Path, studies: dict[int, int]) -> list[bool]:
    """Of so many studies of so many comparisons."""
    return [
        finding
        for comparisons, count in studies.items()
        for finding in studies_with_findings(outputs / str(comparisons), comparisons, count)
    ]


def test_equal_arms_are_seldom_told_apart(tmp_path):
    """In 100 studies: 14 findings would come by chance once in 2,000 times at 0.05."""
    assert sum(findings(tmp_path, {2: 30, 5: 35, 7: 35})) < 14


@pytest.mark.slow
def test_equal_arms_are_told_apart_no_more_often_than_declared(tmp_path):
    """Of 2,000 studies with 2, 5 and 7 comparisons, at most 5.5 % find anything."""
    found = findings(tmp_path, {2: 700, 5: 700, 7: 600})

    assert len(found) == 2000
    assert sum(found) <= 0.055 * len(found)
