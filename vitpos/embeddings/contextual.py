"""Vectors for offsets along each axis, that queries ask and values carry.

A strategy of this file has one vector for each offset between rows, and one for each between
columns; a query looks at both and adds what it sees to its logit::

    logit(i, j) = q_i · k_j / √d  +  q_i · (rows[y_i - y_j] + cols[x_i - x_j])   (/ √d if `scaled`)
    read(i)     = Σ_j α_ij (v_j  +  rows'[y_i - y_j] + cols'[x_i - x_j])         (if `values`)

What the literature made of it differs in a few switches:

===============  ======  ========  ========  ============================
                 `clip`  `values`  `scaled`  `combine`
===============  ======  ========  ========  ============================
Shaw et al.      16      yes       yes       (of sequences: one axis)
AA-Net, BoTNet   none    no        yes       ``sum``
MViTv2, SAM      none    no        no        ``sum``
===============  ======  ========  ========  ============================

`clip` is the farthest offset that has a vector of its own; beyond it offsets share the outermost.
`combine` is ``sum``, or ``halves``: rows have the first half of the channels, columns the second.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Gather, PositionEmbedding, Site, Trunk
from vitpos.embeddings.resampling import along, places
from vitpos.shapes import Asked, Heads, Logits

Pairs = Float[Tensor, "side side width"]  # a vector for each pair of places along an axis


class Vectors(nn.Module):
    """Of rows, of columns and of pairs with a prefix token, for every block."""

    def __init__(self, trunk: Trunk, reach: list[int], width: int, std: float, edge: bool) -> None:
        super().__init__()
        if std < 0:
            raise ValueError(f"std is at least 0, not {std}")
        rows, cols = (torch.randn(trunk.depth, 2 * far + 1, width) * std for far in reach)
        self.rows, self.cols = nn.Parameter(rows), nn.Parameter(cols)
        ends = torch.randn(trunk.depth, trunk.head_dim) * std
        self.edge = nn.Parameter(ends) if edge else None


class AxialVectors(PositionEmbedding):
    """A vector for each offset along each axis, shared by all heads of a block.

    Shaw et al. 2018, https://arxiv.org/abs/1803.02155, and what images made of it (see above).
    A table has only the offsets of the trained grid. Another grid is met by `new_grid`:
    ``extrapolate``, its farther offsets share the outermost vector; ``rescale``, the table is
    stretched linearly over its offsets, as in SAM (https://arxiv.org/abs/2304.02643). The switch
    `prefix`: ``zero``, pairs with a prefix token have no vector; ``learned``, one for them all.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        clip: int | None,
        combine: str,
        values: bool,
        scaled: bool,
        std: float,
        new_grid: str,
        prefix: str,
    ) -> None:
        super().__init__(trunk)
        if clip is not None and clip < 1:
            raise ValueError(f"clip is a number of cells or null, not {clip}")
        if combine not in ("sum", "halves"):
            raise ValueError(f"combine is sum or halves, not {combine!r}")
        if combine == "halves" and trunk.head_dim % 2:
            raise ValueError(f"halves need heads of an even width, not {trunk.head_dim}")
        if new_grid not in ("extrapolate", "rescale"):
            raise ValueError(f"new_grid is extrapolate or rescale, not {new_grid!r}")
        if prefix not in ("zero", "learned"):
            raise ValueError(f"prefix is zero or learned, not {prefix!r}")
        self.halves, self.new_grid = combine == "halves", new_grid
        self.scale = trunk.head_dim**-0.5 if scaled else 1.0
        reach = [side - 1 if clip is None else min(clip, side - 1) for side in trunk.grid]
        width = trunk.head_dim // 2 if self.halves else trunk.head_dim
        edge = prefix == "learned" and trunk.prefix > 0
        self.of_keys = Vectors(trunk, reach, width, std, edge)
        self.of_values = Vectors(trunk, reach, width, std, edge) if values else None

    def along(self, table: Float[Tensor, "offsets width"], side: int, trained: int) -> Pairs:
        """The vector of every pair of places along an axis, by query minus key."""
        reach, device = len(table) // 2, table.device
        if self.new_grid == "rescale" and side != trained:
            whole = table[far(trained, device).clamp(-reach, reach) + reach]
            at = places(2 * side - 1, len(whole), new_grid="rescale", align="middle", device=device)
            table, reach = along(whole, at), side - 1
        index = torch.arange(side, device=device)
        offsets = (index[:, None] - index).clamp(-reach, reach) + reach
        return table.index_select(0, offsets.flatten()).unflatten(0, offsets.shape)

    def pairs(self, vectors: Vectors, site: Site, like: Tensor) -> list[Tensor]:
        """The same for rows and for columns, in the precision of `like`."""
        tables = vectors.rows[site.layer], vectors.cols[site.layer]
        found = map(self.along, tables, site.grid, self.trunk.grid)
        return [pairs.to(like) for pairs in found]

    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits:
        p = site.prefix
        q = as_wide_as_a_head(q, self.trunk) * self.scale
        rows, cols = self.pairs(self.of_keys, site, q)
        cells = q[:, :, p:].unflatten(2, site.grid)  # [batch, heads, rows, cols, head_dim]
        first, second = cells.chunk(2, dim=-1) if self.halves else (cells, cells)
        to_rows = torch.einsum("bhrcd,rkd->bhrck", first, rows)
        to_cols = torch.einsum("bhrcd,ckd->bhrck", second, cols)
        term = (to_rows[..., None] + to_cols[..., None, :]).flatten(4).flatten(2, 3)
        if self.of_keys.edge is None or not p:
            return F.pad(term, (p, 0, p, 0)).to(q)
        edge = q @ self.of_keys.edge[site.layer].to(q)[:, None]  # [batch, heads, tokens, 1]
        rest = torch.cat([edge[:, :, p:].expand(-1, -1, -1, p), term], dim=3)
        return torch.cat([edge[:, :, :p].expand(-1, -1, -1, rest.shape[3]), rest], dim=2).to(q)

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        read = gather(v)
        if self.of_values is None:
            return read
        p = site.prefix
        rows, cols = self.pairs(self.of_values, site, v)
        weights = gather.weights()[:, :, p:]
        shares = weights[..., p:].unflatten(3, site.grid).unflatten(2, site.grid)
        of_rows = torch.einsum("bhrck,rkd->bhrcd", shares.sum(dim=-1).to(v), rows)
        of_cols = torch.einsum("bhrck,ckd->bhrcd", shares.sum(dim=-2).to(v), cols)
        both = torch.cat([of_rows, of_cols], dim=-1) if self.halves else of_rows + of_cols
        carried = F.pad(both.flatten(2, 3), (0, 0, p, 0))
        if self.of_values.edge is not None and p:
            share = F.pad(weights[..., :p].sum(dim=-1), (p, 0), value=1.0)  # of a prefix token: all
            carried = carried + share[..., None].to(v) * self.of_values.edge[site.layer].to(v)
        return read + carried.to(read)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """What a query of ones in the middle adds to every key; all heads see the same."""
        return {"map": seen_by_ones(self, site)[:1]}


def far(side: int, device: torch.device) -> Tensor:
    """All offsets along an axis, in order."""
    return torch.arange(1 - side, side, device=device)


def as_wide_as_a_head(q: Asked, trunk: Trunk) -> Heads:
    """The queries or keys, if no other strategy made them wider; else `ValueError`."""
    if q.shape[-1] != trunk.head_dim:
        raise ValueError(
            f"vectors of {trunk.head_dim} channels cannot be asked by queries that another"
            f" strategy made {q.shape[-1]} wide"
        )
    return q


def seen_by_ones(strategy: PositionEmbedding, site: Site) -> Float[Tensor, "heads rows cols"]:
    """What a query of ones in the middle, among keys of ones, adds to every cell."""
    trunk, grid = strategy.trunk, site.grid
    weight = next(strategy.parameters())
    ones = torch.ones(1, trunk.heads, grid.cells, trunk.head_dim, device=weight.device)
    said = strategy.logits(ones, ones, site._replace(prefix=0))
    assert said is not None
    return said[0, :, grid.middle].unflatten(-1, grid)
