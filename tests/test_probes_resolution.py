"""Other sizes: three protocols, other rules, and projections of patches against timm."""

import dataclasses

import networks
import probing
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import resample_patch_embed

from vitpos import build
from vitpos.patches import Linear
from vitpos.probes import load, rules
from vitpos.probes.asking import scores
from vitpos.probes.projection import with_patches
from vitpos.probes.resolution import border, canvas, resize, under


@settings(max_examples=12, deadline=None)
@given(st.integers(2, 9), st.integers(2, 12), st.integers(1, 3))
def test_projects_as_timm_does(old: int, new: int, channels: int) -> None:
    """PI-resize of any size to any other."""
    patches = Linear(channels, 0, old, 5)
    square = patches.project.weight.detach().view(5, channels, old, old)
    theirs = resample_patch_embed(square, [new, new], interpolation="bilinear", antialias=True)

    ours = with_patches(patches, new).project.weight

    torch.testing.assert_close(ours, theirs.flatten(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("new", [8, 11, 16])
def test_larger_patches_answer_as_the_old_ones(new: int) -> None:
    """Of a resized patch they say what those said of the patch."""
    patches, image = Linear(3, 0, 8, 32), networks.noise(2, 3, 8, 8)
    larger = F.interpolate(image, [new, new], mode="bilinear", antialias=True)

    torch.testing.assert_close(with_patches(patches, new)(larger), patches(image))


def test_a_canvas_shows_the_image_and_nothing_else() -> None:
    """Each image once, whole patches from the border; the rest is the mean of the outermost."""
    subject = probing.subject("none", images=8)
    images = subject.images(8)
    larger = canvas(subject, images, 64)
    ground = border(images)[:, None, None].expand(3, 32, 32)
    corners = set()
    for image, place in zip(images, larger, strict=True):
        there = [
            (row, col)
            for row in range(0, 40, 8)
            for col in range(0, 40, 8)
            if torch.equal(place[:, row : row + 32, col : col + 32], image)
        ]
        corners.update(there)

        assert len(there) == 1
        rest = place.clone()
        row, col = there[0]
        rest[:, row : row + 32, col : col + 32] = ground
        assert torch.equal(rest, border(images)[:, None, None].expand(3, 64, 64))
    assert len(corners) > 1


def test_where_an_image_lies_does_not_matter_without_position() -> None:
    """The null: the same set of patches on every canvas of a size."""
    subject = probing.subject("none", images=4)
    image = subject.images(1)

    answers = scores(subject, canvas(subject, image.expand(4, -1, -1, -1), 64))

    torch.testing.assert_close(answers, answers[:1].expand(4, -1), rtol=1e-4, atol=1e-3)


def test_measures_three_protocols() -> None:
    """Curves of all, with the size of the training in each, and the same accuracy there."""
    found = load("resolution").measure(probing.subject("learned1d"))
    own = {found.numbers[f"{p}32/accuracy"] for p in ("resize", "canvas", "patch")}
    resized = (found.arrays[f"resize_{what}"].tolist() for what in ("sizes", "accuracy"))

    assert len(own) == 1
    assert found.arrays["resize_sizes"].tolist() == [16, 24, 32, 40, 48, 64]
    assert found.arrays["canvas_sizes"].tolist() == [32, 40, 48, 64]
    assert found.arrays["patch_sizes"].tolist() == [16, 24, 32, 40, 48, 64]
    assert found.numbers["resize_auc"] == under(dict(zip(*resized, strict=True)))


def test_measures_the_sizes_that_are_asked_for() -> None:
    """To whole patches."""
    found = load("resolution").measure(probing.subject("rope2d", images=4, sizes="33,97"))

    assert found.arrays["resize_sizes"].tolist() == [32, 96]
    assert not any("_" in name for name in found.numbers)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1), st.lists(st.integers(1, 500), min_size=2, max_size=6, unique=True))
def test_the_area_under_a_flat_curve_is_its_height(height: float, sizes: list[int]) -> None:
    """Whatever sizes were measured."""
    assert under(dict.fromkeys(sizes, height)) == pytest.approx(height)


def test_another_rule_is_another_network_with_the_same_weights() -> None:
    """On the grid of the training nothing changes, elsewhere it does as the switch says."""
    subject = probing.subject("rope2d", images=4)
    subject = fitting(subject)
    model = rules.variant(subject, "pi")
    assert isinstance(model, torch.nn.Module)
    images = subject.images(4)
    larger = resize(images, 64)

    assert model.position.new_grid == "pi"
    torch.testing.assert_close(scores(subject, images, model), scores(subject, images))
    assert not torch.allclose(scores(subject, larger, model), scores(subject, larger))


def fitting(subject: probing.Subject) -> probing.Subject:
    """The same, with a network as its run says: for variants are built from that."""
    run = dataclasses.replace(
        subject.run,
        backbone=dataclasses.replace(networks.BACKBONE, dim=64),
    )
    model = networks.loud(build.network(run, 10))
    return dataclasses.replace(subject, run=run, model=model)


@pytest.mark.parametrize(
    ("strategy", "word", "said"),
    [
        ("learned1d", "ntk", "of coordinates"),
        ("none", "interpolate", "with a table"),
        ("rope2d", "nearest", "with a table"),
        ("alibi2d", "yarn", "one of extrapolate, rescale"),
    ],
)
def test_a_rule_that_a_strategy_has_not_is_refused(strategy: str, word: str, said: str) -> None:
    """The reason names the switch, or the values that it has."""
    subject = probing.subject(strategy, images=2, rule=word)

    assert said in load("resolution").why_not(subject)


@pytest.mark.parametrize(
    ("strategy", "word", "key", "value"),
    [
        ("rope2d", "interpolate", "new_grid", "pi"),
        ("alibi2d", "interpolate", "new_grid", "rescale"),
        ("learned1d", "interpolate", "resample", "bicubic"),
        ("learned1d", "nearest", "resample", "nearest"),
    ],
)
def test_words_become_switches(strategy: str, word: str, key: str, value: str) -> None:
    """To interpolate is to stay within the range of the training."""
    options = networks.options(strategy)[strategy]
    changed = rules.changed(strategy, options, word)

    assert not isinstance(changed, str)
    assert changed[key] == value
    assert {k: v for k, v in changed.items() if k != key} == {
        k: v for k, v in options.items() if k != key
    }


def test_names_of_another_rule_say_so() -> None:
    """So that both lie side by side."""
    subject = fitting(probing.subject("rope2d", images=4, rule="ntk", sizes="64"))
    names = load("resolution").measure(subject).numbers

    assert all(name.startswith("ntk/") for name in names)
    assert "ntk/resize64/accuracy" in names
