"""Tuning chooses by the mean on validation; what was lost is worst, and ties go to the first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.sweeps.choices import Choice, Point, best, is_edge, lines

RATES = (0.001, 0.002, 0.004)


def points(*results: tuple[float, ...], seeds: int = 2) -> tuple[Point, ...]:
    """One for each learning rate."""
    return tuple(
        Point({"training.lr": 0.001 * 2**number}, values, seeds - len(values))
        for number, values in enumerate(results)
    )


@pytest.mark.parametrize(
    ("results", "up", "down"),
    [
        ([(0.5, 0.5), (0.4, 0.9), (0.6, 0.6)], 1, 0),
        ([(0.5, 0.7), (0.6, 0.6), (0.7, 0.5)], 0, 0),  # a tie
        ([(0.9,), (0.1, 0.1), (0.2, 0.2)], 2, 1),  # one of them lost
        ([(), (0.1,), (0.2,)], 2, 1),
        ([(), (), (0.2,)], 2, 2),
        ([(), (), ()], None, None),
    ],
)
def test_the_best_mean_is_chosen(results, up, down):
    """In the direction of the metric, of the points that lost least."""
    found = points(*results)

    assert (best(found, "up"), best(found, "down")) == (up, down)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.integers(0, 8).map(lambda n: n / 8), max_size=3).map(tuple),
        min_size=1,
        max_size=6,
    )
)
def test_no_point_is_better_than_the_chosen(results):
    """And none before it as good."""
    found = points(*results, seeds=3)
    number = best(found, "up")
    if number is None:
        assert not any(results)
        return
    keys = [(point.lost, -point.mean) for point in found if point.mean is not None]

    assert min(keys) == (found[number].lost, -found[number].mean)
    assert all(p.mean is None or (p.lost, -p.mean) > min(keys) for p in found[:number])


@pytest.mark.parametrize(
    ("axis", "value", "edge"),
    [
        (RATES, 0.001, True),
        (RATES, 0.002, False),
        (RATES, 0.004, True),
        ((0.004, 0.001, 0.002), 0.004, True),
        ((0.004, 0.001, 0.002), 0.002, False),
        ((0.001, 0.002), 0.002, True),
        ((0.001,), 0.001, False),
        (("cosine", "linear"), "cosine", False),
        ((True, False), True, False),
    ],
)
def test_numbers_have_an_edge(axis, value, edge):
    """The least and the greatest, in whatever order they are tried; words have none."""
    values = {"key": value, "other": 2}

    assert is_edge(values, {"key": axis, "other": (1, 2, 3)}) is edge
    assert is_edge(values | {"other": 3}, {"key": axis, "other": (1, 2, 3)})


def test_the_table_has_a_column_for_each_point_or_a_line():
    """The chosen one has a star, what was lost is told, and no number is cut."""
    first = Choice("none", points((0.5, 0.6), (0.75, 0.75), (0.5,)), 1, False)
    second = Choice("odd\x1b[2J", points((), (0.5, 0.5), (0.9, 0.9)), 2, True)
    wide = lines([first, second], "val/accuracy", 100)
    narrow = lines([first, second], "val/accuracy", 60)

    assert wide == [
        "arm, by training.lr  0.001   0.002           0.004  chosen",
        "none                 55.00  75.00*  50.00 (1 lost)  training.lr=0.002",
        "odd\\x1b[2J            lost   50.00          90.00*"
        "  training.lr=0.004, at the edge of the grid",
    ]
    assert narrow[:3] == [
        "none: training.lr=0.002",
        "     55.00  training.lr=0.001",
        "    75.00*  training.lr=0.002",
    ]
    assert max(map(len, narrow)) <= 60
