"""Columns tell arms apart, and hold nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitpos.boards.columns import Column, flat, kind, shown, varying

ROPE = {"embedding": {"rope2d": {"_target_": "a.b", "theta": 100.0}}, "training": {"lr": 0.1}}
SLOW = {"embedding": {"rope2d": {"_target_": "a.b", "theta": 10.0}}, "training": {"lr": 0.1}}
NONE = {"embedding": {"none": {}}, "training": {"lr": 0.1}}


def names(*configs):
    """The columns of these arms."""
    return [column.name for column in varying([flat(config) for config in configs])]


def test_a_config_is_flat():
    """Dotted keys, the embedding by name; no seed, no machinery, nothing that is not set."""
    config = ROPE | {"seed": 3, "outputs": "x", "notes": "y", "patch": None}

    assert flat(config) == {
        "embedding": "rope2d",
        "training.lr": 0.1,
        "embedding.rope2d.theta": 100.0,
    }


def test_keys_that_differ_are_columns():
    """The embedding always; a key of its own only if two arms that have it differ."""
    assert names(ROPE) == ["embedding"]
    assert names(ROPE, NONE) == ["embedding"]
    assert names(ROPE, SLOW, NONE) == ["embedding", "embedding.rope2d.theta"]
    assert names(NONE, NONE | {"training": {"lr": 0.2}}) == ["embedding", "training.lr"]


def test_what_goes_with_the_name_of_a_data_set_is_no_column():
    """Unless two arms on the same data differ in it."""
    small = {"dataset": {"name": "mnist", "size": 28, "classes": 10}}
    large = {"dataset": {"name": "cifar", "size": 32, "classes": 10}}
    cut = {"dataset": {"name": "cifar", "size": 24, "classes": 10}}

    assert names(small, large) == ["embedding", "dataset.name"]
    assert names(small, large, cut) == ["embedding", "dataset.name", "dataset.size"]


def test_a_column_has_the_values_of_all_arms():
    """Each once, in order, of one kind: what is mixed is text."""
    arms = [flat({"a": {"x": x, "y": x > 1, "z": z}}) for x, z in ((2, 1), (1, "auto"), (2, True))]

    assert varying(arms)[1:] == [
        Column("a.x", "number", (1, 2)),
        Column("a.y", "switch", (False, True)),
        Column("a.z", "text", ("1", "True", "auto")),
    ]
    assert shown(arms[2], varying(arms))["a.z"] == "True"
    assert "a.x" not in shown({"embedding": "none"}, varying(arms))


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.floats())


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), min_size=1, max_size=4))
def test_any_value_can_be_shown(configs):
    """Whatever somebody wrote into a config; what is no ordinary number becomes text."""
    arms = [flat(config) for config in configs]
    columns = varying(arms)

    for arm in arms:
        for value in shown(arm, columns).values():
            if isinstance(value, str):
                value.encode()
            else:
                assert math.isfinite(float(value))
    for column in columns:
        assert kind(column.values) == column.kind


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400])
def test_no_ordinary_number_is_text(value):
    """A message has no room for it."""
    assert isinstance(flat({"a": value})["a"], str)
