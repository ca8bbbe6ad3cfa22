"""Coordinates as channels of the image."""

import math

import pytest
import torch
from networks import CLASSES, noise
from variants import vit

from vitpos.specimens import position

CPU = torch.device("cpu")


@pytest.mark.parametrize("radius", [False, True])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 7), (1, 5)])
def test_coordconv_appends_columns_and_rows(radius, height, width):
    """From -1 in the first pixel of an axis to 1 in the last, and the distance from the centre."""
    strategy = position("coordconv", changes={"radius": radius})
    images = noise(2, 3, height, width)
    found = strategy.pixels(images)

    assert torch.equal(found[:, :3], images)
    assert found.shape[1] == 3 + strategy.extra_channels == (6 if radius else 5)
    for row in range(height):
        for col in range(width):
            y, x = (2 * i / max(1, n - 1) - 1 for i, n in ((row, height), (col, width)))
            wanted = torch.tensor([x, y, math.hypot(x, y)][: strategy.extra_channels])
            torch.testing.assert_close(found[:, 3:, row, col], wanted.expand(2, -1))


@pytest.mark.parametrize(("size", "alike"), [((5, 5), True), ((4, 7), False)])
def test_coordconv_is_the_authors_on_square_images_only(size, alike):
    """Their columns are divided by the height and their rows by the width."""
    height, width = size
    rows, cols = torch.arange(height)[:, None], torch.arange(width)[None]
    theirs = torch.stack(
        [
            (cols / (height - 1) * 2 - 1).expand(size),
            (rows / (width - 1) * 2 - 1).expand(size),
        ]
    )

    assert torch.allclose(position("coordconv").channels(*size, CPU), theirs) == alike
    assert alike or theirs.abs().max() > 1


@pytest.mark.parametrize("radius", [False, True])
def test_coordconv_works_where_a_patch_is_a_pixel(radius):
    """The whole network learns from images of single pixels, and knows where they are."""
    model = vit("coordconv", {"radius": radius}, size=6, patch=1)
    images = noise(2, 3, 6, 6)
    scores = model(images)
    scores.square().sum().backward()
    columns = model.patches.project.weight.grad[:, 3:]

    assert scores.shape == (2, CLASSES)
    assert columns.shape[1] == (3 if radius else 2)
    assert columns.all()
    assert (model(images.flip(-1)) - scores).abs().max() > 1e-3
    assert model(noise(1, 3, 4, 9)).isfinite().all()


@torch.no_grad()
def test_coordconv_knows_no_side_from_its_distance_alone():
    """The radius is the same in all four corners, and symmetric."""
    radius = position("coordconv", changes={"radius": True}).channels(4, 6, CPU)[2]

    torch.testing.assert_close(radius, radius.flip(0))
    torch.testing.assert_close(radius, radius.flip(1))
    assert radius.max().item() == pytest.approx(2**0.5)


@torch.no_grad()
def test_coordconv_speaks_beside_others():
    """Its channels and the vectors of a table reach the same network."""
    model = vit("coordconv+learned1d", {})

    assert model.patches.project.in_features == 5 * 64
    assert model(noise(1, 3, 32, 32)).isfinite().all()
