"""Vectors for offsets along each axis, that queries ask and values carry.

`AxialVectors` have one vector for each offset between rows, and one for each between columns; a
query looks at both and adds what it sees to its logit::

    logit(i, j) = q_i · k_j / √d  +  q_i · (rows[y_i - y_j] + cols[x_i - x_j])   (/ √d if `scaled`)
    read(i)     = Σ_j α_ij (v_j  +  rows'[y_i - y_j] + cols'[x_i - x_j])         (if `values`)

What the literature made of it differs in a few switches:

===============  ======  ========  ========  ============================
                 `clip`  `values`  `scaled`  `combine`
===============  ======  ========  ========  ============================
Shaw et al.      16      yes       yes       (`SequenceVectors`)
AA-Net, BoTNet   none    no        yes       ``sum``
MViTv2, SAM      none    no        no        ``sum``
===============  ======  ========  ========  ============================

`clip` is the farthest offset that has a vector of its own; beyond it offsets share the outermost.
`combine` is ``sum``, or ``halves``: rows have the first half of the channels, columns the second.
`SequenceVectors` have a single axis, the sequence of the cells.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypedDict, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Axes, Gather, Inside, PositionEmbedding, Site, Trunk
from vitpos.embeddings.resampling import along, places
from vitpos.orders import known, numbers
from vitpos.shapes import Asked, Heads, Logits

Pairs = Float[Tensor, "side side width"]  # a vector for each pair of places along an axis
Between = Float[Tensor, "batch heads cells cells"]  # a number for each pair of cells
OfCells = Float[Tensor, "batch heads cells head_dim"]  # queries or values without prefix tokens


class Switches(TypedDict):
    """What all of them let one choose; see above, and `OffsetVectors`."""

    clip: int | None
    values: bool
    scaled: bool
    std: float
    new_grid: str
    prefix: str


class Vectors(nn.Module):
    """Of each axis, by name, and of pairs with a prefix token, for every block."""

    rows: Tensor
    cols: Tensor
    steps: Tensor

    def __init__(
        self, trunk: Trunk, reach: Mapping[str, int], width: int, std: float, edge: bool
    ) -> None:
        super().__init__()
        if std < 0:
            raise ValueError(f"std is at least 0, not {std}")
        for name, far in reach.items():
            table = torch.randn(trunk.depth, 2 * far + 1, width) * std
            self.register_parameter(name, nn.Parameter(table))
        ends = torch.randn(trunk.depth, trunk.head_dim) * std
        self.edge = nn.Parameter(ends) if edge else None


class OffsetVectors(PositionEmbedding, ABC):
    """A vector for each offset along each of some axes, shared by all heads of a block.

    A table has only the offsets of the trained grid. Another grid is met by `new_grid`:
    ``extrapolate``, its farther offsets share the outermost vector; ``rescale``, the table is
    stretched linearly over its offsets, as in SAM (https://arxiv.org/abs/2304.02643). The switch
    `prefix`: ``zero``, pairs with a prefix token have no vector; ``learned``, one for them all.
    """

    narrow = True

    def __init__(
        self, trunk: Trunk, sides: Mapping[str, int], width: int, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk)
        clip, new_grid, prefix = switches["clip"], switches["new_grid"], switches["prefix"]
        if clip is not None and clip < 1:
            raise ValueError(f"clip is a number of cells or null, not {clip}")
        if new_grid not in ("extrapolate", "rescale"):
            raise ValueError(f"new_grid is extrapolate or rescale, not {new_grid!r}")
        if prefix not in ("zero", "learned"):
            raise ValueError(f"prefix is zero or learned, not {prefix!r}")
        self.new_grid = new_grid
        self.scale = trunk.head_dim**-0.5 if switches["scaled"] else 1.0
        reach = {
            name: side - 1 if clip is None else min(clip, side - 1) for name, side in sides.items()
        }
        std, edge = switches["std"], prefix == "learned" and trunk.prefix > 0
        self.of_keys = Vectors(trunk, reach, width, std, edge)
        self.of_values = Vectors(trunk, reach, width, std, edge) if switches["values"] else None

    @abstractmethod
    def seen(self, q: OfCells, site: Site) -> Between:
        """What the queries of cells see at every cell."""

    @abstractmethod
    def carried(self, shares: Between, v: Heads, site: Site) -> OfCells:
        """The vectors that cells read with these shares of attention, in the precision of `v`."""

    def along(
        self, table: Float[Tensor, "offsets width"], at: Int[Tensor, " side"], trained: int
    ) -> Pairs:
        """The vector of every pair of places `at` an axis, by query minus key."""
        table = self.met(table, len(at), trained)
        reach = len(table) // 2
        offsets = (at[:, None] - at).clamp(-reach, reach) + reach
        return table.index_select(0, offsets.flatten()).unflatten(0, offsets.shape)

    def line(
        self, table: Float[Tensor, "offsets width"], side: int, trained: int
    ) -> Float[Tensor, "steps width"]:
        """The vector of every offset along an axis of `side` cells, in order."""
        table = self.met(table, side, trained)
        reach = len(table) // 2
        return table.index_select(0, far(side, table.device).clamp(-reach, reach) + reach)

    def met(
        self, table: Float[Tensor, "offsets width"], side: int, trained: int
    ) -> Float[Tensor, "known width"]:
        """The table as it is on an axis of `side` cells."""
        reach = len(table) // 2
        if self.new_grid != "rescale" or side == trained:
            return table
        whole = table[far(trained, table.device).clamp(-reach, reach) + reach]
        spots = places(
            2 * side - 1, len(whole), new_grid="rescale", align="middle", device=table.device
        )
        return along(whole, spots)

    @final
    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits:
        p = site.prefix
        q = as_wide_as_a_head(q, self.trunk) * self.scale
        term = self.seen(q[:, :, p:], site)
        if self.of_keys.edge is None or not p:
            return F.pad(term, (p, 0, p, 0)).to(q)
        edge = q @ self.of_keys.edge[site.layer].to(q)[:, None]  # [batch, heads, tokens, 1]
        rest = torch.cat([edge[:, :, p:].expand(-1, -1, -1, p), term], dim=3)
        return torch.cat([edge[:, :, :p].expand(-1, -1, -1, rest.shape[3]), rest], dim=2).to(q)

    @final
    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        read = gather(v)
        if self.of_values is None:
            return read
        p = site.prefix
        weights = gather.weights()[:, :, p:]
        carried = F.pad(self.carried(weights[..., p:], v, site), (0, 0, p, 0))
        if self.of_values.edge is not None and p:
            share = F.pad(weights[..., :p].sum(dim=-1), (p, 0), value=1.0)  # of a prefix token: all
            carried = carried + share[..., None].to(v) * self.of_values.edge[site.layer].to(v)
        return read + carried.to(read)

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """What a query of ones in the middle adds to every key; all heads see the same."""
        return {"map": seen_by_ones(self, site)[:1]}


class AxialVectors(OffsetVectors):
    """Vectors for rows and vectors for columns.

    Shaw et al. 2018, https://arxiv.org/abs/1803.02155, and what images made of it (see above).
    """

    def __init__(self, trunk: Trunk, *, combine: str, **switches: Unpack[Switches]) -> None:
        if combine not in ("sum", "halves"):
            raise ValueError(f"combine is sum or halves, not {combine!r}")
        if combine == "halves" and trunk.head_dim % 2:
            raise ValueError(f"halves need heads of an even width, not {trunk.head_dim}")
        width = trunk.head_dim // 2 if combine == "halves" else trunk.head_dim
        super().__init__(trunk, trunk.grid._asdict(), width, **switches)
        self.halves = combine == "halves"

    def pairs(self, vectors: Vectors, site: Site, like: Tensor) -> list[Tensor]:
        """The vectors of pairs of rows and of pairs of columns, in the precision of `like`."""
        tables = vectors.rows[site.layer], vectors.cols[site.layer]
        at = (torch.arange(side, device=like.device) for side in site.grid)
        return [pairs.to(like) for pairs in map(self.along, tables, at, self.trunk.grid)]

    @override
    def inside(self, site: Site) -> Inside | None:
        edged = self.of_keys.edge is not None and site.prefix
        if edged or type(self).seen is not AxialVectors.seen:
            return None
        by_row, by_col = (
            self.line(table[site.layer].float(), side, trained)
            for table, side, trained in zip(
                (self.of_keys.rows, self.of_keys.cols), site.grid, self.trunk.grid, strict=True
            )
        )
        if self.halves:
            width = by_row.shape[-1]
            by_row, by_col = F.pad(by_row, (0, width)), F.pad(by_col, (width, 0))
        return Inside(axes=Axes(by_row[None], by_col[None], self.scale))

    @override
    def seen(self, q: OfCells, site: Site) -> Between:
        rows, cols = self.pairs(self.of_keys, site, q)
        cells = q.unflatten(2, site.grid.sides)  # [batch, heads, rows, cols, head_dim]
        first, second = cells.chunk(2, dim=-1) if self.halves else (cells, cells)
        to_rows = torch.einsum("bhrcd,rkd->bhrck", first, rows)
        to_cols = torch.einsum("bhrcd,ckd->bhrck", second, cols)
        return (to_rows[..., None] + to_cols[..., None, :]).flatten(4).flatten(2, 3)

    @override
    def carried(self, shares: Between, v: Heads, site: Site) -> OfCells:
        assert self.of_values is not None
        rows, cols = self.pairs(self.of_values, site, v)
        shares = shares.unflatten(3, site.grid.sides).unflatten(2, site.grid.sides)
        of_rows = torch.einsum("bhrck,rkd->bhrcd", shares.sum(dim=-1).to(v), rows)
        of_cols = torch.einsum("bhrck,ckd->bhrcd", shares.sum(dim=-2).to(v), cols)
        both = torch.cat([of_rows, of_cols], dim=-1) if self.halves else of_rows + of_cols
        return both.flatten(2, 3)


class SequenceVectors(OffsetVectors):
    """Shaw's vectors as published: offsets are steps along the sequence `order`.

    Shaw et al. 2018, https://arxiv.org/abs/1803.02155. Other grids are met as other lengths of the
    sequence. Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929 (appendix D.4), have it for
    images: with no clip, and asked by queries only.
    """

    def __init__(self, trunk: Trunk, *, order: str, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, {"steps": trunk.grid.cells}, trunk.head_dim, **switches)
        self.order = known(order)

    def pairs(self, vectors: Vectors, site: Site, like: Tensor) -> Pairs:
        """The vectors of all pairs of cells, in the precision of `like`."""
        at = numbers(site.grid, self.order, like.device)
        return self.along(vectors.steps[site.layer], at, self.trunk.grid.cells).to(like)

    @override
    def seen(self, q: OfCells, site: Site) -> Between:
        return torch.einsum("bhid,ijd->bhij", q, self.pairs(self.of_keys, site, q))

    @override
    def carried(self, shares: Between, v: Heads, site: Site) -> OfCells:
        assert self.of_values is not None
        return torch.einsum("bhij,ijd->bhid", shares.to(v), self.pairs(self.of_values, site, v))


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
