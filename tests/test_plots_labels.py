"""Names do not overlap, and the front is right."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.plots.fronts import standing, unit
from vitpos.plots.labels import around, spread
from vitpos.statistics import Interval

NUMBERS = st.floats(0, 100, allow_nan=False)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12)
FRAME = (-40.0, -40.0, 140.0, 140.0)


@given(st.lists(NUMBERS, max_size=20), st.floats(0.1, 30))
@settings(deadline=None)
def test_spread_keeps_order_and_distance(wanted, gap):
    """Within the limits; where not all fit, evenly."""
    found = spread(wanted, gap, 0.0, 100.0)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [found[i] for i in order]
    least = min(gap, 100 / max(1, len(wanted) - 1)) - 1e-6

    assert all(b - a >= least for a, b in pairwise(placed))
    assert all(-1e-6 <= at <= 100 + 1e-6 for at in found)


def test_spread_moves_nothing_that_has_room():
    """And what collides shares the way."""
    assert spread([10.0, 50.0, 90.0], 10.0, 0.0, 100.0) == [10, 50, 90]
    assert spread([50.0, 50.0], 10.0, 0.0, 100.0) == pytest.approx([45, 55])
    assert spread([52.0, 50.0], 10.0, 0.0, 100.0) == pytest.approx([56, 46])


@given(POINTS)
@settings(deadline=None, max_examples=40)
def test_names_lie_on_no_other_name_and_on_no_marker(points):
    """Nor outside; where there is no room, there is none."""
    places = around(points, [(20.0, 6.0)] * len(points), FRAME, points)
    boxes = [(p.x, p.y, p.x + 20, p.y + 6) for p in places if p]
    markers = [(x - 3.4, y - 3.4, x + 3.4, y + 3.4) for x, y in points]

    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert not any(overlap(box, marker) for box in boxes for marker in markers)
    assert all(min(b[:2]) >= -40 and max(b[2:]) <= 140 for b in boxes)


def overlap(one, other):
    """Whether two boxes have an area in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_a_name_without_room_is_left_out():
    """Rather than drawn over something."""
    assert around([(50.0, 50.0)], [(500.0, 6.0)], FRAME, [(50.0, 50.0)]) == [None]


@given(st.lists(st.tuples(*[st.integers(1, 5).map(float)] * 2), min_size=1, max_size=10))
def test_the_front_dominates_all_others(steps):
    """Whoever is on it is beaten by none, and whoever is not, by one of it."""
    said = [standing(step, None, steps, 1) for step in steps]
    front = [step for step, word in zip(steps, said, strict=True) if word == "front"]

    assert front
    for (cost, mean), word in zip(steps, said, strict=True):
        better = [(c, m) for c, m in front if c <= cost and m >= mean and (c, m) != (cost, mean)]
        assert bool(better) == (word == "dominated")


def test_an_interval_that_reaches_the_front_leaves_it_open():
    """In both directions of better."""
    steps = [(1.0, 0.8), (2.0, 0.7)]

    assert standing((2.0, 0.7), Interval(0.5, 0.85), steps, 1) == "open"
    assert standing((2.0, 0.7), Interval(0.5, 0.79), steps, 1) == "dominated"
    assert standing((2.0, -0.7), Interval(0.55, 0.85), [(1.0, -0.6), (2.0, -0.7)], -1) == "open"


@pytest.mark.parametrize(
    ("cost", "most", "said"),
    [
        ("params", 2e5, "parameters (k)"),
        ("flops", 6.7e6, "operations per image (M)"),
        ("seconds", 45.0, "time to train (s)"),
        ("seconds", 7300.0, "time to train (h)"),
        ("memory", 2.0**33, "peak memory (GiB)"),
        ("memory", 100.0, "peak memory (MiB)"),
    ],
)
def test_units_fit_the_numbers(cost, most, said):
    """The largest of which there is more than one."""
    assert unit(cost, most)[1] == said
