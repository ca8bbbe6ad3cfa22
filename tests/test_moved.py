"""Data sets whose images were moved about: always the same, and really moved."""

import numpy as np
import pytest
import torch

from vitpos import config
from vitpos.data.moved import MOVED, moved
from vitpos.data.samples import Samples
from vitpos.data.sources import load


def noise(images: int, labels: int = 0) -> Samples:
    """Images in colour, and classes."""
    pixels = np.random.default_rng(3).integers(0, 256, (images, 3, 16, 16), dtype=np.uint8)
    return Samples(torch.from_numpy(pixels), torch.arange(images) % 10 + labels)


@pytest.mark.parametrize("how", MOVED)
def test_belongs_to_the_samples_alone(how: str) -> None:
    """The same each time, other moves for other samples; every image changes, no class does."""
    samples, others = noise(12), noise(12, labels=1)
    first, again = moved(samples, how), moved(samples, how)

    assert torch.equal(first.pixels, again.pixels)
    assert torch.equal(first.labels, samples.labels)
    assert not torch.equal(first.pixels, moved(others, how).pixels)
    assert (first.pixels != samples.pixels).flatten(1).any(dim=1).sum() >= 10
    assert first.pixels.dtype == torch.uint8


def test_shifts_by_whole_pixels_up_to_a_quarter() -> None:
    """What is seen of one bright pixel is one bright pixel not far away."""
    pixels = torch.zeros(64, 1, 16, 16, dtype=torch.uint8)
    pixels[:, :, 8, 8] = 200

    found = moved(Samples(pixels, torch.arange(64)), "shifted").pixels
    places = found.nonzero()[:, 2:] - 8

    assert found.flatten(1).sum(dim=1).tolist() == [200] * 64
    assert int(places.abs().max()) == 4
    assert len({tuple(place) for place in places.tolist()}) > 20


def test_rotates_about_the_centre() -> None:
    """A bright middle stays, a corner comes in black, and what is far off moves further."""
    pixels = torch.zeros(64, 1, 15, 15, dtype=torch.uint8)
    pixels[:, :, 7, 7] = pixels[:, :, 7, 14] = 240

    found = moved(Samples(pixels, torch.arange(64)), "rotated").pixels[:, 0].float()

    assert found[:, 7, 7].min() > 200
    ends = found[:, :, 8:].sum(dim=2).argmax(dim=1) - 7
    assert int(ends.abs().max()) in (4, 5)  # 7 sin 45 degrees


def test_clutters_with_pieces_of_others() -> None:
    """Nothing gets darker, and at most four squares change."""
    samples = noise(32)
    found = moved(samples, "cluttered").pixels
    changed = (found != samples.pixels).any(dim=1).flatten(1).sum(dim=1)

    assert bool((found >= samples.pixels).all())
    assert 0 < int(changed.max()) <= 4 * 16


@pytest.mark.parametrize("how", MOVED)
def test_is_a_data_set_by_name_or_a_way_to_have_another(how: str) -> None:
    """Both give the same images, in all splits."""
    named = load(config.compose_dataset([f"dataset=mnist5k_{how}"]))
    other = load(config.compose_dataset(["dataset=mnist5k", f"dataset.moved={how}"]))
    plain = load(config.compose_dataset(["dataset=mnist5k"]))

    assert named.digest == other.digest != plain.digest
    assert torch.equal(named.validation.labels, plain.validation.labels)
    assert not torch.equal(named.train.pixels, plain.train.pixels)
