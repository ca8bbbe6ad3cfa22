"""Tables of sines: their dialects and what their products know."""

from itertools import product

import networks
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import position

from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.orders import numbers
from vitpos.switches import ORDERS

DIM, WAVES = 32, 8
CPU = torch.device("cpu")
AXIS = [(axis, f, k) for axis in ("row", "col") for f in ("sin", "cos") for k in range(WAVES)]
CHANNELS = {  # what each channel of a layout is
    "rows": AXIS,
    "cols": AXIS[2 * WAVES :] + AXIS[: 2 * WAVES],
    "sines": [
        (axis, f, k) for f in ("sin", "cos") for axis in ("row", "col") for k in range(WAVES)
    ],
    "row_pairs": [
        (axis, f, k) for axis in ("row", "col") for k in range(WAVES) for f in ("sin", "cos")
    ],
    "col_pairs": [
        (axis, f, k) for axis in ("col", "row") for k in range(WAVES) for f in ("sin", "cos")
    ],
}
TABLES = ["sincos2d", "sincos2d_mae", "sincos2d_simplevit", "sincos2d_timm", "sincos2d_detr"]
FORMULAS = {  # layout, spectrum, and coordinate of an index on a side
    "sincos2d": ("rows", "exclusive", lambda i, side: i),
    "sincos2d_mae": ("cols", "exclusive", lambda i, side: i),
    "sincos2d_simplevit": ("cols", "inclusive", lambda i, side: i),
    "sincos2d_timm": ("sines", "exclusive", lambda i, side: i),
    "sincos2d_detr": ("row_pairs", "exclusive", lambda i, side: i + 1),
    "sincos2d_detr_normalised": (
        "row_pairs",
        "exclusive",
        lambda i, side: (i + 1) / (side + 1e-6) * 2 * torch.pi,
    ),
}
SQUARE = Grid(4, 4)
grids = st.builds(Grid, st.integers(1, 9), st.integers(1, 9))


def table(name, grid, trained=SQUARE, **changes):
    """The vectors of a grid."""
    return position(name, changes=changes, grid=trained).source.table(Site(grid, 0, 0))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("grid", [Grid(4, 4), Grid(3, 5), Grid(16, 24)])
def test_is_its_formula(name, grid):
    """Channel by channel and cell by cell, in float64 (big_vision's, which is JAX, too)."""
    layout, spectrum, coordinate = FORMULAS[name]
    steps = WAVES if spectrum == "exclusive" else WAVES - 1
    wanted = torch.zeros(grid.cells, DIM, dtype=torch.float64)
    for (row, col), (channel, (axis, f, k)) in product(
        product(range(grid.rows), range(grid.cols)), enumerate(CHANNELS[layout])
    ):
        place = coordinate(*((row, grid.rows) if axis == "row" else (col, grid.cols)))
        angle = torch.tensor(place * 10000.0 ** (-k / steps), dtype=torch.float64)
        wanted[row * grid.cols + col, channel] = getattr(torch, f)(angle)

    torch.testing.assert_close(table(name, grid).double(), wanted, rtol=0, atol=3e-6)


@pytest.mark.parametrize("layout", CHANNELS)
@given(grid=grids, trained=grids)
@settings(max_examples=10, deadline=None)
def test_layouts_differ_by_one_permutation_of_channels(layout, grid, trained):
    """The same on every grid, bit for bit."""
    order = [CHANNELS[layout].index(channel) for channel in CHANNELS["rows"]]

    assert torch.equal(
        table("sincos2d", grid, trained, layout=layout)[:, order], table("sincos2d", grid, trained)
    )


def test_an_inclusive_spectrum_is_no_permutation():
    """SimpleViT's waves get from 1 to the temperature; MoCo's stop before."""
    ours, theirs = (table(name, Grid(8, 8)) for name in ("sincos2d", "sincos2d_simplevit"))
    apart = torch.cdist(ours.T, theirs.T).amin(dim=1)  # of each channel to the nearest

    assert (apart > 1e-2).sum() >= DIM / 2
    frequencies = position("sincos2d_simplevit").source.frequencies()
    torch.testing.assert_close(frequencies[[0, -1]], torch.tensor([1.0, 1e-4]))


