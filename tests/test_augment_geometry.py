"""Geometry: slices, flips and torchvision's affine map are the oracles."""

import pytest
import torch
import torch.nn.functional as F
from augmenting import geometry, images, smooth
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import affine

from vitpos.data.draws import Draws
from vitpos.data.geometry import Crop, Warp, bilinear, fold, geometric, nearest

torch.set_num_threads(1)
EYE = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])


def rows(down: list[int], right: list[int], flip: list[bool]) -> dict[str, torch.Tensor]:
    """Table rows of given shifts and flips."""
    shift = torch.tensor([down, right], dtype=torch.int32).T
    return {"shift": shift, "flip": torch.tensor(flip)}


@settings(deadline=None, max_examples=40)
@given(
    down=st.integers(-4, 4),
    right=st.integers(-4, 4),
    flip=st.booleans(),
    fill=st.sampled_from(["zeros", "reflect"]),
    height=st.integers(5, 9),
    width=st.integers(5, 9),
)
def test_crop_is_a_slice_of_the_padded_image(down, right, flip, fill, height, width):
    """A crop is what torchvision slices out of the padded image, then flips."""
    pixels = images(2, 3, 9)[:, :, :height, :width]
    moved = Crop(geometry(shift=4, flip=True, fill=fill))(
        pixels, rows([down, 0], [right, 0], [flip, False])
    )
    mode = "constant" if fill == "zeros" else "reflect"
    padded = F.pad(pixels[:1].float(), (4, 4, 4, 4), mode=mode).byte()
    top, left = 4 + down, 4 + right
    expected = padded[:, :, top : top + height, left : left + width]

    assert torch.equal(moved[:1], expected.flip(3) if flip else expected)
    assert torch.equal(moved[1:], pixels[1:])


def test_flip_is_torch_flip():
    """Flipped rows are mirrored left to right, the others stay."""
    pixels = images(4)
    flip = [True, False, True, False]
    moved = Crop(geometry(flip=True))(pixels, rows([0] * 4, [0] * 4, flip))

    assert torch.equal(moved[::2], pixels[::2].flip(3))
    assert torch.equal(moved[1::2], pixels[1::2])


@given(st.integers(1, 9), st.integers(-60, 60))
def test_fold_stays_inside(size: int, place: int):
    """However far out a place is, its reflection is a pixel of the image."""
    folded = int(fold(torch.tensor([place]), size))

    assert 0 <= folded < size
    if 0 <= place < size:
        assert folded == place


@settings(deadline=None, max_examples=40)
@given(
    angle=st.floats(-30, 30),
    size=st.floats(0.7, 1.3),
    down=st.integers(-3, 3),
    right=st.integers(-3, 3),
    flip=st.booleans(),
    channels=st.sampled_from([1, 3]),
)
def test_warp_is_torchvisions_affine(angle, size, down, right, flip, channels):
    """Rotation, scale, shift and flip agree with torchvision's bilinear map."""
    pixels = smooth(1, channels, 14)
    matrices = Warp.matrices(
        torch.tensor([angle], dtype=torch.float64).deg2rad(),
        torch.tensor([size], dtype=torch.float64),
        torch.tensor([[down, right]]),
        torch.tensor([flip]),
    )
    warped = bilinear(pixels, matrices, "zeros")
    expected = affine(
        pixels,
        angle=angle,
        translate=[-right, -down],
        scale=size,
        shear=[0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    expected = expected.flip(3) if flip else expected

    assert (warped.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("fill", ["zeros", "reflect"])
def test_warp_without_turn_is_a_crop(fill: str):
    """With no rotation and no scale a warp gives the pixels of the crop with the same rows."""
    pixels, moves = images(200), geometry(shift=3, flip=True, fill=fill)
    drawn = Crop(moves).tables(Draws(0, 0, 200))
    still = torch.zeros(200, dtype=torch.float64)
    matrices = Warp.matrices(still, still + 1, **drawn)

    assert torch.equal(bilinear(pixels, matrices, fill), Crop(moves)(pixels, drawn))


@pytest.mark.parametrize("size", [1, 2, 7, 12])
def test_identity_matrix_changes_nothing(size: int):
    """The identity keeps each pixel, for every kind of warp and the smallest images."""
    pixels, same = images(2, size=size), EYE.expand(2, -1)

    assert torch.equal(nearest(pixels, same), pixels)
    assert torch.equal(bilinear(pixels, same, "zeros"), pixels)
    assert torch.equal(bilinear(pixels, same, "reflect"), pixels)


def test_every_offset_occurs():
    """All shifts within the limit are drawn about equally often, and half of the images flip."""
    drawn = Crop(geometry(shift=2, flip=True)).tables(Draws(0, 0, 5000))
    counts = torch.bincount(((drawn["shift"] + 2) @ torch.tensor([5, 1], dtype=torch.int32)).long())

    assert drawn["shift"].abs().max() == 2
    assert len(counts) == 25
    assert counts.min() > 140
    assert counts.max() < 260
    assert 0.47 < drawn["flip"].float().mean() < 0.53


def test_angles_and_sizes_fill_their_ranges():
    """Rotation and scale are spread evenly over what is allowed, and no further."""
    warp = Warp(geometry(rotate=10.0, scale=0.2)).tables(Draws(0, 0, 5000))["warp"]
    angle = torch.atan2(warp[:, 1], warp[:, 0]).rad2deg()
    size = 1 / warp[:, :2].norm(dim=1)

    assert angle.abs().max() <= 10.001
    assert angle.std() == pytest.approx(20 / 12**0.5, rel=0.05)
    assert size.min() >= 0.7999
    assert size.max() <= 1.2001
    assert size.std() == pytest.approx(0.4 / 12**0.5, rel=0.05)


def test_only_what_is_needed_is_done():
    """No geometry costs nothing; whole offsets need no interpolation."""
    assert geometric(geometry()) == []
    assert isinstance(geometric(geometry(shift=1))[0], Crop)
    assert isinstance(geometric(geometry(shift=1, scale=0.1))[0], Warp)
