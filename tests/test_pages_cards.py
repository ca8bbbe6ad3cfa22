"""What a card says of a network on images: the same numbers that probes find."""

import dataclasses
from pathlib import Path

import networks
import numpy as np
import pytest
import subjects
import torch
from opened_runs import given, opened

from vitpos.pages.cards.entering import attended, entering, queries
from vitpos.pages.cards.numbers import probed
from vitpos.pages.cards.objects import objects
from vitpos.pages.cards.reach import reach
from vitpos.pages.cards.shuffled import shuffled
from vitpos.pages.coded import Coded
from vitpos.pages.opened import Opened, choice
from vitpos.pages.payload import Packed
from vitpos.probes import load, results

ALL = 10**9


def close(found: Coded, wanted: np.ndarray, steps: float = 0.6) -> bool:
    """Whether what is shown is the number to half a step of a code."""
    step = (found.high - found.low) / 254
    return bool((np.abs(found.values() - wanted) <= steps * step + 1e-9).all())


@pytest.mark.parametrize("name", ["swin_rpb", "learned1d", "rope_mixed"])
def test_the_kernel_is_that_of_the_probe(name: str) -> None:
    """By offset, but for no offset; with its strength and what chance makes."""
    one = opened(name)
    found, wanted = shuffled(one)["kernel"], load("kernel").measure(one.subject)
    maps = np.stack([wanted.arrays[f"layer{i}/K"] for i in range(2)])
    values = found["values"].values()
    middle = np.isnan(values)

    assert middle.sum() == values.shape[0] * values.shape[1]
    assert middle[:, :, 3, 3].all()
    assert np.nanmax(np.abs(values - maps)) <= 0.6 * found["values"].high / 127
    for layer in range(2):
        assert found["floor"][layer] == pytest.approx(wanted.numbers[f"layer{layer}/floor"])
        assert found["strength"][layer] == pytest.approx(wanted.numbers[f"layer{layer}/strength"])


def test_distances_are_those_of_the_probe() -> None:
    """Head by head; and how far uniform attention would look."""
    one = opened("alibi2d")
    found, wanted = reach(one), load("attention").measure(one.subject)

    for layer in range(2):
        for here, there in (("pixels", "distance"), ("entropy", "entropy")):
            heads = wanted.arrays[f"layer{layer}/{there}"]
            assert found[here][layer] == pytest.approx(heads.tolist(), rel=1e-4)
    assert found["uniform"] == wanted.numbers["uniform_distance"]


def test_what_is_added_to_tokens_is_the_table() -> None:
    """In a range of its own, to half a step of it; nothing where nothing is added."""
    one = opened("learned1d", pool="cls")
    added = entering(one)["added"]
    table = one.subject.model.position.vectors(one.site).detach().numpy()
    difference = added["difference"].values()

    assert np.abs(difference[:, 1:] - table).max() <= 0.51 * added["difference"].high / 127
    assert (difference[:, 0] == 0).all()
    assert entering(opened("rope2d"))["added"]["difference"] is None


def test_answers_are_those_of_the_network() -> None:
    """With how sure it is of each."""
    one = opened("none")
    added = entering(one)["added"]
    with torch.no_grad():
        sure = one.subject.model(one.images).softmax(-1)

    assert added["predicted"] == sure.argmax(-1).tolist()
    assert np.allclose(added["probabilities"], sure.numpy(), atol=1e-4)


def test_what_comes_later_is_said() -> None:
    """Before later blocks, or inside attention; nothing of it where nothing is."""
    peg, detr, none = (entering(opened(n)) for n in ("peg", "sincos2d_detr", "none"))

    assert [row["layer"] for row in peg["later"]] == [1]
    assert peg["later"][0]["norm"] > 0
    assert [row["layer"] for row in detr["asked"]] == [0, 1]
    assert none["later"] == none["asked"] == []


