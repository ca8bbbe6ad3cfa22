"""Fourier features, fixed and learned, and perceptrons of coordinates."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import loud, position
from torch import nn

from vitpos.embeddings.base import Site
from vitpos.grid import Grid

CPU = torch.device("cpu")
SQUARE, OBLONG = Grid(4, 4), Grid(3, 5)
grids = st.builds(Grid, st.integers(1, 7), st.integers(1, 7))
OFF = {"shift": 0.0, "jitter": 1.0, "rescale": 1.0, "local": 0.0}


def source(name, grid=SQUARE, dim=32, seed=0, **changes):
    """The strategy behind the switch that brings it in."""
    return position(name, seed=seed, changes=changes, grid=grid, dim=dim).source


def table(strategy, grid=OBLONG, draws=None):
    """The vectors of a grid."""
    return strategy.table(Site(grid, 0, 0, draws))


def places(strategy, grid=OBLONG):
    """Rows and columns [2, cells] as the strategy counts them."""
    return strategy.coordinates(Site(grid, 0, 0), CPU)


def test_random_waves_belong_to_the_state():
    """Drawn from the seed of the run, kept bit for bit through casts, and loaded again."""
    first, same, other = (source("fourier_fixed", seed=seed) for seed in (0, 0, 1))
    exact = first.waves().clone()
    first.bfloat16().half().float()

    assert torch.equal(same.waves(), exact)
    assert torch.equal(first.waves(), exact)
    assert not torch.equal(other.waves(), exact)
    other.load_state_dict(first.state_dict())
    assert torch.equal(other.waves(), exact)
    assert torch.equal(table(other), table(same))


def test_every_layer_may_have_random_waves_of_its_own():
    """With `inject=every_layer` a copy per layer, each drawn anew."""
    strategy = position("fourier_fixed", changes={"inject": "every_layer"})
    first, second = (strategy.vectors(Site(Grid(3, 5), layer, 0)) for layer in (0, 1))

    assert not torch.allclose(first, second)


def test_sigma_is_the_deviation_of_the_waves():
    """In turns per half image; doubled, every wave is half as long."""
    narrow, wide = (source("fourier_fixed", dim=4096, sigma=s).waves() for s in (1.0, 2.0))

    torch.testing.assert_close(wide, 2 * narrow)
    assert abs(narrow.std().item() / (2 * torch.pi) - 1) < 0.05


@given(grid=grids)
@settings(max_examples=10, deadline=None)
def test_without_sigma_all_cells_are_alike(grid):
    """All sines are 0 and all cosines 1."""
    found = table(source("fourier_fixed", sigma=0.0), grid)

    assert torch.equal(found, torch.tensor([0.0, 1.0]).repeat_interleave(16).expand(grid.cells, -1))


def test_random_waves_see_a_gaussian_neighbourhood():
    """Products fall with distance as exp(-2 (pi sigma)² distance²), the kernel of the features."""
    strategy = source("fourier_fixed", dim=32768, sigma=0.3)
    found, at = table(strategy), places(strategy).T
    kernel = found @ found.T / 16384
    wanted = (-2 * (torch.pi * 0.3 * torch.cdist(at, at)) ** 2).exp()

    torch.testing.assert_close(kernel, wanted, rtol=0, atol=0.04)


@pytest.mark.parametrize("name", ["fourier_fixed", "cape"])
@given(grid=grids)
@settings(max_examples=10, deadline=None)
def test_products_of_plane_waves_depend_on_the_offset_only(name, grid):
    """The product of two vectors stays when both cells move by a row or a column."""
    found = table(source(name), grid)
    kernel = (found @ found.T).unflatten(1, grid).unflatten(0, grid)
    close = {"rtol": 0, "atol": 2e-4}

    torch.testing.assert_close(kernel[1:, :, 1:], kernel[:-1, :, :-1], **close)
    torch.testing.assert_close(kernel[:, 1:, :, 1:], kernel[:, :-1, :, :-1], **close)


def test_cape_at_rest_is_sines_of_its_waves():
    """Wave k turns by k radians and is ten to the k / 15 times as short as the first."""
    grid = Grid(3, 5)
    found, calm = (table(source("cape", **changes), grid) for changes in ({}, {"augment": OFF}))
    wanted = torch.zeros(15, 32, dtype=torch.float64)
    for cell in range(15):
        row, col = torch.tensor([cell // 5 - 1.0, cell % 5 / 2 - 1.0], dtype=torch.float64)
        for k in range(16):
            turn = torch.tensor(float(k), dtype=torch.float64)
            angle = torch.pi * 10 ** (k / 15) * (row * turn.cos() + col * turn.sin())
            wanted[cell, k], wanted[cell, 16 + k] = angle.cos(), angle.sin()

    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-5)
    assert torch.equal(found, calm)


def test_cape_moves_as_its_paper_says():
    """All cells shift, each a little on its own, and then the image grows or shrinks."""
    grid = Grid(3, 5)
    cape = source("cape")
    draws = torch.rand(2, 18, generator=torch.Generator().manual_seed(0))
    at, signed = places(cape), 2 * draws - 1
    sides = torch.tensor([[3.0], [5.0]])
    cell = 2 / (sides - 1)  # in units of the coordinate, as is half an image
    moved = at + cell * (0.5 * signed[:, :1] * sides / 2 + 0.5 * signed[:, 3:])
    moved = moved * 1.4 ** signed[0, 2]

    torch.testing.assert_close(cape.coordinates(Site(grid, 0, 0, draws), CPU), moved)
    assert not torch.allclose(table(cape, grid, draws), table(cape, grid))


def test_learned_waves_with_a_linear_layer_are_fixed_ones():
    """From the same waves, the features of both differ by their order and a factor."""
    fixed = source("fourier_fixed")
    learned = source("fourier_learned", features=32)
    learned.waves.data = fixed.waves().clone()
    features = learned.fourier(places(learned))

    sines, cosines = table(fixed).chunk(2, dim=-1)
    torch.testing.assert_close(features * 32**0.5, torch.cat([cosines, sines], dim=-1))


@torch.no_grad()
def test_learned_waves_start_with_their_deviation():
    """`std` radians per unit, whatever the paper's gamma is taken for."""
    for std in (0.01, 3.0):
        waves = source("fourier_learned", features=4096, std=std).waves
        assert abs(waves.std().item() / std - 1) < 0.05


