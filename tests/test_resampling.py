"""Tables that are resized or read between their entries."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import noise

from vitpos.embeddings.resampling import along, places, resized
from vitpos.grid import Grid
from vitpos.switches import RESAMPLE

CPU = torch.device("cpu")
grids = st.builds(Grid, st.integers(1, 6), st.integers(1, 6))


@given(grid=grids, resample=st.sampled_from(RESAMPLE), antialias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_resizing_to_the_same_size_changes_no_bit(grid, resample, antialias):
    """And so resizing twice is resizing once."""
    planes = noise(3, 4, 5)
    once = resized(planes, *grid, resample=resample, antialias=antialias)

    assert torch.equal(resized(once, *grid, resample=resample, antialias=antialias), once)


@given(grid=grids, resample=st.sampled_from(RESAMPLE), antialias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_rows_and_columns_are_resized_alike(grid, resample, antialias):
    """The transposed table on the transposed grid is the transposed result."""
    planes = noise(3, 4, 5)
    how = {"resample": resample, "antialias": antialias}

    torch.testing.assert_close(
        resized(planes.mT, grid.cols, grid.rows, **how), resized(planes, *grid, **how).mT
    )


@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("grid", [(8, 8), (7, 3), (2, 2), (1, 5)])
def test_tables_are_resized_as_torch_resizes_images(resample, antialias, grid):
    """Numbers and gradients agree; only an antialiased image of one column is another there."""
    planes = noise(3, 4, 5).requires_grad_()
    theirs = torch.nn.functional.interpolate(
        planes[None], grid, mode=resample, antialias=antialias
    )[0]
    ours = resized(planes, *grid, resample=resample, antialias=antialias)
    weights = noise(*ours.shape, seed=1)
    both = [torch.autograd.grad((out * weights).sum(), planes)[0] for out in (ours, theirs)]

    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(*both, rtol=1e-5, atol=1e-5)


def test_a_single_column_is_the_transpose_of_a_single_row():
    """By every entry's weight, not only for tables that happen to be alike."""
    planes = noise(3, 8, 8)
    for rows in range(1, 12):
        column = resized(planes, rows, 1, resample="bicubic", antialias=True)
        wanted = torch.nn.functional.interpolate(
            planes.mT[None], (1, rows), mode="bicubic", antialias=True
        )

        torch.testing.assert_close(column, wanted[0].mT, rtol=1e-5, atol=1e-5)


def test_mixing_stays_in_float32_under_autocast():
    """No entry is rounded to half precision on its way."""
    planes = noise(3, 4, 4)
    how = {"resample": "bicubic", "antialias": True}
    with torch.autocast("cpu", torch.bfloat16):
        found = resized(planes, 6, 5, **how)

    assert found.dtype == torch.float32
    assert torch.equal(found, resized(planes, 6, 5, **how))


@given(grid=grids, resample=st.sampled_from(RESAMPLE), antialias=st.booleans())
@settings(max_examples=40, deadline=None)
def test_axes_are_resized_one_by_one(grid, resample, antialias):
    """Rows first and then columns is the same as both at once, down to a single column."""
    planes, (rows, cols) = noise(3, 4, 5), grid
    how = {"resample": resample, "antialias": antialias}

    one_by_one = resized(resized(planes, rows, 5, **how), rows, cols, **how)
    torch.testing.assert_close(one_by_one, resized(planes, rows, cols, **how))


def test_antialias_changes_tables_that_grow_too_if_bicubic():
    """Bilinear ones only where they shrink."""

    def change(resample, side):
        planes = noise(8, 4, 4)
        both = [
            resized(planes, side, side, resample=resample, antialias=antialias)
            for antialias in (False, True)
        ]
        return ((both[0] - both[1]).norm() / both[1].norm()).item()

    assert change("bicubic", 6) > 0.02
    assert change("bicubic", 2) > 0.2
    assert change("bilinear", 6) < 1e-6
    assert change("bilinear", 2) > 0.2


def test_nearest_makes_up_no_numbers():
    """Every number of the result is one of the table."""
    planes = noise(2, 4, 4)

    assert torch.isin(resized(planes, 7, 3, resample="nearest", antialias=True), planes).all()


@pytest.mark.parametrize("grid", [(7, 6), (3, 8), (2, 2)])
def test_corners_stay_where_they_are(grid):
    """Cell i of n reads i (N - 1) / (n - 1), linearly along both axes, in a loop in float64."""
    planes = noise(2, 4, 4).double()
    wanted = torch.zeros(2, *grid, dtype=torch.float64)
    for row in range(grid[0]):
        for col in range(grid[1]):
            y, x = (i * 3 / (n - 1) for i, n in zip((row, col), grid, strict=True))
            for j in range(4):
                for i in range(4):
                    weight = max(0, 1 - abs(y - j)) * max(0, 1 - abs(x - i))
                    wanted[:, row, col] += weight * planes[:, j, i]
    found = resized(planes, *grid, resample="corners", antialias=False).double()

    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[:, ::1, 0][:, -1], planes[:, -1, 0], rtol=1e-6, atol=1e-6)


@given(cells=st.integers(1, 300), new_grid=st.sampled_from(["extrapolate", "rescale"]))
@settings(max_examples=40, deadline=None)
def test_as_many_cells_as_entries_read_one_each(cells, new_grid):
    """Exactly, for any number of them."""
    for align in ("middle", "start"):
        found = places(cells, cells, new_grid=new_grid, align=align, device=CPU)

        assert torch.equal(found, torch.arange(cells, dtype=torch.float32))


def test_reading_beyond_a_table_gives_its_ends():
    """And a place between two entries a mixture of them."""
    entries = torch.tensor([[1.0], [3.0], [7.0]])
    found = along(entries, torch.tensor([-2.0, 0.0, 0.25, 1.5, 2.0, 9.0]))

    assert found.flatten().tolist() == [1, 1, 1.5, 5, 7, 7]
