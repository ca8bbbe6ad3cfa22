"""Position as a vector per cell, added to the tokens."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Constant, PositionEmbedding, Site, Trunk
from vitpos.grid import Grid
from vitpos.shapes import Table, Tokens


class Additive(PositionEmbedding, ABC):
    """Adds ``table(grid)`` to the cells before each of `layers`; prefix tokens stay as they are."""

    def __init__(self, trunk: Trunk, *, layers: Sequence[int]) -> None:
        super().__init__(trunk)
        if not layers or not set(layers) <= set(range(trunk.depth)):
            raise ValueError(f"layers lie in 0..{trunk.depth - 1}, not {list(layers)}")
        self.layers = frozenset(layers)

    @abstractmethod
    def table(self, grid: Grid) -> Table:
        """One vector for every cell of `grid`, in float32."""

    @final
    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        if site.layer not in self.layers:
            return x
        return x + F.pad(self.table(site.grid), (0, 0, site.prefix, 0)).to(x)

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        return {"table": self.table(site.grid)} if site.layer in self.layers else {}


class Learned(Additive):
    """A free vector per cell, by its place in the sequence (Dosovitskiy et al. 2021).

    The paper's "1-D learned position embedding", https://arxiv.org/abs/2010.11929. Another grid
    gets the table resized as an image, by `resample` (``bicubic`` or ``bilinear``).
    """

    def __init__(
        self, trunk: Trunk, *, layers: Sequence[int], std: float, resample: str, antialias: bool
    ) -> None:
        super().__init__(trunk, layers=layers)
        if resample not in ("bicubic", "bilinear"):
            raise ValueError(f"resample is bicubic or bilinear, not {resample!r}")
        self.resample, self.antialias = resample, antialias
        self.weight = nn.Parameter(torch.empty(trunk.grid.cells, trunk.dim))
        nn.init.trunc_normal_(self.weight, std=std, a=-2 * std, b=2 * std)

    @override
    def table(self, grid: Grid) -> Table:
        if grid == self.trunk.grid:
            return self.weight
        planes = self.weight.float().T.reshape(1, -1, *self.trunk.grid)  # [1, dim, rows, cols]
        planes = F.interpolate(planes, grid, mode=self.resample, antialias=self.antialias)
        return planes.flatten(2)[0].T


class Sinusoidal(Additive):
    """Fixed sines and cosines of row and column (Chen et al. 2021, MoCo v3).

    Channels are ``[sin row, cos row, sin col, cos col]``, a quarter each, with frequencies
    ``temperature ** -(4 k / dim)``; the row comes first on oblong grids too. Vaswani et al. 2017 in
    two dimensions, https://arxiv.org/abs/2104.02057.
    """

    def __init__(
        self, trunk: Trunk, *, layers: Sequence[int], temperature: float, new_grid: str
    ) -> None:
        super().__init__(trunk, layers=layers)
        if trunk.dim % 4:
            raise ValueError(f"sincos2d needs a width divisible by 4, not {trunk.dim}")
        self.new_grid = new_grid
        self.frequencies = Constant(temperature ** -(torch.arange(0, trunk.dim, 4) / trunk.dim))

    @override
    def table(self, grid: Grid) -> Table:
        frequencies = self.frequencies()
        places = grid.places(self.trunk.grid, self.new_grid, frequencies.device)
        angles = places[..., None] * frequencies  # [2, cells, dim / 4]
        return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=-1)
