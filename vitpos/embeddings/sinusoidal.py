"""Vectors of sines and cosines of coordinates."""

from collections.abc import Mapping

import torch
from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.shapes import Table


class Sinusoidal(Additive):
    """Fixed sines and cosines of row and column (Chen et al. 2021, MoCo v3).

    Channels are ``[sin row, cos row, sin col, cos col]``, a quarter each, with frequencies
    ``temperature ** -(4 k / dim)``; the row comes first on oblong grids too. Vaswani et al. 2017 in
    two dimensions, https://arxiv.org/abs/2104.02057.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        temperature: float,
        coords: str,
        new_grid: str,
        augment: Mapping[str, float],
    ) -> None:
        super().__init__(trunk)
        if trunk.dim % 4:
            raise ValueError(f"sincos2d needs a width divisible by 4, not {trunk.dim}")
        self.coordinates = Coordinates(trunk.grid, coords, new_grid, augment)
        self.frequencies = Constant(temperature ** -(torch.arange(0, trunk.dim, 4) / trunk.dim))

    @override
    def table(self, site: Site) -> Table:
        frequencies: Tensor = self.frequencies()
        places = self.coordinates(site, frequencies.device)
        angles = places[..., None] * frequencies  # [2, cells, dim / 4]
        return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=-1)
