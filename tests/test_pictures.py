"""Pictures are exact: each pixel is the colour of its value."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vitpos.palettes import BLACK, CIVIDIS, GREY, PUOR, WHITE, Palette
from vitpos.pictures import heat, mosaic, samples, similarity

torch.set_num_threads(1)

BLUE, YELLOW = (0, 34, 78), (254, 232, 56)  # the ends of cividis
ORANGE, NEUTRAL, PURPLE = (127, 59, 8), (247, 247, 247), (45, 0, 75)  # of PuOr, and its middle
MIDDLE = (124, 124, 120)  # half way along cividis

finite = st.floats(-1e6, 1e6, width=32)
maps = arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2), elements=finite)


def colours(picture):
    """All that occur."""
    return {tuple(map(int, pixel)) for pixel in picture.reshape(-1, 3)}


@pytest.mark.parametrize(
    ("index", "colour"),
    [
        (0, (0, 34, 78)),
        (8, (0, 40, 91)),
        (25, (8, 51, 112)),
        (60, (63, 76, 108)),
        (100, (101, 104, 112)),
        (128, (125, 124, 120)),
        (200, (196, 180, 104)),
        (230, (229, 207, 82)),
        (255, (254, 232, 56)),
    ],
)
def test_cividis_is_the_published_one(index, colour):
    """Entries of the 256-colour table that matplotlib ships, to within two levels."""
    painted = CIVIDIS.paint(np.array([index / 255]), 0.0, 1.0)[0].astype(int)

    assert np.abs(painted - colour).max() <= 2


@pytest.mark.parametrize("palette", [CIVIDIS, PUOR])
def test_lines_have_a_colour_of_their_own(palette: Palette):
    """No value is painted like a line between tiles."""
    painted = palette.paint(np.linspace(0, 1, 5001), 0.0, 1.0)

    assert palette.line not in colours(painted)


def test_cividis_grows_lighter():
    """A larger magnitude is never darker, so that the picture survives a grey print."""
    luminance = CIVIDIS.paint(np.linspace(0, 1, 256), 0.0, 1.0) @ np.array([0.2126, 0.7152, 0.0722])

    assert (np.diff(luminance) >= -1).all()
    assert luminance[-1] - luminance[0] > 150


def test_magnitudes_run_from_the_smallest_to_the_largest():
    """One pixel per value, in the order of the array."""
    picture = heat(np.array([[3.0, 5.0, 4.0]]), signed=False)

    assert picture.tolist() == [[list(BLUE), list(YELLOW), list(MIDDLE)]]


def test_signed_values_are_neutral_at_zero():
    """The largest magnitude has the full colour; the other sign reaches as far as it deserves."""
    picture = heat(np.array([[-1.0, 0.0], [1.0, 0.2]]), signed=True)

    assert picture.tolist() == [
        [list(ORANGE), list(NEUTRAL)],
        [list(PURPLE), [216, 218, 235]],
    ]


def test_one_sided_values_use_one_side_of_the_signed_palette():
    """Zero stays neutral even if all values are positive."""
    assert colours(heat(np.array([[0.0, 2.0]]), signed=True)) == {NEUTRAL, PURPLE}


@pytest.mark.parametrize(("signed", "low", "high"), [(False, BLUE, YELLOW), (True, ORANGE, PURPLE)])
def test_what_is_not_a_number_is_grey_and_infinity_is_the_end(signed, low, high):
    """They do not stretch the range of the others."""
    values = np.array([[np.nan, -1.0, 1.0], [np.nan, -np.inf, np.inf]])

    assert heat(values, signed=signed).tolist() == [[list(GREY), list(low), list(high)]] * 2


@pytest.mark.parametrize("value", [0.0, 3.0, -3.0])
def test_a_constant_magnitude_is_the_middle(value):
    """Without a range, no value is large or small."""
    assert colours(heat(np.full((2, 3), value), signed=False)) == {MIDDLE}


def test_a_constant_with_a_sign_keeps_it():
    """Zero is neutral, and a constant is as far from it as can be."""
    assert colours(heat(np.zeros((2, 3)), signed=True)) == {NEUTRAL}
    assert colours(heat(np.full((2, 3), 4.0), signed=True)) == {PURPLE}
    assert colours(heat(np.full((2, 3), -4.0), signed=True)) == {ORANGE}


def test_nothing_but_nan_is_all_grey():
    """There is no range to find, and no warning."""
    assert colours(heat(np.full((2, 3), np.nan), signed=False)) == {GREY}
    assert colours(heat(np.full((2, 3), np.nan), signed=True)) == {GREY}


@given(maps)
def test_the_scale_of_values_does_not_matter(values):
    """Powers of two are exact, so the pictures are the same to the bit."""
    assert (heat(values, signed=False) == heat(values * 4, signed=False)).all()
    assert (heat(values, signed=True) == heat(values * 4, signed=True)).all()


@given(maps)
def test_equal_values_have_equal_colours(values):
    """Each colour is a function of the value alone."""
    picture = heat(values, signed=True).reshape(-1, 3)
    seen = {}
    for value, pixel in zip(values.ravel(), picture, strict=True):
        seen.setdefault(float(value), set()).add(tuple(pixel))

    assert all(len(pixels) == 1 for pixels in seen.values())


def test_a_tensor_is_drawn_like_its_array():
    """Whatever its precision, and although it wants a gradient."""
    values = torch.tensor([[[0.5, -1.0], [0.25, 2.0]]], requires_grad=True)

    assert (mosaic(values.bfloat16(), 1, True) == mosaic(values.detach().numpy(), 1, True)).all()
    assert (heat(values[0], signed=True) == heat(values[0].detach().numpy(), signed=True)).all()


def test_a_mosaic_has_one_range_for_all_maps():
    """A weak map looks weak beside a strong one."""
    maps = np.array([[[0.0, 1.0]], [[0.0, 5.0]], [[5.0, 0.0]]])
    picture = mosaic(maps, 2, True)
    weak = tuple(heat(np.array([[1.0, 5.0]]), signed=True)[0, 0])

    assert picture.shape == (2 * 42 + 1, 2 * 84 + 1, 3)
    assert colours(picture[:42, :42]) == {NEUTRAL}
    assert colours(picture[:42, 42:84]) == {weak}
    assert colours(picture[:42, 85 + 42 :]) == {PURPLE}
    assert colours(picture[43:, :42]) == {PURPLE}


def test_tiles_are_one_pixel_apart():
    """Lines and empty places have the colour that the palette lacks."""
    picture = mosaic(np.zeros((3, 2, 2)), 2, True)

    assert colours(picture[84]) == {BLACK}
    assert colours(picture[:, 84]) == {BLACK}
    assert colours(picture[85:, 85:]) == {BLACK}
    assert colours(picture[85:, :84]) == {NEUTRAL}
    assert colours(mosaic(np.zeros((1, 2, 2)), 5, False)) == {MIDDLE}


def test_samples_are_enlarged_whole():
    """28 pixels become 84, each pixel a square of 3 x 3."""
    images = torch.randint(0, 256, (2, 3, 28, 28), dtype=torch.uint8)
    picture = samples(images, 2)

    assert picture.shape == (84, 169, 3)
    assert (picture[1::3, 1:84:3] == images[0].permute(1, 2, 0).numpy()).all()
    assert (picture[2::3, 85::3] == images[1].permute(1, 2, 0).numpy()).all()
    assert colours(picture[:, 84]) == {WHITE}


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (32, 16), (84, 84), (100, 90)])
def test_samples_are_never_small(height, width):
    """At least 84 pixels either way, whatever the image is."""
    picture = samples(torch.zeros(1, 1, height, width), 3)

    assert min(picture.shape[:2]) >= 84
    assert picture.shape[0] % height == picture.shape[1] % width == 0
    assert colours(picture) == {(0, 0, 0)}


def test_brightness_is_cut_and_rounded():
    """Floats outside of 0..1 are cut, NaN is grey, and one channel is grey."""
    images = torch.tensor([-1.0, 0.0, 0.2, 1.0, 7.0, float("nan")]).view(1, 1, 1, 6)

    assert samples(images, 1)[0, ::84, 0].tolist() == [0, 0, 51, 255, 255, 128]


def test_samples_in_floats_and_bytes_agree():
    """A byte survives the way through 0..1."""
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)

    assert (samples(images, 1) == samples(images.float() / 255, 1)).all()


def test_sheets_that_cannot_be():
    """No images, no columns, two channels, or another grid."""
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        samples(torch.zeros(1, 2, 4, 4), 1)
    with pytest.raises(ValueError, match="0 tiles"):
        samples(torch.zeros(0, 1, 4, 4), 1)
    with pytest.raises(ValueError, match="0 columns"):
        mosaic(np.zeros((1, 2, 2)), 0, True)
    with pytest.raises(ValueError, match="6 cells, not 5"):
        similarity(torch.zeros(5, 8), (2, 3))


def tile(picture, grid, row, col):
    """One pixel for each cell, of one tile of a mosaic of similarities."""
    rows, cols = grid
    side = max(1, 1024 // max(rows * rows, cols * cols))
    top, left = row * (rows * side + 1), col * (cols * side + 1)
    return picture[top : top + rows * side : side, left : left + cols * side : side].astype(int)


@pytest.mark.parametrize("grid", [(2, 3), (3, 2), (1, 4), (4, 4), (33, 1)])
def test_tiles_are_rows_of_the_matrix_of_cosines(grid):
    """Tile (r, c) is the row of cell (r, c), in the range -1..1, on any grid."""
    rows, cols = grid
    table = torch.randn(rows * cols, 5, generator=torch.Generator().manual_seed(1))
    cosines = torch.nn.functional.cosine_similarity(table[:, None], table[None], dim=-1).double()
    expected = CIVIDIS.paint(cosines.view(rows, cols, rows, cols).numpy(), -1.0, 1.0)
    picture = similarity(table, grid)

    for row, col in np.ndindex(rows, cols):
        assert np.abs(tile(picture, grid, row, col) - expected[row, col]).max() <= 1


def test_alike_opposite_and_undefined():
    """A vector is wholly like itself, whatever its length; a vector of zeros is like nothing."""
    table = torch.tensor([[1.0, 0.0], [3.0, 0.0], [-2.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    first = tile(similarity(table, (2, 3)), (2, 3), 0, 0)
    zeros = tile(similarity(table, (2, 3)), (2, 3), 1, 0)

    assert first.tolist() == [
        [list(YELLOW), list(YELLOW), list(BLUE)],
        [list(GREY), list(MIDDLE), list(YELLOW)],
    ]
    assert colours(zeros) == {GREY}


def test_similarity_has_white_lines():
    """One pixel after each tile, whatever the enlargement."""
    picture = similarity(torch.ones(4, 3), (2, 2))

    assert picture.shape == (1025, 1025, 3)
    assert colours(picture[512]) == colours(picture[:, 512]) == {WHITE}
    assert colours(picture[:512, :512]) == {YELLOW}
