"""Vectors made of an elliptic function of the place of a cell in the complex plane."""

from math import gamma, log, pi, sqrt

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.embeddings.fourier import Unit
from vitpos.embeddings.projected import layer
from vitpos.shapes import Table

HALF = gamma(1 / 4) ** 2 / (2 * sqrt(2 * pi))  # half a period of the lattice, along both axes
NEAR = 1e-6  # squared distance below which a pole is no nearer


def weierstrass(
    x: Float[Tensor, " cells"], y: Float[Tensor, " cells"], lattice: Float[Tensor, "2 points"]
) -> Float[Tensor, "cells 4"]:
    """The function at ``x + i y`` and its derivative, real and imaginary parts.

    The sum of ``1 / (z - w) ** 2`` over the points ``w`` of the lattice, and of
    ``-2 / (z - w) ** 3``. What the definition subtracts, ``1 / w ** 2``, cancels on a square.
    """
    a, b = x[:, None] - lattice[0], y[:, None] - lattice[1]
    near = (a * a + b * b).clamp(min=NEAR)
    second, third = near**-2, near**-3
    parts = [
        (a * a - b * b) * second,
        -2 * a * b * second,
        -2 * a * (a * a - 3 * b * b) * third,
        2 * b * (3 * a * a - b * b) * third,
    ]
    return torch.stack([part.sum(-1) for part in parts], dim=-1)


class Weierstrass(Additive):
    """Four numbers of Weierstrass' elliptic function, through a linear layer and a norm.

    Xin et al. 2025, WEF-PE, https://arxiv.org/abs/2508.19167, as in the authors' script for a tiny
    network (github.com/1131230221/Weierstrass-Elliptic-Function-Positional-Encoding, ``W_Ti.py``).
    The image lies in the corner of a cell of the lattice: ``z = reach (2 w col + 2 i w' row)``,
    with half a period ``w`` along the columns and a learned one, ``w' = softplus(period)``, along
    the rows. It only stretches the rows: the lattice itself is square, cut off after `terms`
    periods each way, and of invariant g2 = 1/4, although the script says 1. Real and imaginary
    parts of the function and of its derivative go through ``tanh(alpha x)``, with learned `alpha`.
    A learned `gain` scales the result. The limits that the script puts on what is learned and on
    large values lie far from where they start, and are left out.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        terms: int,
        reach: float,
        alpha: float,
        period: float,
        gain: float,
        **unit: Unpack[Unit],
    ) -> None:
        super().__init__(trunk)
        if terms < 1:
            raise ValueError(f"terms is 1 or more, not {terms}")
        self.reach = reach
        self.coordinates = Coordinates(
            trunk.grid, unit["coords"], unit["new_grid"], unit["augment"]
        )
        steps = 2 * HALF * torch.arange(-terms, terms + 1)
        self.lattice = Constant(torch.cartesian_prod(steps, steps).T)
        self.log_alpha = nn.Parameter(torch.tensor(log(alpha)))
        self.period = nn.Parameter(torch.tensor(period))
        self.out = nn.Linear(4, trunk.dim)
        self.norm = nn.LayerNorm(trunk.dim)
        self.gain = nn.Parameter(torch.tensor(gain))

    def features(self, site: Site) -> Float[Tensor, "cells 4"]:
        """Function and derivative, compressed to -1..1."""
        lattice: Tensor = self.lattice()
        rows, cols = self.coordinates(site, lattice.device)
        y = 2 * self.reach * F.softplus(self.period.float()) * rows
        values = weierstrass(2 * self.reach * HALF * cols, y, lattice)
        return (self.log_alpha.float().exp() * values).tanh()

    @override
    def table(self, site: Site) -> Table:
        norm = self.norm
        found = layer(self.out, self.features(site))
        weight, bias = norm.weight.float(), norm.bias.float()
        return self.gain.float() * F.layer_norm(
            found, norm.normalized_shape, weight, bias, norm.eps
        )
