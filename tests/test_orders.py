"""The sequences through a grid, and what strategies of one dimension make of them."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import loud, noise
from variants import vit

from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.orders import numbers
from vitpos.specimens import position
from vitpos.switches import ORDERS

CPU = torch.device("cpu")
grids = st.builds(Grid, st.integers(1, 9), st.integers(1, 9))


def walk(grid, order):
    """Rows and columns in the sequence in which they are counted."""
    cells = numbers(grid, order, CPU).argsort().tolist()
    return [divmod(cell, grid.cols) for cell in cells]


def steps(grid, order):
    """From each cell to the next: how far in rows, how far in columns."""
    cells = walk(grid, order)
    return [(abs(b[0] - a[0]), abs(b[1] - a[1])) for a, b in pairwise(cells)]


@pytest.mark.parametrize("order", ORDERS)
@given(grid=grids)
@settings(max_examples=30, deadline=None)
def test_counts_every_cell_once(order, grid):
    """An order is a bijection between cells and numbers, on any rectangle."""
    assert sorted(numbers(grid, order, CPU).tolist()) == list(range(grid.cells))


@given(grid=grids)
@settings(max_examples=30, deadline=None)
def test_raster_is_how_tokens_come(grid):
    """The first order changes nothing."""
    assert numbers(grid, "raster", CPU).tolist() == list(range(grid.cells))


@pytest.mark.parametrize("order", ["snake", "spiral"])
@given(grid=grids)
@settings(max_examples=30, deadline=None)
def test_neighbours_in_sequence_touch(order, grid):
    """One step is one row or one column."""
    assert all(sum(step) == 1 for step in steps(grid, order))


@given(grid=grids)
@settings(max_examples=80, deadline=None)
def test_hilbert_steps_to_neighbours(grid):
    """At most one step is diagonal, and none where the longer side is even."""
    found = steps(grid, "hilbert")

    assert all(max(step) == 1 for step in found)
    assert sum(step == (1, 1) for step in found) <= max(grid) % 2


def textbook_hilbert(side, number):
    """Where the curve is after so many steps, by the usual rotation of quadrants."""
    x = y = 0
    scale = 1
    while scale < side:
        right, up = number // 2 % 2, (number ^ number // 2) % 2
        if not up:
            if right:
                x, y = scale - 1 - x, scale - 1 - y
            x, y = y, x
        x, y = x + scale * right, y + scale * up
        number //= 4
        scale *= 2
    return x, y


@pytest.mark.parametrize("side", [2, 4, 8, 16])
def test_hilbert_is_the_curve_of_the_textbook(side):
    """On sides that are powers of two; the curve may start along either axis."""
    ours = walk(Grid(side, side), "hilbert")
    wanted = [textbook_hilbert(side, number) for number in range(side * side)]

    assert ours in (wanted, [(y, x) for x, y in wanted])


def test_hilbert_stays_near():
    """Cells that are 16 numbers apart on a 16 x 16 grid are closer than in raster order."""

    def spread(order):
        cells = torch.tensor(walk(Grid(16, 16), order), dtype=torch.float32)
        return torch.stack([cells[i : i + 16].std(dim=0).sum() for i in range(0, 256, 16)]).mean()

    assert spread("hilbert") < 0.7 * spread("raster")


def test_morton_interleaves_bits():
    """The Z-order of a 4 x 4 grid, and the digits of row and column in turn on a larger one."""
    four = [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]
    found = numbers(Grid(16, 16), "morton", CPU).view(16, 16)

    assert numbers(Grid(4, 4), "morton", CPU).tolist() == four
    for row in range(16):
        for col in range(16):
            digits = "".join(r + c for r, c in zip(f"{row:04b}", f"{col:04b}", strict=True))
            assert found[row, col] == int(digits, 2)


@given(grid=grids)
@settings(max_examples=30, deadline=None)
def test_morton_skips_what_lies_outside(grid):
    """A rectangle is walked as the square around it, without the cells that it lacks."""
    square = [
        (row, col)
        for row, col in walk(Grid(16, 16), "morton")
        if row < grid.rows and col < grid.cols
    ]

    assert walk(grid, "morton") == square


def test_spiral_winds_clockwise_inwards():
    """Around a 3 x 4 grid."""
    wanted = [0, 1, 2, 3, 9, 10, 11, 4, 8, 7, 6, 5]

    assert numbers(Grid(3, 4), "spiral", CPU).tolist() == wanted


def test_random_is_one_shuffle_for_all():
    """The same at every call and under every seed, another for each shape."""
    torch.manual_seed(1)
    first = numbers(Grid(4, 6), "random", CPU)
    torch.manual_seed(2)

    assert torch.equal(numbers(Grid(4, 6), "random", CPU), first)
    assert first.tolist() != list(range(24))
    assert first.tolist() != numbers(Grid(6, 4), "random", CPU).tolist()


def test_unknown_orders_are_refused():
    """By name, when a strategy is built or an order is asked for."""
    with pytest.raises(ValueError, match=r"order is one of raster, .* not 'zigzag'"):
        numbers(Grid(2, 2), "zigzag", CPU)


@pytest.mark.parametrize("order", ORDERS)
@torch.no_grad()
def test_an_order_permutes_the_table(order):
    """A strategy of one dimension gives each cell what raster order gives to its number."""
    grid = Grid(3, 5)
    raster = loud(position("learned_sequence", grid=grid, changes={"order": "raster"}))
    other = loud(position("learned_sequence", grid=grid, changes={"order": order}))
    for new in (grid, Grid(4, 6)):
        site = Site(new, 0, 0)
        wanted = raster.vectors(site)[numbers(new, order, CPU)]

        assert torch.equal(other.vectors(site), wanted)


@torch.no_grad()
def test_patches_and_table_may_be_shuffled_together():
    """The network sees a set of patches with vectors: their sequence is nothing to it."""
    model = vit("learned_sequence", {"order": "raster"}).eval()
    loud(model.position)
    images = noise(2, 3, 32, 32)
    tiles = images.unflatten(-1, (4, 8)).unflatten(-3, (4, 8)).transpose(-3, -2).flatten(2, 3)
    scores = model(images)
    for order in ("hilbert", "random"):
        at = numbers(Grid(4, 4), order, CPU)
        moved = tiles[:, :, at].unflatten(2, (4, 4)).transpose(3, 4).flatten(4).flatten(2, 3)
        changed = vit("learned_sequence", {"order": order}).eval()
        changed.load_state_dict(model.state_dict())

        torch.testing.assert_close(changed(moved), scores, rtol=1e-4, atol=1e-4)
        assert (model(moved) - scores).abs().max() > 1e-2
