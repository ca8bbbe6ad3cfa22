"""What cards say in words."""

from collections import Counter

import networks
import pytest
from opened_runs import opened

from vitpos.embeddings.base import PositionEmbedding
from vitpos.pages.cards import words

LISTS = ("pros", "cons")


def test_every_strategy_is_in_one_group() -> None:
    """None is forgotten, none told twice, and no group has a member that there is not."""
    members = Counter(name for group in words.data()["groups"] for name in group["members"])

    assert set(members) == set(networks.NAMES)
    assert set(members.values()) == {1}


def test_groups_are_of_one_family(name: str) -> None:
    """A group tells of strategies that act in the same place."""
    entry = words.known(name)
    group = next(g for g in words.data()["groups"] if name in g["members"])

    assert entry is not None
    assert group["family"] == entry.facts["family"]


@pytest.mark.parametrize("count", [0, 1024])
def test_no_word_is_empty(name: str, count: int) -> None:
    """Of every strategy, learned or not."""
    said = words.about(name, networks.options(name)[name], count)

    assert all(said[key] for key in said), said
    assert all(text.strip() for key in LISTS for text in said[key])
    assert not any(text.startswith(("and ", "so ")) for key in LISTS for text in said[key])
    assert len(said["explanation"]) > 100
    assert "\n" not in said["explanation"]


@pytest.mark.parametrize("names", networks.COMBINATIONS)
def test_several_at_once_say_who_says_what(names: str) -> None:
    """Each has its part of every text, and of what is for and against it."""
    said = words.words(opened(names))

    assert said["family"] == "together"
    for name in names.split("+"):
        assert all(name in text for key, text in said["words"].items() if key not in LISTS)
        assert all(any(t.startswith(f"{name}: ") for t in said["words"][key]) for key in LISTS)


def test_a_stranger_is_told_by_its_name() -> None:
    """A strategy of a plugin has no file here, and is no error."""
    said = words.about("their_own", {"new_grid": "rescale"}, 7)

    assert said["kind"] == "others"
    assert said["learns"] == "7 numbers"
    assert "their_own" in said["explanation"]


def test_numbers_are_those_of_the_network() -> None:
    """What is learned is counted, not read from a file."""
    one = opened("learned1d")
    strategy: PositionEmbedding = one.subject.model.position

    assert words.learned(strategy) == one.grid.cells * strategy.trunk.dim
    assert words.words(one)["words"]["learns"] == f"{words.learned(strategy):,} numbers"