def test_attention_is_a_share_of_all_tokens() -> None:
    """Each row sums to one, at every rung that has whole rows, and rungs agree."""
    one = opened("rope2d", pool="cls", registers=1)
    rungs = attended(one, ALL)["rungs"]
    whole = rungs["heads"]["values"].values()
    tokens = 2 + one.grid.cells

    assert whole.shape == (2, 2, 2, tokens, tokens)
    assert np.allclose(whole.sum(-1), 1, atol=0.1)
    assert close(rungs["mean"]["values"], whole.mean(2, keepdims=True), 2)
    few = rungs["queries"]["queries"]
    assert few[:2] == [0, 1]
    assert close(rungs["queries"]["values"], whole[..., few, :], 2)
    assert rungs["prefix"]["queries"] == [0, 1]


def test_attention_that_is_too_large_is_not_kept() -> None:
    """The coarsest always is."""
    one = opened("none")

    assert list(attended(one, 100)["rungs"]) == ["prefix"]
    assert queries(one)[0] == 10  # the middle of 4 x 4


@pytest.mark.parametrize(("height", "width"), [(16, 48), (32, 8), (8, 8)])
def test_oblong_grids_and_single_patches(height: int, width: int) -> None:
    """Have all parts, or say why not."""
    model = networks.vit("alibi2d", heads=1)
    one = given(subjects.subject(model, height, width), networks.vit("alibi2d", heads=1))
    rows, cols = height // 8, width // 8
    found = shuffled(one) | {"distance": reach(one), "attention": attended(one, ALL)}

    assert tuple(one.grid) == (rows, cols)
    assert attended(one, ALL)["rungs"]["heads"]["values"].shape[2] == 1
    if rows * cols == 1:
        assert (
            found["kernel"]["why_not"] == found["distance"]["why_not"] == "there is only one patch"
        )
        assert found["similarity"] is None
    else:
        assert found["kernel"]["values"].shape[2:] == (2 * rows - 1, 2 * cols - 1)


def test_images_are_of_different_classes() -> None:
    """The first of each, as far as there are classes; then those that follow."""
    labels = torch.tensor([3, 3, 1, 3, 2])

    assert choice(labels, 2) == (0, 2)
    assert choice(labels, 4) == (0, 2, 4, 1)
    assert choice(labels, 9) == (0, 2, 4, 1, 3)


@pytest.mark.parametrize("step", [8, 4])
def test_probes_count_if_they_are_of_these_weights(step: int, tmp_path: Path) -> None:
    """Numbers about the whole network, and curves over sizes; nothing of other weights."""
    names = ("shuffle/drop", "kernel/layer0/rms", "resolution/resize48/accuracy")
    numbers = {f"probe/{name}": 0.5 for name in names}
    curve = {"resize_sizes": np.array([32, 48]), "resize_accuracy": np.array([0.9, 0.5])}
    entry = {"weights": {"step": step, "sha256": "c" * 64}, "numbers": numbers}
    results.add(tmp_path, "resolution", entry, curve)
    found = probed(opened("none", path=tmp_path))
    whole = {"resize": {"sizes": [32, 48], "accuracy": [0.9, 0.5]}}

    assert found == ({"numbers": {"shuffle/drop": 0.5}, "resolution": whole} if step == 8 else {})


def test_what_diverged_has_a_card() -> None:
    """Weights that are no numbers are shown as such."""
    one = broken(opened("learned1d"))

    found = {"objects": objects(one), **shuffled(one), **entering(one), **attended(one, ALL)}

    assert (found["kernel"]["values"].codes == 255).all()
    assert np.isnan(found["objects"][0]["now"].values()).all()
    assert "NaN" not in Packed(found).meta


def broken(one: Opened) -> Opened:
    """The same with a table that is not a number."""
    with torch.no_grad():
        next(one.subject.model.position.parameters()).fill_(float("nan"))
    return dataclasses.replace(one)
