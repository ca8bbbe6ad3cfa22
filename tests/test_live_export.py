"""What of a network goes into a page, how exactly, and what is refused."""

from dataclasses import replace
from typing import Any

import networks
import probing
import pytest
import torch
from exported import copied
from torch import Tensor, nn

from vitpos import specimens
from vitpos.errors import BadInput
from vitpos.pages import live
from vitpos.pages.live.stored import RUNGS
from vitpos.pages.payload import encoded
from vitpos.pages.writing import Asked
from vitpos.probes.subject import Subject
from vitpos.schema import Task

CLASSES = tuple("abcdefghij")
FOUR = "none", "sincos2d", "rope2d", "alibi2d"


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A small network."""
    return probing.subject("learned1d")


def test_the_same_run_gives_the_same_bytes(subject: Subject) -> None:
    """Nothing of a date, an address or an order of names is in it."""
    first, again = (live.export(subject, CLASSES, (0, 3)) for _ in range(2))

    assert first == again


def test_position_that_no_image_changes_is_a_constant() -> None:
    """Tables, angles and biases take one step a block at most, whatever makes them."""
    steps = {name: len(copied(probing.subject(name)).store.listing.steps) for name in FOUR}
    blocks = networks.BACKBONE.depth

    assert steps["sincos2d"] == steps["none"] + 1
    assert steps["alibi2d"] == steps["none"] + blocks
    assert steps["rope2d"] <= steps["none"] + 4 * blocks


@pytest.mark.parametrize(("name", "adds"), [("learned1d", True), ("rope2d", False), ("peg", False)])
def test_tells_whether_something_is_added_to_tokens(name: str, adds: bool) -> None:
    """In front of the first block; else the page has words in the place of a picture."""
    assert live.export(probing.subject(name, images=4), CLASSES, (0,)).meta["adds"] is adds


def test_only_matrices_of_the_network_are_rounded() -> None:
    """Norms, biases and all that tells position stay as they are while 32 bits fit."""
    copy = copied(probing.subject("learned1d+rope_mixed+swin_rpb"), RUNGS[0])
    listing = copy.store.listing
    weights = dict(copy.watched.model.named_parameters())
    rounded = {
        name for name, weight in weights.items() if listing.number(weight) in listing.matrices
    }

    assert {name for name in rounded if name.startswith("position")} == set()
    assert rounded == {
        name for name, w in weights.items() if w.ndim == 2 and w.numel() and "position" not in name
    }
    for number, constant in listing.constants.items():
        if number not in listing.matrices:
            assert torch.equal(copy.store.kept(constant), constant)


@pytest.mark.parametrize("rung", RUNGS, ids=str)
def test_rounding_is_half_a_level_at_most(rung: Any) -> None:
    """Of the largest number of each row."""
    copy = copied(probing.subject("learned1d"), rung)
    weight = copy.watched.model.blocks[0].attention.qkv.weight.detach()
    level = weight.abs().amax(1, keepdim=True) / rung.levels
    apart = (copy.store.kept(weight) - weight).abs()

    assert (apart <= 0.5001 * level).all()
    assert apart.any()


def test_a_row_of_zeros_stays_so() -> None:
    """It has no scale."""
    model = networks.loud(networks.vit("none"))
    nn.init.zeros_(model.head.weight)
    copy = copied(probing.given(model, probing.noise(1), networks.options("none")), RUNGS[0])

    assert not copy.store.kept(model.head.weight).any()
    assert copy.program.changed(copy.store.kept).play(copy.pixels)[0].isfinite().all()


def test_a_smaller_budget_keeps_less(subject: Subject) -> None:
    """Down the ladder, as the page says; below its last rung there is no page."""
    whole = live.export(subject, CLASSES)
    size = whole.meta["stored"]["bytes"]
    less = live.export(subject, CLASSES, budget=size - 1)

    assert size == len(encoded(whole.blob))
    assert (whole.meta["stored"]["levels"], whole.meta["stored"]["half"]) == RUNGS[0]
    assert less.meta["stored"]["bytes"] < size
    assert less.meta["stored"]["half"]
    with pytest.raises(BadInput, match="bytes of the page, more than 1,000"):
        live.export(subject, CLASSES, budget=1000)


@torch.no_grad()
def test_parity_is_that_of_the_network(subject: Subject) -> None:
    """Accuracy and differences, against the network asked directly."""
    found = live.export(subject, CLASSES, (2, 5))
    said = subject.model(subject.images(subject.limit))
    told = found.meta["parity"]
    right = (said.argmax(1) == subject.labels(subject.limit)).float().mean()

    assert told["images"] == len(said)
    assert told["accuracy"] == pytest.approx(float(right))
    assert told["exact"] < 1e-4 < told["difference"] < 0.1 * float(said.abs().max())
    for expected in found.meta["expected"]:
        apart = torch.tensor(expected["logits"]) - said[expected["index"]]

        assert float(apart.abs().max()) <= told["difference"] + 1e-5


def test_other_tasks_are_refused(subject: Subject) -> None:
    """In a sentence."""
    other = replace(subject, run=replace(subject.run, task=Task(kind="jigsaw")))

    with pytest.raises(BadInput, match="networks that say the class of an image"):
        live.export(other, CLASSES)


class Odd(nn.Module):
    """Something in the place of a norm, that the page cannot do."""

    def __init__(self, does: Any) -> None:
        super().__init__()
        self.does = does

    def forward(self, x: Tensor) -> Tensor:
        """The same, and one thing more."""
        return self.does(x)


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (lambda x: x + torch.cumsum(x, dim=1), "cannot compute aten.cumsum"),
        (lambda x: (x * 2).add_(1), "changes numbers in place"),
    ],
)
def test_what_the_page_cannot_do_is_named(does: Any, words: str) -> None:
    """It is refused when the page is made, not when it is read."""
    model = networks.vit("none")
    model.norm = Odd(does)
    with pytest.raises(BadInput, match=words):
        copied(probing.given(model, probing.noise(1), networks.options("none")))


def test_the_subject_stays_as_it_was() -> None:
    """Its network computes by the implementation that was chosen for it."""
    asked = probing.subject("learned1d")
    before = {name: weight.clone() for name, weight in asked.model.state_dict().items()}
    live.export(asked, CLASSES)

    assert {block.attention.implementation for block in asked.model.blocks} == {"sdpa"}
    assert all(torch.equal(before[name], w) for name, w in asked.model.state_dict().items())


def test_prefix_tokens_have_names() -> None:
    """As the page offers them for queries."""
    model = specimens.loud(networks.vit("learned1d", pool="cls", registers=2)).eval()
    asked = probing.given(model, probing.noise(4), networks.options("learned1d"))
    backbone = replace(networks.BACKBONE, pool="cls", registers=2)
    asked = replace(asked, run=replace(asked.run, backbone=backbone))
    found = live.export(asked, CLASSES, (0,)).meta

    assert found["prefix"] == ["CLS", "register 1", "register 2"]
    assert {block["prefix"] for block in found["blocks"]} == {3}


def test_one_arm_is_live() -> None:
    """The only one, or the one that is named; nobody unless it is asked for."""
    assert Asked().alive(["a", "b"]) is None
    assert Asked(live=True).alive(["a"]) == "a"
    assert Asked(live_arm="b").alive(["a", "b"]) == "b"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(live=True), "room for one network of 2"),
        (Asked(live_arm="rope"), "there is no such arm"),
        (Asked(live=True, only="report"), "which is not asked for"),
    ],
)
def test_which_arm_is_live_must_be_clear(asked: Asked, words: str) -> None:
    """Before anything is measured."""
    with pytest.raises(BadInput, match=words):
        asked.alive(["rope2d", "none"])