@pytest.mark.parametrize("name", [*TABLES, "sincos2d_detr_normalised"])
@given(grid=grids)
@settings(max_examples=15, deadline=None)
def test_products_depend_on_the_offset_only(name, grid):
    """The product of two vectors stays when both cells move by a row or a column."""
    found = table(name, grid)
    kernel = (found @ found.T).unflatten(1, grid).unflatten(0, grid)
    close = {"rtol": 0, "atol": 2e-5}

    torch.testing.assert_close(kernel[1:, :, 1:], kernel[:-1, :, :-1], **close)
    torch.testing.assert_close(kernel[:, 1:, :, 1:], kernel[:, :-1, :, :-1], **close)
    torch.testing.assert_close(kernel[0, 0, 0, 0], torch.tensor(DIM / 2), **close)


@pytest.mark.parametrize("name", [name for name in TABLES if name != "sincos2d_simplevit"])
def test_rows_and_columns_have_channels_of_their_own(name):
    """Half of the channels are the same along a row, the others along a column.

    SimpleViT's longest wave is too long for float32 to tell neighbours by its cosine.
    """
    found = table(name, Grid(3, 5)).unflatten(0, (3, 5))
    along_row = (found == found[:, :1]).all(dim=0).all(dim=0)
    along_col = (found == found[:1]).all(dim=0).all(dim=0)
    layout = FORMULAS[name][0]

    assert along_row.tolist() == [axis == "row" for axis, _, _ in CHANNELS[layout]]
    assert along_col.tolist() == [axis == "col" for axis, _, _ in CHANNELS[layout]]


@given(grid=grids, start=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_one_dimension_sees_numbers_only(grid, start):
    """Products depend on the difference of numbers, whatever the first is."""
    found = table("sincos1d", grid, start=start)
    kernel = found @ found.T

    torch.testing.assert_close(kernel[1:, 1:], kernel[:-1, :-1], rtol=0, atol=2e-5)
    assert torch.equal(found, table("sincos1d", Grid(1, start + grid.cells))[start:])


def test_one_dimension_breaks_at_the_end_of_a_row():
    """The cell to the right of a row's end is the next row's first; the one below is far."""
    found = table("sincos1d", Grid(3, 5)).unflatten(0, (3, 5))
    across, right = ((found[1, 0] * other).sum() for other in (found[0, 4], found[1, 1]))
    below = (found[1, 0] * found[2, 0]).sum()

    torch.testing.assert_close(across, right, rtol=0, atol=1e-5)
    assert right - below > 1


@pytest.mark.parametrize("order", ORDERS)
def test_one_dimension_follows_the_order(order):
    """Another sequence is the same vectors for other cells."""
    grid = Grid(3, 5)
    raster = table("sincos1d", grid)

    assert torch.equal(table("sincos1d", grid, order=order), raster[numbers(grid, order, CPU)])


def test_halves_are_pairs_apart():
    """All sines, then all cosines."""
    pairs, halves = (table("sincos1d", Grid(3, 5), layout=x) for x in ("pairs", "halves"))

    assert torch.equal(torch.cat([pairs[:, ::2], pairs[:, 1::2]], dim=-1), halves)


@pytest.mark.parametrize(
    ("name", "dim", "changes", "said"),
    [
        ("sincos2d", 32, {"layout": "row"}, "layout is one of rows, cols"),
        ("sincos2d", 32, {"spectrum": "full"}, "spectrum is one of exclusive, inclusive"),
        ("sincos2d", 6, {}, "divisible by 4, not 6"),
        ("sincos2d_simplevit", 4, {}, "two waves or more"),
        ("sincos1d", 32, {"layout": "rows"}, "layout is one of pairs, halves"),
        ("sincos1d", 32, {"order": "zigzag"}, "order is one of raster"),
        ("sincos1d", 2, {"spectrum": "inclusive"}, "two waves or more"),
    ],
)
def test_says_what_it_cannot_do(name, dim, changes, said):
    """The option, what it may be, and what it is."""
    options = networks.options(name)[name] | changes
    with pytest.raises(ValueError, match=said):
        networks.build.made(options, networks.trunk(dim=dim, heads=1))
