"""Mean curves are over all runs of an arm, with the interval of a t test."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vitpos.boards.curves import Point, curves


def runs(*values):
    """Runs with these values of one metric, a row each 10 steps."""
    return [[{"step": 10 * n, "val/loss": v} for n, v in enumerate(run)] for run in values]


@given(
    st.integers(3, 6).flatmap(
        lambda n: st.lists(st.lists(st.floats(-10, 10), min_size=2, max_size=2), min_size=n)
    )
)
def test_the_interval_is_that_of_student(values):
    """As scipy has it, at each step."""
    (curve,) = curves(runs(*values))

    for point, column in zip(curve.points, np.array(values).T, strict=True):
        error = stats.sem(column)
        low, high = stats.t.interval(0.95, len(values) - 1, column.mean(), error or 1e-300)

        assert point.mean == pytest.approx(column.mean(), abs=1e-10)
        assert point.low == pytest.approx(low, abs=1e-10)
        assert point.high == pytest.approx(high, abs=1e-10)


def test_two_runs_have_no_interval():
    """Nobody knows their spread."""
    (curve,) = curves(runs([1.0, 2.0], [3.0, 4.0]))

    assert curve.points == (Point(0, 2.0, None, None), Point(10, 3.0, None, None))


def test_a_step_counts_if_all_runs_have_it():
    """A mean over other runs at each step would jump."""
    (curve,) = curves(runs([1.0, 2.0, 3.0], [1.0, math.nan, 5.0], [1.0, 2.0, 4.0, 5.0]))

    assert [(point.step, point.mean) for point in curve.points] == [(0, 1.0), (20, 4.0)]


def test_what_a_run_lacks_has_no_curve():
    """No metric of some runs only, and no runs at all."""
    assert curves([[{"step": 1, "val/loss": 1.0}], [{"step": 1}]]) == []
    assert curves([]) == []