def test_bands_get_from_one_to_half_the_cells():
    """Along each axis of an oblong grid its own, in equal steps; other grids keep them."""
    waves = source("fourier_perceiver", Grid(6, 10), bands=4).waves() / torch.pi

    torch.testing.assert_close(waves[0], torch.tensor([1.0, 5 / 3, 7 / 3, 3.0]))
    torch.testing.assert_close(waves[1], torch.tensor([1.0, 7 / 3, 11 / 3, 5.0]))


@torch.no_grad()
def test_axes_are_the_table_of_detr_through_a_layer():
    """XCiT's features are DETR's normalised table of another width."""
    xcit = loud(source("xcit_fourier", hidden=8))
    detr = position("sincos2d_detr_normalised", dim=16).source
    wanted = table(detr) @ xcit.out.weight.T + xcit.out.bias

    torch.testing.assert_close(table(xcit), wanted)


@pytest.mark.parametrize("axial", [True, False])
@torch.no_grad()
def test_perceptrons_are_of_each_axis_or_of_both(axial):
    """A sum over axes has no interaction of row and column; one perceptron of both has."""
    strategy = loud(source("coord_mlp", axial=axial))
    found = table(strategy).unflatten(0, (3, 5))
    interaction = found - found[:1] - found[:, :1] + found[:1, :1]

    assert (interaction.abs().max() < 1e-4) == axial


@torch.no_grad()
def test_a_perceptron_of_both_axes_is_an_ordinary_one():
    """Linear, SiLU, Linear, SiLU, Linear."""
    strategy = loud(source("coord_mlp", axial=False))
    (own,) = strategy.perceptrons
    plain = nn.Sequential(own.layers[0], nn.SiLU(), own.layers[1], nn.SiLU(), own.out)

    torch.testing.assert_close(table(strategy), plain(places(strategy).T))


@pytest.mark.parametrize(
    "name", ["fourier_perceiver", "fourier_learned", "xcit_fourier", "coord_mlp", "fourier_fixed"]
)
@torch.no_grad()
def test_a_finer_grid_lies_between_the_cells_of_a_coarser_one(name):
    """Every third cell of a grid three times as fine is in the middle of a coarse cell."""
    corner = name == "fourier_perceiver"
    strategy = loud(source(name, Grid(3, 5), **({"coords": "centre"} if corner else {})))
    if name == "xcit_fourier":  # which counts by ends of cells, where every third is the last
        fine = table(strategy, Grid(9, 15)).unflatten(0, (9, 15))[2::3, 2::3]
    else:
        fine = table(strategy, Grid(9, 15)).unflatten(0, (9, 15))[1::3, 1::3]

    torch.testing.assert_close(fine.flatten(0, 1), table(strategy), rtol=1e-4, atol=1e-4)
