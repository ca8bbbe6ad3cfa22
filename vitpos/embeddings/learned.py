"""Vectors that are learned freely, per cell or per row and column."""

import torch
from torch import nn
from typing_extensions import override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Site, Trunk
from vitpos.embeddings.resampling import known, resized
from vitpos.shapes import Table


class Learned(Additive):
    """A free vector per cell, by its place in the sequence (Dosovitskiy et al. 2021).

    The paper's "1-D learned position embedding", https://arxiv.org/abs/2010.11929. Another grid
    gets the table resized as an image, as in the authors' code.
    """

    def __init__(self, trunk: Trunk, *, std: float, resample: str, antialias: bool) -> None:
        super().__init__(trunk)
        self.resample, self.antialias = known(resample), antialias
        self.weight = nn.Parameter(torch.empty(trunk.grid.cells, trunk.dim))
        nn.init.trunc_normal_(self.weight, std=std, a=-2 * std, b=2 * std)

    @override
    def table(self, site: Site) -> Table:
        planes = self.weight.T.unflatten(-1, self.trunk.grid)  # [dim, rows, cols]
        planes = resized(planes, *site.grid, resample=self.resample, antialias=self.antialias)
        return planes.flatten(1).T
