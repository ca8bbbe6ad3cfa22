"""In a terminal of any width a number is whole or not there, and then a line says so."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_answers import COST, answer, golden, row, seeds

from vitpos import tables
from vitpos.statistics import Interval, Verdict
from vitpos.tables import columns, terminal
from vitpos.tables.cells import Sheet

BASE = row("base", seeds(0.80, 0.81, 0.82), rank=1)
OTHERS = seeds(0.81, 0.83, 0.82)


def rich(found, width=200, **options):
    """The table for a terminal, plain."""
    return tables.render(found, "rich", width=width, **({"colour": False} | options))


def test_colours_say_better_and_worse():
    """Green and red, nothing else; without them every word is still there."""
    found = answer(
        BASE, row("a", OTHERS, BASE, Verdict.BETTER), row("b", OTHERS, BASE, Verdict.WORSE)
    )
    said = rich(found, colour=True)

    assert re.findall(r"\x1b\[\d+m[^\x1b]*", said)[::2] == ["\x1b[32mbetter", "\x1b[31mworse"]
    assert re.sub(r"\x1b\[\d+m", "", said) == rich(found)


def test_a_file_does_not_depend_on_the_terminal(monkeypatch, capsys):
    """Piped, lines are 120 wide or as COLUMNS says, and plain."""
    monkeypatch.delenv("COLUMNS", raising=False)

    assert tables.render(golden(), "rich") == rich(golden(), width=120)

    monkeypatch.setenv("COLUMNS", "77")

    assert tables.render(golden(), "rich") == rich(golden(), width=77)


@pytest.mark.parametrize(
    ("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "x")]
)
def test_colours_may_be_refused(monkeypatch, variable, value):
    """By NO_COLOR, or by a terminal that has none."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    assert tables.coloured() == (value == "x")


COUNTS = st.integers(0, 10**12).map(float)


VALUES = st.dictionaries(st.integers(0, 99), st.floats(0, 1), max_size=5)
ARMS = st.tuples(
    st.text(min_size=1, max_size=40),
    VALUES,
    st.sampled_from(Verdict),
    st.fixed_dictionaries(dict.fromkeys(COST, COUNTS)),
    st.sampled_from([{}, {"diverged": (100,)}, {"failed": (100, 101)}]),
)


def made(arms, metric):
    """An answer of arms that Hypothesis drew, the first of them the baseline."""
    base = row("base", arms[0][1])
    share = {"diverged": Interval(0.00505, 0.71642)}
    rows = [
        row(name, values, base, said, rank=1, costs=costs, lost=lost, lost_share=share)
        for name, values, said, costs, lost in arms[1:]
    ]
    return answer(base, *rows, metric=metric)


@settings(deadline=None, max_examples=60)
@given(
    arms=st.lists(ARMS, min_size=1, max_size=4, unique_by=lambda arm: arm[0]),
    metric=st.sampled_from(["test/accuracy", "test/loss"]),
    width=st.integers(60, 200),
)
def test_no_number_is_ever_cut(arms, metric, width):
    """At any width each cell of a shown column is there whole, in lines that fit."""
    found = made(arms, metric)
    said = rich(found, width)
    every = columns.filled(Sheet(found), None, timings=True)
    shown, left_out = terminal.fitting(list(map(terminal.made_visible, every)), width, keep=False)
    text, words = " ".join(said.split()), set(said.split())

    for column in shown:
        if column.name in terminal.FOLDED:
            continue
        for cell in column.cells:
            assert set(cell.split()) <= words
    assert all(name in text for name in left_out)
    assert ("left out" in text) == bool(left_out)
    assert [c.name for c in every if c.name not in left_out] == [c.name for c in shown]
    assert max(terminal.width(line) for line in said.split("\n\n")[0].splitlines()) <= width
    assert not re.search(r"[^\S\n ]|\x1b", said)


@settings(deadline=None, max_examples=20)
@given(width=st.integers(10, 59))
def test_narrow_terminals_get_lines(width):
    """A fact on a line of its own, and nothing is left out."""
    said = rich(golden(), width)

    assert "left out" not in said or "─" in said
    assert {"85.42", "84.31", "84.52", "better", "baseline"} <= set(said.split())
