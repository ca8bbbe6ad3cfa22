"""From plain data to dataclasses: what fits, what does not, and what is said about it."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.errors import Problem
from vitpos.typed import limits, typed


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A group within a group."""

    share: float = field(metadata={"at_least": 0, "below": 1})
    steps: list[int] = field(metadata={"at_least": 0})


@dataclass(frozen=True, kw_only=True)
class Outer:
    """One field of each kind."""

    count: int = field(metadata={"at_least": 1, "at_most": 9})
    rate: float = field(metadata={"above": 0})
    flag: bool
    word: str = field(metadata={"one_of": ("red", "green")})
    maybe: float | None = field(metadata={"at_least": 0})
    inner: Inner
    parts: dict[str, dict[str, Any]]


GOOD = {
    "count": 3,
    "rate": 0.5,
    "flag": True,
    "word": "red",
    "maybe": None,
    "inner": {"share": 0.5, "steps": [1, 2]},
    "parts": {"a": {"b": 1}},
}


def read(data, kind=Outer):
    """The object, and what was said about the data."""
    problems = []
    return typed(kind, data, "", problems.append), [message for message, _ in problems]


def test_what_fits_comes_through_unchanged():
    """A dataclass with the same values, and nothing to say."""
    found, problems = read(GOOD)

    assert problems == []
    assert isinstance(found, Outer)
    assert isinstance(found.inner, Inner)
    assert asdict(found) == GOOD


def test_whole_numbers_are_numbers():
    """`1` is fine where `1.0` is meant, and becomes it."""
    found, problems = read(GOOD | {"rate": 2})

    assert problems == []
    assert type(found.rate) is float


@pytest.mark.parametrize(
    ("key", "bad", "said"),
    [
        ("count", 0, "count = 0: must be at least 1"),
        ("count", 10, "count = 10: must be at most 9"),
        ("count", 2.0, "count = 2.0: must be a whole number"),
        ("count", 2.5, "count = 2.5: must be a whole number"),
        ("count", True, "count = True: must be a whole number"),
        ("count", "2", "count = 2: must be a whole number"),
        ("count", None, "count: empty value"),
        ("count", "", "count: empty value"),
        ("rate", 0, "rate = 0.0: must be above 0"),
        ("rate", -1.5, "rate = -1.5: must be above 0"),
        ("rate", math.inf, "rate = inf: must be finite"),
        ("rate", math.nan, "rate = nan: must be finite"),
        ("rate", 10**400, f"rate = {10**400}: must be finite"),
        ("rate", False, "rate = False: must be a number"),
        ("rate", "fast", "rate = fast: must be a number"),
        ("rate", [1.0], "rate = [1.0]: must be a number"),
        ("flag", 1, "flag = 1: must be true or false"),
        ("flag", "true", "flag = true: must be true or false"),
        ("word", "blue", "word = blue: must be one of red, green"),
        ("word", 3, "word = 3: must be one of red, green"),
        ("word", True, "word = True: must be a word"),
        ("maybe", -1.0, "maybe = -1.0: must be at least 0"),
        ("maybe", "no", "maybe = no: must be a number"),
        ("inner", 5, "inner = 5: must hold named values"),
        ("inner", {"share": 1.0, "steps": []}, "inner.share = 1.0: must be below 1"),
        ("inner", {"share": 0.5, "steps": [1, -1]}, "inner.steps = -1: must be at least 0"),
        ("inner", {"share": 0.5, "steps": [1, "x"]}, "inner.steps = x: must be a whole number"),
        ("inner", {"share": 0.5, "steps": 1}, "inner.steps = 1: must be a list"),
        ("inner", {"share": 0.5}, "inner.steps is missing"),
        ("inner", {"share": 0.5, "steps": [], "more": 1}, "unknown key inner.more"),
        ("parts", {"a": 1}, "parts = {'a': 1}: must hold named options"),
        ("parts", [], "parts = []: must hold named options"),
    ],
)
def test_says_what_is_wrong(key, bad, said):
    """One line with the dotted path, the value and the rule; and no object."""
    found, problems = read(GOOD | {key: bad})

    assert found is None
    assert problems == [said]


def test_says_everything_at_once():
    """All problems of all groups, not only the first."""
    data = GOOD | {"count": 0, "rate": "fast", "inner": {"share": 2, "stepps": []}}
    del data["flag"]

    assert set(read(data)[1]) == {
        "count = 0: must be at least 1",
        "rate = fast: must be a number",
        "flag is missing",
        "inner.share = 2.0: must be below 1",
        "inner.steps is missing",
        "unknown key inner.stepps",
    }


def test_hints_at_what_was_meant():
    """A near key, a near word, a whole number."""
    problems = []
    inner = {"share": 0.5, "steps": [2.0], "stepz": []}
    typed(Outer, GOOD | {"word": "Gren", "inner": inner}, "", problems.append)

    assert dict(problems) == {
        "word = Gren: must be one of red, green": "did you mean green?",
        "unknown key inner.stepz": "did you mean steps?",
        "inner.steps = 2.0: must be a whole number": "write inner.steps=2",
    }


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(data=st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, anything)) | anything)
def test_never_fails_and_never_lets_through(data):
    """Any data at all: either an object and nothing said, or no object and something said."""
    found, problems = read(data)

    assert (found is None) == bool(problems)


@settings(max_examples=50, deadline=None)
@given(key=st.sampled_from(sorted(GOOD)), data=anything)
def test_what_comes_through_keeps_its_limits(key, data):
    """An object that was made is one that its own values make again."""
    found, _ = read(GOOD | {key: data})
    if found is not None:
        assert read(asdict(found)) == (found, [])
        assert 1 <= found.count <= 9
        assert 0 < found.rate < math.inf
        assert found.word in ("red", "green")
        assert 0 <= found.inner.share < 1


@pytest.mark.parametrize(
    ("number", "rules", "said"),
    [
        (6, {"multiple_of": 4}, ["x = 6: must be a multiple of 4"]),
        (8, {"multiple_of": 4}, []),
        (
            5,
            {"at_least": 6, "multiple_of": 2},
            ["x = 5: must be at least 6", "x = 5: must be a multiple of 2"],
        ),
        ("a", {"above": 1}, ["x = a: must be a number"]),
        ("a", {"one_of": ["b"]}, ["x = a: must be one of b"]),
    ],
)
def test_limits(number, rules, said):
    """Each rule that is broken gets a line."""
    found = limits(number, "x", rules)

    assert [problem.message for problem in found] == said
    assert all(isinstance(problem, Problem) for problem in found)
