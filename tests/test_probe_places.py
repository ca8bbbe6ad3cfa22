"""Statistics of places against brute force, SciPy and planted answers."""

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vitpos.grid import Grid
from vitpos.probes import places

CPU = torch.device("cpu")
GRIDS = [Grid(3, 4), Grid(1, 5), Grid(4, 1), Grid(2, 2)]
on_grids = pytest.mark.parametrize("grid", GRIDS, ids=str)


def noise(*shape):
    """Normal numbers in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-9, 9)), min_size=3, max_size=20))
def test_ranks_correlate_as_scipy_says(pairs):
    """Ties and all."""
    one, other = (torch.tensor(x, dtype=torch.float64) for x in zip(*pairs, strict=True))
    if len(one.unique()) == 1 or len(other.unique()) == 1:
        assert torch.isnan(places.spearman(one, other))
        return
    expected = scipy.stats.spearmanr(one.numpy(), other.numpy()).statistic

    assert float(places.spearman(one, other)) == pytest.approx(expected, abs=1e-9)


@on_grids
def test_an_offset_is_the_mean_of_its_pairs(grid):
    """Query minus key, pair by pair; what is hidden is left out."""
    pairs = noise(2, grid.cells, grid.cells)
    pairs[0, 0, -1] = torch.nan
    found = places.by_offset(pairs, grid)
    at = grid.indices(CPU).tolist()
    for down in range(1 - grid.rows, grid.rows):
        for right in range(1 - grid.cols, grid.cols):
            same = [
                (i, j)
                for i, (r, c) in enumerate(at)
                for j, (s, d) in enumerate(at)
                if (r - s, c - d) == (down, right)
            ]
            values = [pairs[:, i, j] for i, j in same]
            expected = torch.stack(values).nanmean(0)
            got = found[:, down + grid.rows - 1, right + grid.cols - 1]

            torch.testing.assert_close(got, expected, equal_nan=True)


@on_grids
def test_offsets_go_back_to_their_pairs(grid):
    """A function of the offset is all of itself."""
    kernel = noise(2, 2 * grid.rows - 1, 2 * grid.cols - 1)
    pairs = places.everywhere(kernel, grid)

    torch.testing.assert_close(places.by_offset(pairs, grid), kernel)


@on_grids
def test_finds_what_is_relative(grid):
    """All of a bias of the offset less its row means; of noise only what freedom takes."""
    kernel = noise(2, 2 * grid.rows - 1, 2 * grid.cols - 1)
    pairs = places.everywhere(kernel, grid)
    pairs = pairs.where(places.others(grid, CPU), torch.nan)
    pairs = pairs - pairs.nanmean(-1, keepdim=True)
    found, freedom = places.explained(pairs, grid)

    assert found == pytest.approx(float(pairs.nansum()) + float(pairs.square().nansum()))
    assert 0 < freedom <= 1


def test_noise_is_relative_by_its_freedom():
    """As much as a fit of so many numbers explains of anything."""
    grid = Grid(4, 5)
    pairs = noise(30, 20, 20).where(places.others(grid, CPU), torch.nan)
    pairs = pairs - pairs.nanmean(-1, keepdim=True)
    found, freedom = places.explained(pairs, grid)

    assert found / float(pairs.square().nansum()) == pytest.approx(freedom, rel=0.05)


def test_rows_plus_columns_are_additive():
    """1 for a sum of both, about 0 for random vectors, no number where nothing is left."""
    grid = Grid(4, 5)
    row, col = noise(4, 1, 8), noise(1, 5, 8)
    random = [places.row_plus_column(table, grid) for table in noise(50, 20, 8)]

    assert places.row_plus_column((row + col).flatten(0, 1), grid) == pytest.approx(1)
    assert np.mean(random) == pytest.approx(0, abs=0.05)
    assert np.isnan(places.row_plus_column(noise(5, 8), Grid(1, 5)))
    assert np.isnan(places.row_plus_column(torch.ones(20, 8), grid))


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_equal_directions_count_one_each(rank):
    """The effective rank of orthogonal vectors of one length."""
    sides = torch.eye(8, dtype=torch.float64)[:rank]

    assert places.effective_rank(torch.cat([sides, -sides])) == pytest.approx(rank)


def test_nearness_of_a_map():
    """Likeness that falls with distance is 1, one that grows -1, none no number."""
    grid = Grid(3, 4)
    apart = places.distances(grid, CPU)
    found = places.nearness(torch.stack([-apart, apart, torch.ones_like(apart)]), grid)

    assert found[:2].tolist() == pytest.approx([1, -1])
    assert torch.isnan(found[2])


def test_zero_is_like_nothing():
    """No cosine where there is no direction."""
    found = places.cosines(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]))

    assert found[0].isnan().all()
    assert float(found[1, 2]) == pytest.approx(0.5**0.5)
