"""Intervals and curves as text: in columns that are there, with numbers that are whole."""

import math
import re

import pytest
from drawn_answers import row as drawn_row
from drawn_answers import run
from hypothesis import given
from hypothesis import strategies as st
from small_answers import answer, golden, row, seeds

from vitpos import tables
from vitpos.tables.cells import Sheet
from vitpos.tables.strips import shortened, strips
from vitpos.terminal.sparks import BARS, BROKEN, Axis, axis, sparkline, whisker

SHARES = st.floats(0, 1)


def strip(found, width=80):
    """The lines below the table of an answer."""
    return strips(Sheet(found), found.rows, width)


@given(st.lists(SHARES, min_size=1, max_size=9), st.integers(16, 120), SHARES | st.none())
def test_a_whisker_is_as_wide_as_its_axis(values, width, base):
    """With the mean where it is, ends of the interval beside it, and every seed on it."""
    mean, ends = sum(values) / len(values), (min(values), max(values))
    along = axis([*values, *([] if base is None else [base])], width)
    said = whisker(along, values, mean, ends, base)

    assert len(said) == width
    assert said[along.place(mean)] == "●"
    assert said.strip("┊ ")[0] in "├●┤"
    assert said.strip("┊ ")[-1] in "┤●"
    assert set(said) <= set("●├┤─·┊ ")


@given(st.lists(SHARES, min_size=2, max_size=5, unique=True))
def test_one_axis_for_all(values):
    """More to the right is more, and the ends are the ends."""
    along = axis(values, 50)
    places = [along.place(value) for value in sorted(values)]

    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 49)


def test_a_range_of_nothing_has_a_middle():
    """Equal numbers, and none at all."""
    assert Axis(1.0, 1.0, 11).place(1.0) == 5
    assert axis([math.nan], 10) == Axis(0.0, 0.0, 10)


def test_what_is_not_a_number_is_seen_in_a_curve():
    """Also where it is one of several points of a bar."""
    assert sparkline([0.0, math.nan, 1.0]) == f"▁{BROKEN}█"
    assert BROKEN in sparkline([0.5] * 50 + [math.nan] + [0.5] * 50, 10)


def test_curves_share_their_range():
    """Half as high is half as high, whichever curve it is in."""
    assert sparkline([0.0, 0.5], 8, (0.0, 1.0)) == f"{BARS[0]}{BARS[4]}"
    assert sparkline([], 8, (0.0, 1.0)) == ""


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_strips_fit_and_numbers_are_whole(width):
    """At any width; the ends of the axis stand above its ends."""
    found = golden()
    lines = strip(found, width)
    ends = [v for r in found.rows for v in (*r.values.values(), *(r.interval or ()))]
    low, high = (f"{100 * end:.2f} %" for end in (min(ends), max(ends)))

    assert max(map(len, lines)) <= width
    assert low in lines[0]
    assert lines[0].endswith(high)
    assert sum("●" in line for line in lines) == len(found.rows) + 1
    assert not any("\x1b" in line for line in lines)


def test_a_very_narrow_terminal_has_none():
    """There would be nothing to see."""
    assert strip(golden(), 20) == []


def test_one_arm_is_compared_with_nobody():
    """Nor are very many drawn."""
    assert strip(answer(row("a", seeds(0.5, 0.6, 0.7)))) == []
    assert strip(answer(*(row(f"a{i}", seeds(0.5, 0.6)) for i in range(51)))) == []


def test_the_baseline_is_marked_in_the_lines_of_others():
    """Where its mean is."""
    base = row("base", seeds(0.2, 0.2, 0.2))
    lines = strip(answer(base, row("a", seeds(0.8, 0.9, 1.0), base)), 60)

    assert "┊" in next(line for line in lines if line.startswith("a "))
    assert "┊" not in next(line for line in lines if line.startswith("base"))


def test_curves_stand_on_the_right_where_there_is_room(tmp_path):
    """Means over seeds, all in one range."""
    runs = {arm: [run(tmp_path, arm, s, end) for s in range(2)] for arm, end in
            (("low", 0.4), ("high", 0.8))}  # fmt: skip
    found = answer(*(drawn_row(of, arm, None) for arm, of in runs.items()))
    wide, narrow = strip(found, 80), strip(found, 60)
    high, low = (next(x for x in wide if x.startswith(arm)) for arm in ("high", "low"))

    assert high.endswith("█")
    assert low[-1] in BARS[:4]
    assert not any(bar in line for line in narrow for bar in BARS)
    assert any("validation while learning" in line for line in wide)


def test_strips_stand_below_the_table_unless_columns_are_asked_for():
    """Who asks for columns gets these."""
    found = golden()

    assert "● mean" in tables.render(found, "rich", width=100, colour=False)
    assert "●" not in tables.render(found, "rich", width=100, colour=False, only=["mean"])


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "M", "Z")), max_size=40))
def test_names_take_as_many_columns_as_they_have(name):
    """Whatever letters they are made of; the ends of a long one are kept."""
    from vitpos.tables.safe import width

    said = shortened(name, 12)

    assert width(said) in (11, 12)
    if width(name) <= 12:
        assert said.rstrip() == name.rstrip()
    elif name.isascii():
        assert re.match(re.escape(name[:6]), said)
        assert said.endswith(name[-5:])
