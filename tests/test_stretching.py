"""How rotations meet grids of another size."""

import math

import pytest
import torch
from networks import loud, position

from vitpos.embeddings.base import Site
from vitpos.embeddings.stretching import IMAGES, kept, stretched, temper
from vitpos.grid import Grid

TRAINED = Grid(4, 4)
GRIDS = [Grid(8, 8), Grid(2, 2), Grid(3, 7), Grid(16, 4), Grid(1, 1)]
TWO_D = ["rope2d", "rope_mixed", "rope_pixel", "rope_dinov3", "rope_golden", "rope_hdit"]


def made(name, **changes):
    """A strategy with parameters that cannot be overheard."""
    return loud(position(name, changes=changes))


@pytest.mark.parametrize("rule", ["extrapolate", "pi", "ntk", "yarn"])
@pytest.mark.parametrize("name", [*TWO_D, "rope1d", "rope_vjepa2_as_released"])
@torch.no_grad()
def test_the_trained_grid_is_met_as_it_is(name, rule):
    """Every rule gives the angles of the file on the grid of the training images."""
    site = Site(TRAINED, 1, 0)
    wanted = made(name, new_grid="extrapolate").angles(site)

    torch.testing.assert_close(made(name, new_grid=rule).angles(site), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("grid", GRIDS, ids="{0.rows}x{0.cols}".format)
@torch.no_grad()
def test_ntk_is_another_theta(grid):
    """On each axis the rule is ``theta * ratio ** (d / (d - 2))`` for its ``d`` channels."""
    found = made("rope2d", new_grid="ntk").angles(Site(grid, 0, 0))[0]
    for axis, planes in ((1, slice(0, 4)), (0, slice(4, 8))):
        theta = 100.0 * (grid[axis] / 4) ** (8 / 6)
        waves = theta ** -(torch.arange(4) / 4)
        places = grid.indices(torch.device("cpu"))[:, axis, None]
        torch.testing.assert_close(found[:, planes], places * waves, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", TWO_D)
@torch.no_grad()
def test_interpolation_ends_where_training_ended(name):
    """On four times as many cells, middles of four are where the middle of one was."""
    strategy = made(name, coords="centre", new_grid="pi")
    small, large = (strategy.angles(Site(grid, 1, 0)) for grid in (TRAINED, Grid(8, 8)))
    fours = large.unflatten(1, (4, 2, 4, 2)).mean((2, 4)).flatten(1, 2)

    torch.testing.assert_close(fours, small, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", TWO_D)
@torch.no_grad()
def test_extrapolation_goes_on(name):
    """From cell to cell angles change as they did in training, on any grid."""
    strategy = made(name, coords="index", new_grid="extrapolate")
    small, large = (
        strategy.angles(Site(grid, 1, 0)).unflatten(1, grid) for grid in (TRAINED, Grid(7, 9))
    )

    torch.testing.assert_close(large[:, :4, :4], small)


@torch.no_grad()
def test_yarn_keeps_short_waves_and_stretches_long_ones():
    """Between a quarter of a turn and one turn in the trained grid, waves are stretched partly."""
    fits = torch.tensor([4.0, 1.0, 0.5, 0.25, 0.1, 0.0])
    waves = (2 * math.pi * fits / 4).expand(2, 1, -1).contiguous()
    found = stretched(waves, TRAINED, Grid(8, 16), (1.0, 1.0), "yarn") / waves.clamp(min=1e-9)

    rows, cols = found[:, 0, :5]
    torch.testing.assert_close(rows, torch.tensor([1, 1, 0.75, 0.5, 0.5]))
    torch.testing.assert_close(cols, torch.tensor([1, 1, 0.625, 0.25, 0.25]))
    assert kept(waves * 0, IMAGES).eq(0).all()


@torch.no_grad()
def test_yarn_does_not_depend_on_the_unit_of_coordinates():
    """The same waves counted in cells and in halves of the image are stretched alike."""
    cells = position("rope2d", changes={"new_grid": "yarn"})
    halves = position("rope2d", changes={"new_grid": "yarn", "coords": "centre", "scale": 2.0})
    site = Site(Grid(8, 12), 0, 0)
    counted, measured = (x.angles(site) - x.angles(site)[:, :1] for x in (cells, halves))

    torch.testing.assert_close(measured, counted, atol=1e-5, rtol=1e-5)


def test_yarn_warms_larger_grids():
    """Queries and keys grow by ``0.1 ln ratio + 1`` with the ratio of sides, never shrink."""
    assert temper(TRAINED, Grid(8, 8), "yarn") == pytest.approx(0.1 * math.log(2) + 1)
    assert temper(TRAINED, Grid(16, 4), "yarn") == pytest.approx(0.1 * math.log(2) + 1)
    assert temper(TRAINED, Grid(2, 2), "yarn") == 1.0
    assert temper(TRAINED, Grid(8, 8), "ntk") == 1.0


@pytest.mark.parametrize("rule", ["pi", "ntk", "yarn"])
@pytest.mark.parametrize("grid", GRIDS, ids="{0.rows}x{0.cols}".format)
def test_learned_waves_get_gradients_on_every_grid(grid, rule):
    """The rules are differentiable where waves are learned, those that stand still included."""
    strategy = position("rope_mixed", changes={"new_grid": rule})
    strategy.frequencies.data[:, :, :, 0] = 0
    x = torch.ones(1, 2, grid.cells, 16)
    strategy.heads(x, x, Site(grid, 1, 0))[0].square().sum().backward()

    assert strategy.frequencies.grad.isfinite().all()
