"""Attention that is partly decided by position alone."""

from collections.abc import Mapping
from math import isqrt

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Gather, PositionEmbedding, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.shapes import Bias, Heads, Weights


class Gated(PositionEmbedding):
    """A gate per head mixes attention by content with attention by position (GPSA).

    d'Ascoli et al. 2021, ConViT, https://arxiv.org/abs/2103.10697: a cell reads
    ``(1 - g) softmax(q k) v + g softmax(w · r) v``, where ``r`` is the offset of rows, the offset
    of columns and the square of the distance. Heads begin like the cells of a convolution kernel:
    the first √heads x √heads look each at another neighbour, as sharply as `locality` says; the
    rest begins with small random weights. The `first` blocks have it, the others are plain.
    Prefix tokens read by content alone, and no cell reads them by position. A constant added to
    ``w · r``, which the authors' code has, changes no softmax, so there is none.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        first: int,
        locality: float,
        std: float,
        coords: str,
        new_grid: str,
        augment: Mapping[str, float],
    ) -> None:
        super().__init__(trunk)
        if first < 1:
            raise ValueError(f"first is a number of blocks, not {first}")
        self.coordinates = Coordinates(trunk.grid, coords, new_grid, augment)
        self.gated = min(first, trunk.depth)
        start = torch.empty(self.gated, trunk.heads, 3)
        nn.init.trunc_normal_(start, std=std, a=-2 * std, b=2 * std)
        side = isqrt(trunk.heads)
        start[:, : side * side] = locality * like_a_kernel(side)
        self.weight = nn.Parameter(start)
        self.gates = nn.Parameter(torch.ones(self.gated, trunk.heads))

    def attention(self, site: Site) -> Bias:
        """How much each cell reads of each by position, in float32; rows sum to one."""
        weight = self.weight[site.layer].float()
        at = self.coordinates(site, weight.device)
        rows, cols = at[:, :, None] - at[:, None, :]
        row, col, square = weight.T[..., None, None]  # [heads, 1, 1]
        logits = row * rows + col * cols + square * (rows**2 + cols**2)
        if site.hidden is not None:
            logits = logits.masked_fill(site.hidden[site.prefix :, site.prefix :], -torch.inf)
        return logits.softmax(dim=-1)

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        read = gather(v)
        if site.layer >= self.gated:
            return read
        placed = F.pad(self.attention(site).to(v) @ v[:, :, site.prefix :], (0, 0, site.prefix, 0))
        gates = self.shares(site).to(read)
        return (1 - gates) * read + gates * placed.to(read)

    def shares(self, site: Site) -> Float[Tensor, "heads tokens 1"]:
        """How much each token reads by position: its gate, nothing for prefix tokens."""
        gate = self.gates[site.layer].float().sigmoid()[:, None, None]
        return F.pad(gate.expand(-1, site.grid.cells, -1), (0, 0, site.prefix, 0))

    @override
    def reads(self, weights: Weights, site: Site) -> Weights:
        if site.layer >= self.gated:
            return weights
        gates, p = self.shares(site).to(weights), site.prefix
        return (1 - gates) * weights + gates * F.pad(self.attention(site), (p, 0, p, 0)).to(weights)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """How the cell in the middle reads by position, per head, times its gate."""
        if site.layer >= self.gated:
            return {}
        maps = self.attention(site)[:, site.grid.middle].unflatten(-1, site.grid)
        return {"map": maps * self.gates[site.layer].float().sigmoid()[:, None, None]}


def like_a_kernel(side: int) -> Tensor:
    """Weights of ``side²`` heads whose softmaxes peak at the cells of a kernel, column by column.

    A peak at offset ``c`` (of the key from the query) is the square ``-|r - c|²`` without what all
    keys share; an offset here is query minus key, so that the sign of its weight turns.
    """
    at = torch.arange(side) - (side - 1) / 2
    cols, rows = torch.cartesian_prod(at, at).T
    return torch.stack([-2 * rows, -2 * cols, -torch.ones(side * side)], dim=-1)
