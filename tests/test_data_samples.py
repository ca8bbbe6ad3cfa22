"""Splits, statistics and digests of images in memory."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.data.samples import Samples, digest, holdout, moments, split
from vitpos.errors import BadData

torch.set_num_threads(1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(3, 40), min_size=2, max_size=6), st.data())
def test_holds_out_each_class_in_proportion(sizes: list[int], data: st.DataObject) -> None:
    """As many as asked for, and of each class its share, rounded up or down."""
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    count = data.draw(st.integers(1, sum(sizes) // 2))
    held = holdout(labels, count, "validation", "a name")

    assert int(held.sum()) == count
    for label, size in enumerate(sizes):
        assert abs(int(held[labels == label].sum()) - count * size / sum(sizes)) < 1


def test_holds_out_the_same_images_for_one_name() -> None:
    """The name of the data set and the purpose decide, and nothing that was drawn before."""
    labels = torch.arange(200) % 10
    first = holdout(labels, 50, "validation", "digits")
    torch.rand(17)

    assert torch.equal(first, holdout(labels, 50, "validation", "digits"))
    assert not torch.equal(first, holdout(labels, 50, "validation", "letters"))
    assert not torch.equal(first, holdout(labels, 50, "test", "digits"))


@pytest.mark.parametrize("count", [3, 4, 5000])
def test_leaves_images_of_each_class_to_learn_from(count: int) -> None:
    """A class that would be held out whole is an error that names the option to change."""
    with pytest.raises(BadData, match=f"{count} images cannot be held out") as caught:
        holdout(torch.tensor([0, 0, 1, 1]), count, "validation", "tiny")

    assert "dataset.validation=" in caught.value.hint


def test_splits_into_parts_that_make_the_whole() -> None:
    """Each image is in one of the two parts, and the order is kept."""
    pixels = torch.arange(60, dtype=torch.uint8).reshape(60, 1, 1, 1)
    kept, held = split(Samples(pixels, torch.arange(60) % 3), 12, "validation", "x")

    assert sorted([*kept.pixels.flatten().tolist(), *held.pixels.flatten().tolist()]) == list(
        range(60)
    )
    assert kept.pixels.flatten().tolist() == sorted(kept.pixels.flatten().tolist())
    assert torch.equal(kept.labels, kept.pixels.flatten().long() % 3)


def test_moments_are_those_of_numpy() -> None:
    """Mean and standard deviation of each channel, as numpy has them in float64."""
    pixels = torch.randint(0, 256, (7, 3, 5, 4), dtype=torch.uint8)
    mean, std = moments(pixels)
    values = pixels.numpy().astype(np.float64) / 255

    assert mean == pytest.approx(values.mean((0, 2, 3)).tolist(), rel=1e-12)
    assert std == pytest.approx(values.std((0, 2, 3)).tolist(), rel=1e-12)


def test_blank_images_can_be_divided_by_their_deviation() -> None:
    """A channel of one value has the deviation of a grey step, not zero."""
    mean, std = moments(torch.full((2, 1, 4, 4), 51, dtype=torch.uint8))

    assert mean == pytest.approx((0.2,))
    assert std == (1 / 255,)


@pytest.mark.parametrize("change", ["pixel", "label", "shape", "split"])
def test_digest_tells_data_apart(change: str) -> None:
    """One pixel, one label, another shape, or another cut between splits: another digest."""
    pixels, labels = torch.zeros(4, 1, 2, 8, dtype=torch.uint8), torch.zeros(4, dtype=torch.long)
    before = digest(train=Samples(pixels[:2], labels[:2]), test=Samples(pixels[2:], labels[2:]))
    other, cut = Samples(pixels.clone(), labels.clone()), 2
    if change == "pixel":
        other.pixels[3, 0, 1, 7] = 1
    elif change == "label":
        other.labels[0] = 1
    elif change == "shape":
        other = Samples(pixels.reshape(4, 1, 4, 4), labels)
    else:
        cut = 3
    parts = {
        "train": Samples(*(x[:cut] for x in other)),
        "test": Samples(*(x[cut:] for x in other)),
    }

    assert digest(**parts) != before
    assert len(before) == 64
