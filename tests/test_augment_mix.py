"""Erasing and mixing: boxes, shares and targets agree with each other."""

import pytest
import torch
from augmenting import augment
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.data.draws import Draws
from vitpos.data.mix import Erase, Mix, outside

torch.set_num_threads(1)


def area(boxes: torch.Tensor) -> torch.Tensor:
    """Pixels in each box."""
    top, bottom, left, right = boxes.unbind(1)
    return (bottom - top) * (right - left)


def floats(batch: int, size: int) -> torch.Tensor:
    """Images of numbers from 1 to 2, each its own."""
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0)) + 1


def targets(batch: int, classes: int = 5) -> torch.Tensor:
    """One-hot targets, neighbours of different classes."""
    return torch.eye(classes)[torch.arange(batch) % classes]


@given(box=st.lists(st.integers(0, 7), min_size=4, max_size=4))
def test_outside_is_not_in_the_slice(box: list[int]):
    """A box is the slice with its ends, the last ones excluded."""
    top, bottom, left, right = box
    expected = torch.ones(7, 7, dtype=torch.bool)
    expected[top:bottom, left:right] = False

    assert torch.equal(outside(torch.tensor([box], dtype=torch.int32), 7, 7)[0, 0], expected)


@pytest.mark.parametrize("size", [28, 32, 96])
def test_erased_boxes_are_in_range(size: int):
    """Boxes lie in the image, within the published limits up to the rounding of their sides."""
    boxes = Erase(augment(erase=1.0), size).tables(Draws(0, 0, 4000))["erase"]
    height, width = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]

    assert boxes.min() == 0
    assert boxes.max() == size
    assert height.min() >= 1
    assert ((boxes[:, 1] == size) & (height < size / 2)).any()  # any place, the last one too
    assert ((height + 0.5) * (width + 0.5) >= 0.02 * size**2).all()
    assert ((height - 0.5) * (width - 0.5) <= 0.33 * size**2).all()
    assert ((height + 0.5) / (width - 0.5) >= 0.3).all()
    assert ((height - 0.5) / (width + 0.5) <= 3.3).all()
    assert area(boxes).float().mean() / size**2 == pytest.approx(0.175, abs=0.01)


def test_share_of_images_is_erased():
    """As many images as asked for lose a box; the box of the others is empty, they stay."""
    erase, images = Erase(augment(erase=0.25), 16), floats(4000, 16)
    rows = erase.tables(Draws(0, 0, 4000))
    hit = area(rows["erase"]) > 0
    lost = (erase(images, rows) == 0).all(1).sum((1, 2))

    assert hit.float().mean() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(lost.int(), area(rows["erase"]))
    assert torch.equal(erase(images, rows)[~hit], images[~hit])


def test_share_does_not_move_boxes():
    """Who is erased is nested: a larger share adds images and moves no box."""
    few = Erase(augment(erase=0.2), 16).tables(Draws(0, 0, 500))["erase"]
    more = Erase(augment(erase=0.6), 16).tables(Draws(0, 0, 500))["erase"]
    hit = area(few) > 0

    assert torch.equal(few[hit], more[hit])


@pytest.mark.parametrize("alpha", [0.2, 0.8, 1.0, 4.0])
def test_mixup_shares_are_beta(alpha: float):
    """Shares have the mean and the variance of Beta(alpha, alpha)."""
    share = Mix(augment(mixup=alpha), 16).tables(Draws(0, 0, 20000))["share"]

    assert share.min() >= 0
    assert share.max() <= 1
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    assert share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


def test_tiny_alpha_gives_numbers():
    """Both gammas may underflow; the share is a number all the same."""
    assert Draws(0, 0, 2000).beta("mixup", 1e-4).isfinite().all()


def test_mixup_is_a_weighted_mean():
    """Images and targets are mixed with the next of the batch, by the same share."""
    mix, images = Mix(augment(mixup=1.0), 8), floats(6, 8)
    rows = mix.tables(Draws(0, 0, 6))
    mixed, soft = mix(images, targets(6), rows)
    share = rows["share"]
    expected = share.view(-1, 1, 1, 1) * images + (1 - share).view(-1, 1, 1, 1) * images.roll(-1, 0)

    torch.testing.assert_close(mixed, expected)
    hard = targets(6)
    torch.testing.assert_close(
        soft, share[:, None] * hard + (1 - share)[:, None] * hard.roll(-1, 0)
    )


def test_cutmix_pastes_a_box_of_the_next_image():
    """Inside the box lies the partner, outside the image, bit for bit; the share is the area."""
    mix, images = Mix(augment(cutmix=1.0), 16), floats(200, 16)
    rows = mix.tables(Draws(0, 0, 200))
    mixed, soft = mix(images, targets(200), rows)
    own = (mixed == images).all(1)

    assert ((mixed == images) | (mixed == images.roll(-1, 0))).all()
    assert torch.equal(rows["share"], own.float().mean((1, 2)))
    torch.testing.assert_close(
        soft.gather(1, targets(200).argmax(1, keepdim=True))[:, 0], rows["share"]
    )
    assert area(rows["cut"]).max() > 128


def test_cutmix_boxes_follow_lambda():
    """A box that no border cuts has an area of 1 - lambda of the image, but for its rounding."""
    mix, draws = Mix(augment(cutmix=1.0), 64), Draws(0, 0, 4000)
    boxes, lost = mix.boxes(draws), 1 - draws.beta("cutmix", 1.0)
    whole = (boxes[:, ::2].amin(1) > 0) & (boxes[:, 1::2].amax(1) < 64)
    sides = area(boxes).double().sqrt()

    assert whole.sum() > 500
    assert ((lost.sqrt() * 64 - sides)[whole] >= 0).all()
    assert ((lost.sqrt() * 64 - sides)[whole] < 2).all()


def test_a_coin_decides_between_both():
    """With both on, half of the images are blended and half are cut, none both."""
    rows = Mix(augment(mixup=1.0, cutmix=1.0), 32).tables(Draws(0, 0, 4000))
    blended, cut = rows["blend"] < 1, area(rows["cut"]) > 0

    assert not (blended & cut).any()
    assert blended.float().mean() == pytest.approx(0.5, abs=0.03)
    assert cut.float().mean() == pytest.approx(0.5, abs=0.04)


@settings(deadline=None, max_examples=30)
@given(
    mixup=st.sampled_from([0.0, 0.1, 1.0]),
    cutmix=st.sampled_from([0.1, 1.0]),
    batch=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_targets_sum_to_one(mixup: float, cutmix: float, batch: int, seed: int):
    """A soft target is a distribution over classes."""
    mix = Mix(augment(mixup=mixup, cutmix=cutmix), 8)
    _, soft = mix(floats(batch, 8), targets(batch), mix.tables(Draws(seed, 0, batch)))

    assert soft.min() >= 0
    torch.testing.assert_close(soft.sum(1), torch.ones(batch))
