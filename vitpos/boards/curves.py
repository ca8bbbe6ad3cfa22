"""The mean learning curve of an arm over its seeds, with its 95 % interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vitpos.statistics.intervals import FEWEST, mean_bounds

METRICS = ("val/accuracy", "val/loss", "train/accuracy", "train/loss")
ENDS = ("test/accuracy", "test/loss")  # known once
LEVEL = 0.05  # an interval misses the true mean so often

Row = Mapping[str, float | int]


class Point(NamedTuple):
    """Of one metric at one step."""

    step: int
    mean: float
    low: float | None  # None: fewer than three runs say nothing of the spread
    high: float | None


@dataclass(frozen=True)
class Curve:
    """One metric of an arm, at each step that all of its runs have."""

    metric: str
    points: tuple[Point, ...]


def curves(runs: Sequence[Sequence[Row]], metrics: Sequence[str] = METRICS) -> list[Curve]:
    """The mean curve of each metric that all runs have; `runs` are their rows, one per epoch."""
    tables = [{int(row["step"]): row for row in rows} for rows in runs]
    if not tables:
        return []
    steps = sorted(set(tables[0]).intersection(*tables[1:]))
    return [Curve(name, points) for name in metrics if (points := points_of(name, steps, tables))]


def points_of(
    metric: str, steps: Sequence[int], tables: Sequence[Mapping[int, Row]]
) -> tuple[Point, ...]:
    """The steps at which every run has a finite number for the metric."""
    rows = [[table[step].get(metric, math.nan) for table in tables] for step in steps]
    known = [number for number, row in enumerate(rows) if all(map(math.isfinite, row))]
    if not known:
        return ()
    at = [steps[number] for number in known]
    values = np.array([rows[number] for number in known], float)  # [steps, runs]
    means = values.mean(-1).tolist()
    if len(tables) < FEWEST:
        return tuple(Point(s, mean, None, None) for s, mean in zip(at, means, strict=True))
    low, high = (np.asarray(bound).tolist() for bound in mean_bounds(values, LEVEL))
    return tuple(map(Point, at, means, low, high))
