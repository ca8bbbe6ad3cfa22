"""Position as a rotation of queries and keys."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Constant, PositionEmbedding, Site, Trunk
from vitpos.shapes import Angles, Heads, Rotors


class Rotary(PositionEmbedding, ABC):
    """Turns queries and keys by `angles`, so that their product sees only the difference.

    Channels 2k and 2k+1 of a head are one pair (Su et al. 2021, https://arxiv.org/abs/2104.09864).
    Prefix tokens are not turned. All arithmetic is float32, whatever the precision of the network.
    """

    def __init__(self, trunk: Trunk, *, new_grid: str) -> None:
        super().__init__(trunk)
        self.new_grid = new_grid

    @abstractmethod
    def angles(self, site: Site) -> Angles:
        """The angle of every pair of channels at every cell, in radians."""

    @final
    @override
    def heads(self, q: Heads, k: Heads, site: Site) -> tuple[Heads, Heads]:
        angles = F.pad(self.angles(site), (0, 0, site.prefix, 0))  # [heads, tokens, head_dim / 2]
        rotors = torch.polar(torch.ones_like(angles), angles)
        return turn(q, rotors), turn(k, rotors)

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """How alike a query in the middle and the same vector elsewhere are, per head."""
        angles = self.angles(site)
        kernel = (angles - angles[:, site.grid.middle, None]).cos().mean(-1)
        return {"map": kernel.unflatten(-1, site.grid)}


def turn(x: Heads, rotors: Rotors) -> Heads:
    """Turn each pair of channels, seen as one complex number."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * rotors).flatten(-2).to(x)


class Axial(Rotary):
    """Half of the pairs turn with the column, half with the row (Heo et al. 2024, RoPE-Axial).

    Frequencies ``theta ** -(4 k / head_dim)`` per patch; https://arxiv.org/abs/2403.13298. Columns
    come first, as in the authors' code.
    """

    def __init__(self, trunk: Trunk, *, theta: float, new_grid: str) -> None:
        super().__init__(trunk, new_grid=new_grid)
        if trunk.head_dim % 4:
            raise ValueError(f"rope2d needs a head width divisible by 4, not {trunk.head_dim}")
        self.frequencies = Constant(theta ** -(torch.arange(0, trunk.head_dim, 4) / trunk.head_dim))

    @override
    def angles(self, site: Site) -> Angles:
        frequencies = self.frequencies()
        rows, cols = site.grid.places(self.trunk.grid, self.new_grid, frequencies.device)
        return torch.cat([cols[:, None] * frequencies, rows[:, None] * frequencies], dim=-1)[None]


class Mixed(Rotary):
    """Every pair of every head and layer learns its own direction (Heo et al. 2024, RoPE-Mixed).

    The angle of a pair is ``row * f_row + col * f_col``. At the start the frequencies of `Axial`
    lie along one random direction per head and layer, and again at a right angle to it.
    """

    def __init__(self, trunk: Trunk, *, theta: float, new_grid: str) -> None:
        super().__init__(trunk, new_grid=new_grid)
        if trunk.head_dim % 4:
            raise ValueError(f"rope_mixed needs a head width divisible by 4, not {trunk.head_dim}")
        magnitude = theta ** -(torch.arange(0, trunk.head_dim, 4) / trunk.head_dim)
        direction = torch.rand(trunk.depth, trunk.heads, 1) * 2 * torch.pi
        right = direction + torch.pi / 2
        col = torch.cat([magnitude * direction.cos(), magnitude * right.cos()], dim=-1)
        row = torch.cat([magnitude * direction.sin(), magnitude * right.sin()], dim=-1)
        self.frequencies = nn.Parameter(torch.stack([row, col]))  # [2, depth, heads, head_dim / 2]

    @override
    def angles(self, site: Site) -> Angles:
        by_row, by_col = self.frequencies[:, site.layer].float()[:, :, None]  # [heads, 1, pairs]
        rows, cols = site.grid.places(self.trunk.grid, self.new_grid, by_row.device)
        return rows[:, None] * by_row + cols[:, None] * by_col
