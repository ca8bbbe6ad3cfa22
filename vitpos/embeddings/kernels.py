"""Learned functions of distance: KERPLE's two kernels, and FIRE's perceptron."""

from abc import ABC

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.continuous import applied
from vitpos.embeddings.distance import Distant, Switches
from vitpos.shapes import Bias

SMALLEST, LARGEST_POWER = 0.01, 2.0  # what KERPLE holds its numbers within
TINY = 1e-6  # FIRE on a single cell


class Kerple(Distant, ABC):
    """Attention falls with distance as a kernel does whose two numbers every head learns.

    Chi et al. 2022, https://arxiv.org/abs/2205.09921, with the distance of cells on a grid for the
    distance in a sequence, in all directions. `a` starts uniform in 0..1, `p` in 0..2. Both are
    held at 0.01 or more where they are used; what would push them lower or higher still reaches
    them. The authors' code also writes the held numbers back, and has one set for all layers.
    """

    def __init__(self, trunk: Trunk, *, shared: bool, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, shared=shared, **switches)
        self.a = nn.Parameter(torch.rand(self.layers, trunk.heads, 1, 1))
        self.p = nn.Parameter(torch.rand(self.layers, trunk.heads, 1, 1) * 2)


class KerpleLog(Kerple):
    """``-p ln(1 + a distance)``."""

    @override
    def bias(self, site: Site) -> Bias:
        a, p = (held(x[self.own(site)]) for x in (self.a, self.p))
        return -p * torch.log1p(a * self.apart(site, a.device))


class KerplePower(Kerple):
    """``-a distance ** p``, with `p` at most 2; where `p` is 1, ALiBi with slopes above 0.01."""

    @override
    def bias(self, site: Site) -> Bias:
        a, p = held(self.a[self.own(site)]), held(self.p[self.own(site)], LARGEST_POWER)
        return -a * self.apart(site, a.device) ** p


def held(x: Tensor, most: float | None = None) -> Tensor:
    """Within bounds, in float32; the gradient is that of `x` itself."""
    x = x.float()
    return x.detach().clamp(SMALLEST, most) + (x - x.detach())


class Fire(Distant):
    """A small perceptron of distance, as a part of the largest one, on a log scale.

    ``f(ln(1 + |c| distance) / ln(1 + |c| max(largest distance in the grid, L)))``: Li et al. 2024,
    https://arxiv.org/abs/2310.04418, where the largest distance is that to the first token of a
    text. On a grid, which has no first token, it is the diagonal, for all cells alike. `L` starts
    at `limit` times the diagonal of the trained grid; it and `c` are learned, and `f` has `hidden`
    ReLUs. While the diagonal is longer than `L`, the diagonal counts and `L` gets no gradient.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        hidden: int,
        c: float,
        limit: float,
        shared: bool,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk, shared=shared, **switches)
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, not {hidden}")
        diagonal = self.apart(Site(trunk.grid, 0, 0), torch.device("cpu")).max()
        self.limit = Constant(limit * diagonal)
        self.multiplier = nn.Parameter(torch.ones(self.layers))
        self.c = nn.Parameter(torch.full((self.layers,), c))
        self.first = nn.ModuleList(nn.Linear(1, hidden) for _ in range(self.layers))
        self.second = nn.ModuleList(nn.Linear(hidden, trunk.heads) for _ in range(self.layers))

    @override
    def bias(self, site: Site) -> Bias:
        own = self.own(site)
        part = self.part(self.apart(site, self.c.device), own)
        hidden = applied(self.first[own], part[..., None]).relu()
        return applied(self.second[own], hidden).permute(2, 0, 1)

    def part(self, apart: Tensor, own: int) -> Float[Tensor, "cells cells"]:
        """Distances from 0 to at most 1."""
        limit = (self.multiplier[own].float() * self.limit()).abs()
        longest = torch.maximum(apart.max(), limit)
        return self.grown(apart, own) / (self.grown(longest, own) + TINY)

    def grown(self, distance: Tensor, own: int) -> Tensor:
        """On a log scale, almost linear where distances are small."""
        return torch.log1p((self.c[own].float() * distance).abs())
