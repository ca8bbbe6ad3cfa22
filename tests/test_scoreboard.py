"""The board of a sweep that runs, as wide and high as the terminal is."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from small_plans import failed, finished, going, made, planned

from vitpos import scoreboard
from vitpos.scoreboard import Moment
from vitpos.standings import MARKS, Style
from vitpos.states import KINDS, State
from vitpos.tally import Tally

NOON = Moment(elapsed=754.0, left=2460.0, budget_left=None, clock=0.0)
NUMBER = re.compile(r"[+-]?\d[\d.,]*")
HOSTILE = "\x1b[31m[bold]red[/]\x07\u202e"


def tally(arms=("a", "b"), seeds=3, states=(), **changes) -> Tally:
    """A sweep in which this has happened, in the order of its members."""
    plan = made(arms, seeds, **changes)
    found = Tally(plan, planned(plan), 2)
    for number, state in enumerate(states):
        found.change(number, going(0))
        found.change(number, state)
    return found


def lines(of: Tally, width=120, height=40, *, unicode=True, moment=NOON) -> list[str]:
    """The board as text."""
    return [line.plain for line in scoreboard.drawn(of, moment, Style(width, height, unicode))]


def row(of: Tally, arm: str, **options) -> list[str]:
    """The words of an arm's line."""
    return next(line.split() for line in lines(of, **options) if line.startswith(f"{arm} "))


def test_says_how_far_it_is():
    """The question, the plan, slots, what is finished, time passed and left, the budget."""
    moment = Moment(754.0, 2460.0, 600.0, 0.0)
    said = " ".join(lines(tally(states=[finished(0.5)]), moment=moment)[:3])

    assert said.startswith("made: Which?")
    assert re.search(r"plan [0-9a-f]{12}, 2 slots, 1 of 6 finished, 12 min 34 s so far,", said)
    assert re.search(r"about 41 min 00 s left, until \d\d:41, 10 min 00 s of the budget left", said)


def test_says_that_it_does_not_know():
    """How long it takes, before anything was measured."""
    moment = Moment(1.0, None, None, 0.0)

    assert "time left not known yet" in " ".join(lines(tally(), moment=moment))


@pytest.mark.parametrize("unicode", [True, False])
def test_each_state_has_a_mark(unicode):
    """Of its own, also where there are only plain letters; the legend names those in use."""
    marks = {MARKS[kind][0 if unicode else 1] for kind in KINDS}
    found = tally(seeds=10, states=[State(kind) for kind in KINDS])
    said = " ".join(lines(found, unicode=unicode))

    assert len(marks) == len(KINDS)
    assert all(len(mark) == 1 for mark in marks)
    assert unicode or said.isascii()
    assert all(f" {kind}" in said for kind in KINDS)


def test_means_have_intervals_from_three_seeds_on():
    """Of the arm and of the difference to its baseline, by seed; and it is no result yet."""
    values = [0.80, 0.83, 0.81, 0.83, 0.82, 0.83]  # a and b, seed by seed: b is 3, 2 and 1 better
    two, three = (tally(states=[finished(v) for v in values[:n]]) for n in (4, 6))

    assert row(two, "b")[-3:] == ["2/3", "83.00", "+2.50"]
    assert row(three, "a")[-3:] == ["3/3", "81.00", "±2.48"]
    assert row(three, "b")[-5:] == ["3/3", "83.00", "±0.00", "+2.00", "±2.48"]
    assert "means of test/accuracy so far: running, not a result" in lines(three)


def test_what_is_lost_is_counted():
    """In a column that is there only then, and not in the mean."""
    some = tally(states=[finished(0.8), failed(), finished(0.8), failed(kind="diverged")])

    assert row(some, "b")[-2:] == ["0/3", "2"]
    assert not any("failed" in line for line in lines(tally(states=[finished(0.8)])))


def test_members_that_run_tell_their_speed():
    """Step, share, images per second, time left."""
    found = tally(states=[going(50, rate=1000.0)])

    assert "a, seed 0  50/100  50%  1,000 img/s  6 s left" in lines(found)
    assert "a, seed 0  50%  6 s left" in lines(found, width=30)


def test_other_metrics_are_not_percents():
    """A loss is what it is."""
    found = tally(states=[finished(0.12345)], metric="test/loss", direction="down")

    assert row(found, "a")[-2:] == ["1/3", "0.1235"]


def test_many_arms_fit_the_screen():
    """Those that run and those that changed last are shown, in the order of the plan."""
    arms = tuple(f"arm{n:03}" for n in range(100))
    states = [finished(0.5)] * 80 + [going(10)] * 3
    said = lines(tally(arms, 1, states), height=24)
    shown = [line.split()[0] for line in said if re.match(r"arm\d{3} ", line)]

    assert len(said) <= 23
    assert shown == sorted(shown)
    assert {"arm079", "arm080", "arm081", "arm082"} <= set(shown)
    assert f"… and {100 - len(shown)} more arms" in said


def test_many_that_run_leave_room_for_the_arms():
    """And say how many they are."""
    arms = tuple(f"arm{n:03}" for n in range(100))
    said = lines(tally(arms, 1, [going(10)] * 90), height=24)

    assert len(said) <= 23
    assert sum(bool(re.match(r"arm\d{3} ", line)) for line in said) >= 3
    assert any(re.fullmatch(r"… and \d+ more that run", line) for line in said)


def numbers(said: list[str]) -> set[str]:
    """All that are written, but for those that depend on the room there is."""
    return {n for line in said if " more " not in line for n in NUMBER.findall(line)}


@settings(deadline=None, max_examples=60)
@given(
    width=st.integers(40, 200),
    height=st.integers(12, 60),
    seeds=st.integers(1, 30),
    unicode=st.booleans(),
    values=st.lists(st.floats(0.001, 0.999), min_size=1, max_size=60),
)
@example(width=40, height=12, seeds=30, unicode=False, values=[0.5] * 60)
def test_no_number_is_cut(width, height, seeds, unicode, values):
    """At any width a number is there as it is where there is all the room, or it is not there."""
    ends = [*map(finished, values), failed(), going(33, rate=123456.7)][-2 * seeds :]
    found = tally(("a-rather-long-name-of-an-arm", "b"), seeds, ends)
    said = lines(found, width, height, unicode=unicode)

    assert all(cell_len(line) <= width for line in said)
    assert len(said) <= max(height - 1, 14)
    assert numbers(said) <= numbers(lines(found, 1000, 1000, unicode=unicode))


def test_names_of_others_are_harmless():
    """They move no cursor, ring no bell, and are no markup."""
    of = tally((f"a{HOSTILE}", "b"), 2, [going(1)], question=HOSTILE)
    said = lines(of)

    assert all(line.isprintable() for line in said)
    assert "[bold]red[/]" in "".join(said)


def test_wide_letters_stay_in_their_columns():
    """Chinese takes two columns a letter."""
    said = lines(tally(("位置编码位置编码位置编码", "b"), 2, [finished(0.5), finished(0.25)]), 44)
    ends = [cell_len(line) for line in said if "1/2" in line]

    assert len(ends) == 2
    assert max(map(cell_len, said)) <= 44
