"""Weierstrass' function beside mpmath, and what makes it one."""

import mpmath
import pytest
import torch
from networks import loud, position

from vitpos.embeddings.base import Site
from vitpos.embeddings.elliptic import HALF, weierstrass
from vitpos.grid import Grid


def sample(terms):
    """Points of a quarter period, and the function and derivative there."""
    steps = 2 * HALF * torch.arange(-terms, terms + 1, dtype=torch.float64)
    lattice = torch.cartesian_prod(steps, steps).T
    x, y = torch.cartesian_prod(*[torch.linspace(0.2, 2.4, 6, dtype=torch.float64)] * 2).T
    return x, y, weierstrass(x, y, lattice)


def test_is_the_function_of_jacobi():
    """Through sn of modulus 1/2, as the lattice grows: the error falls with its square."""
    scale = mpmath.ellipk(0.5) / HALF
    errors = []
    for terms in (12, 48):
        x, y, found = sample(terms)
        error = 0.0
        for a, b, (real, imaginary, *_) in zip(x.tolist(), y.tolist(), found.tolist(), strict=True):
            sn = mpmath.ellipfun("sn", mpmath.mpc(a, b) * scale, m=0.5)
            wanted = scale**2 / sn**2 - scale**2 / 2
            error = max(error, float(abs(wanted - mpmath.mpc(real, imaginary))))
        errors.append(error)

    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 10


def test_solves_its_equation():
    """The square of the derivative is 4 p³ - p / 4: the lattice has g2 = 1/4 and g3 = 0."""
    _, _, found = sample(48)
    function, derivative = torch.view_as_complex(found.unflatten(-1, (2, 2))).unbind(-1)
    error = derivative**2 - (4 * function**3 - function / 4)

    assert error.abs().max() < 1e-4 * (derivative.abs() ** 2).max()


@torch.no_grad()
def test_a_pole_is_harmless():
    """Where augmentation moves a cell onto the corner of the lattice, features stay in -1..1."""
    strategy = loud(position("weierstrass", changes={"coords": "index"})).source
    features = strategy.features(Site(Grid(3, 5), 0, 0))  # the first cell is the pole

    assert features.isfinite().all()
    assert features.abs().max() <= 1


@pytest.mark.parametrize("grid", [Grid(4, 4), Grid(9, 15)])
@torch.no_grad()
def test_fills_a_part_of_a_period(grid):
    """All cells get vectors of their own."""
    table = position("weierstrass").source.table(Site(grid, 0, 0))

    assert (torch.cdist(table, table) + torch.eye(grid.cells)).min() > 1e-4
