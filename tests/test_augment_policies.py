"""Policies: torchvision, image by image, is the oracle."""

import pytest
import torch
from augmenting import augment, images, smooth
from torchvision.transforms import InterpolationMode, RandAugment, TrivialAugmentWide
from torchvision.transforms.autoaugment import _apply_op

from vitpos.data import policies
from vitpos.data.draws import Draws
from vitpos.data.policies import Policy

torch.set_num_threads(1)
CPU = torch.device("cpu")
OPERATIONS = list(policies.trivial_space())


def policy(kind: str, *, size: int = 12, channels: int = 3, **changes: object) -> Policy:
    """A policy of small images."""
    return Policy(augment(policy=kind, **changes), size=size, channels=channels, device=CPU)


def same_space(ours: policies.Space, theirs: policies.Space) -> bool:
    """Same names in the same order, same levels, same signs."""
    return list(ours) == list(theirs) and all(
        torch.equal(levels, theirs[name][0]) and signed == theirs[name][1]
        for name, (levels, signed) in ours.items()
    )


def oracle(name: str, level: float, pixels: torch.Tensor) -> torch.Tensor:
    """What torchvision makes of each image."""
    nearest = InterpolationMode.NEAREST
    return torch.stack([_apply_op(image, name, level, nearest, None) for image in pixels])


def changed(name: str, level: float, pixels: torch.Tensor) -> torch.Tensor:
    """What we make of all of them."""
    kind, few = policies.numbers_of(name, float(level), pixels.shape[-1])
    if kind == "Identity":
        return pixels
    numbers = torch.tensor([*few, *[0.0] * (6 - len(few))]).expand(len(pixels), -1)
    return policies.CHANGES[kind](pixels, numbers)


def test_trivial_space_is_torchvisions():
    """TrivialAugment's operations have torchvision's levels."""
    assert same_space(policies.trivial_space(), TrivialAugmentWide()._augmentation_space(31))


@pytest.mark.parametrize("size", [12, 28, 32, 224])
def test_rand_space_is_torchvisions(size: int):
    """RandAugment's operations have torchvision's levels, for each size of image."""
    theirs = RandAugment()._augmentation_space(31, (size, size))

    assert same_space(policies.rand_space(size), theirs)


@pytest.mark.parametrize("magnitude", [0, 9, 30])
def test_magnitude_picks_a_level(magnitude: int):
    """A whole magnitude is that level; one between two lies between them."""
    space = policies.rand_space(32)
    chosen = policies.at(space, float(magnitude))
    levels = {name: level[0] for name, (level, _) in chosen.items() if level.ndim}

    assert all(level == space[name][0][magnitude] for name, level in levels.items())
    half = policies.at(space, 9.5)["Rotate"][0]
    assert half.item() == pytest.approx(9.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [2, 12, 33])  # 33: enough pixels for equalize to act
def test_operation_is_torchvisions(name: str, channels: int, size: int):
    """Every operation at every level and sign gives torchvision's pixels."""
    pixels = torch.cat((images(3, channels, size), smooth(3, channels, size)))
    pixels[0] = 77  # a flat image has no contrast to stretch
    levels, signed = policies.trivial_space()[name]
    signs = (1, -1) if signed else (1,)
    amounts = [sign * level for level in levels.view(-1)[::6].tolist() for sign in signs]

    if name == "Color" and channels == 1:
        assert "Color" not in policy("trivial", channels=1).names
        return
    for amount in amounts:
        worst = (changed(name, amount, pixels).int() - oracle(name, amount, pixels).int()).abs()
        assert worst.max() == 0, amount


@pytest.mark.parametrize("kind", ["trivial", "rand"])
@pytest.mark.parametrize("channels", [1, 3])
def test_masked_is_grouped(kind: str, channels: int):
    """Both ways to choose who is changed give the same bits."""
    grouped, masked = (policy(kind, channels=channels) for _ in range(2))
    masked.change = policies.masked
    rows = grouped.tables(Draws(3, 1, 200))
    pixels = images(200, channels)

    assert torch.equal(grouped(pixels, rows), masked(pixels, rows))


def test_rand_applies_slot_after_slot():
    """RandAugment is its operations one after another, as torchvision applies them."""
    ours = policy("rand", policy_ops=3, policy_magnitude=12.0)
    rows = ours.tables(Draws(0, 0, 40))
    pixels = images(40)
    names, space = list(ours.space), policies.rand_space(12)
    expected = []
    for pixel, settings in zip(pixels.split(1), rows["policy"].tolist(), strict=True):
        image = pixel
        for setting in settings:
            name, minus = names[setting // 2], setting % 2
            levels, signed = space[name]
            level = levels[12].item() if levels.ndim else 0.0
            image = oracle(name, -level if signed and minus else level, image)
        expected.append(image)

    assert torch.equal(ours(pixels, rows), torch.cat(expected))


@pytest.mark.parametrize(("kind", "settings"), [("trivial", 14 * 31 * 2), ("rand", 14 * 2)])
def test_every_setting_occurs(kind: str, settings: int):
    """Each operation, level and sign is drawn, each about as often."""
    ours = policy(kind, policy_ops=1)
    drawn = ours.tables(Draws(0, 0, 40 * settings))["policy"].flatten()
    counts = torch.bincount(drawn, minlength=settings)

    assert len(counts) == settings == len(ours.kinds)
    assert counts.min() > 10
    assert counts.max() < 90


def test_pixels_of_the_caller_stay():
    """A policy does not write into the images it is given."""
    ours, pixels = policy("trivial"), images(64)
    before = pixels.clone()
    ours(pixels, ours.tables(Draws(0, 0, 64)))

    assert torch.equal(pixels, before)
