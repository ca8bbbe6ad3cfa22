"""Vectors or numbers for groups of offsets: the image relative position encoding (iRPE).

Offsets fall into buckets, near ones each into its own and far ones together. A bucket has a vector
that queries, keys or values meet, or a number that is added to logits. Wu et al. 2021,
https://arxiv.org/abs/2107.14222.
"""

from collections.abc import Iterator, Mapping
from math import log
from typing import Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Axes, Gather, Inside, PositionEmbedding, Site, Trunk
from vitpos.embeddings.contextual import as_wide_as_a_head, seen_by_ones
from vitpos.grid import Grid
from vitpos.shapes import Asked, Heads, Logits, Offsets

Slots = Int[Tensor, "queries keys"]  # which line of a table a pair of tokens has
METHODS = ("euc", "quant", "cross", "product")


def piecewise(distance: Tensor, ratio: float) -> Tensor:
    """The bucket of a signed distance: itself up to `ratio`, then logarithmic, at most 2 `ratio`.

    Equation 18 of the paper with its α, β and γ at 1, 2 and 8 times `ratio`.
    """
    size = distance.abs().float()
    growth = (size.clamp(min=ratio) / ratio).log() / log(8)
    farther = (ratio + growth * ratio).round().clamp(max=int(2 * ratio))
    return (distance.sign() * torch.where(size <= ratio, size, farther)).long()


class Buckets(nn.Module):
    """Lines of a table for pairs of cells; only buckets of the trained grid have a line.

    Offsets of a larger grid whose bucket has none get the line of the nearest bucket below.

    ===========  ==========================================================================
    ``euc``      by Euclidean distance, rounded
    ``quant``    by squared distance: distances that differ never share a bucket by rounding
    ``rows``     by the offset of rows alone, with its sign
    ``cols``     by the offset of columns alone, with its sign
    ``product``  by both, each pair of buckets a line
    ===========  ==========================================================================

    The paper describes ``quant`` as the rank of a distance among all distances; the authors' code,
    and the 51 buckets in the name of their model, are those of squared distances.
    """

    known: Tensor

    def __init__(self, trained: Grid, kind: str, ratio: float) -> None:
        super().__init__()
        self.kind, self.ratio = kind, ratio
        self.reach = [int(piecewise(torch.tensor(side - 1), ratio)) for side in trained]
        here = self.bucket(trained, torch.device("cpu")).unique()
        self.register_buffer("known", here, persistent=False)
        rows, cols = (2 * reach + 1 for reach in self.reach)
        self.lines = rows * cols if kind == "product" else len(here)

    def bucket(self, grid: Grid, device: torch.device) -> Slots:
        """The bucket of every pair of cells; of ``product``, its line."""
        offsets = grid.offsets(device)
        rows, cols = offsets.unbind(-1)
        match self.kind:
            case "euc":
                return piecewise(offsets.square().sum(-1).float().sqrt().round(), self.ratio)
            case "quant":
                return piecewise(offsets.square().sum(-1), self.ratio)
            case "rows":
                return piecewise(rows, self.ratio)
            case "cols":
                return piecewise(cols, self.ratio)
        far_rows, far_cols = self.reach
        row = piecewise(rows, self.ratio).clamp(-far_rows, far_rows) + far_rows
        col = piecewise(cols, self.ratio).clamp(-far_cols, far_cols) + far_cols
        return row * (2 * far_cols + 1) + col

    def forward(self, grid: Grid) -> Slots:
        """The line of every pair of cells of any grid."""
        found = self.bucket(grid, self.known.device)
        if self.kind == "product":
            return found
        return (torch.searchsorted(self.known, found, right=True) - 1).clamp(min=0)


class IRPE(PositionEmbedding):
    """A vector or a number for each bucket of offsets.

    `method` is the kind of bucket: ``euc``, ``quant``, ``product``, or ``cross``, the sum of one
    table for rows and one for columns. `mode` is ``bias``, numbers, or ``contextual``, vectors that
    the tokens named by `which` have: with ``k`` queries look at vectors of keys, with ``q`` keys at
    vectors of queries, with ``v`` values carry them. Queries and keys are scaled by 1/√d before
    they look, unlike those of MViTv2. With `shared` all heads of a block have one table. The switch
    `prefix`: ``learned``, one bucket more for all pairs with a prefix token; ``zero``, none.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        method: str,
        mode: str,
        which: str,
        ratio: float,
        shared: bool,
        prefix: str,
    ) -> None:
        super().__init__(trunk)
        if method not in METHODS:
            raise ValueError(f"method is one of {', '.join(METHODS)}, not {method!r}")
        if mode not in ("contextual", "bias"):
            raise ValueError(f"mode is contextual or bias, not {mode!r}")
        if which not in ("q", "k", "v", "qk", "qv", "kv", "qkv"):
            raise ValueError(f"which is one or more of q, k and v, not {which!r}")
        if mode == "bias" and which != "k":
            raise ValueError(f"with mode bias, which is k, not {which}")
        if ratio < 1:
            raise ValueError(f"ratio is at least 1, not {ratio}")
        if prefix not in ("zero", "learned"):
            raise ValueError(f"prefix is zero or learned, not {prefix!r}")
        self.bias, self.scale = mode == "bias", trunk.head_dim**-0.5
        self.narrow = not self.bias
        self.extra = prefix == "learned" and trunk.prefix > 0
        kinds = ["rows", "cols"] if method == "cross" else [method]
        self.buckets = nn.ModuleDict({kind: Buckets(trunk.grid, kind, ratio) for kind in kinds})
        heads, width = 1 if shared else trunk.heads, [] if self.bias else [trunk.head_dim]
        self.tables = nn.ParameterDict(
            {
                f"{token}_{kind}": torch.zeros(trunk.depth, heads, lines + self.extra, *width)
                for token in which
                for kind, lines in ((kind, self.of(kind).lines) for kind in kinds)
            }
        )

    def of(self, kind: str) -> Buckets:
        """The buckets of this kind."""
        return cast(Buckets, self.buckets[kind])

    def looked_up(
        self, token: Literal["q", "k", "v"], site: Site
    ) -> Iterator[tuple[Float[Tensor, "heads lines ..."], Slots]]:
        """The tables of `token` in this block, each with the lines of all pairs it knows."""
        for kind in self.buckets:
            table = self.tables.get(f"{token}_{kind}")
            if table is not None:
                slots, p = self.of(kind)(site.grid), site.prefix if self.extra else 0
                yield table[site.layer], F.pad(slots, (p, 0, p, 0), value=table.shape[2] - 1)

    def silent(self, site: Site) -> int:
        """Prefix tokens that have no bucket."""
        return 0 if self.extra else site.prefix

    def biases(self, site: Site) -> Logits:
        """The numbers of all buckets, summed, in float32."""
        found = [table.float()[:, slots] for table, slots in self.looked_up("k", site)]
        return sum(found[1:], found[0]).expand(self.trunk.heads, -1, -1)[None]

    def between(self, site: Site) -> Logits:
        """The biases of all pairs of tokens, in float32."""
        p = self.silent(site)
        return F.pad(self.biases(site), (p, 0, p, 0))

    def asked(self, x: Asked, token: Literal["q", "k"], site: Site) -> Logits | None:
        """What every `x` sees in the vectors of `token` at every other place."""
        p = self.silent(site)
        x = as_wide_as_a_head(x, self.trunk)[:, :, p:] * self.scale
        found = []
        for table, slots in self.looked_up(token, site):
            lines = x @ table.to(x).mT  # [batch, heads, tokens, lines]
            found.append(lines.gather(-1, slots.expand(*lines.shape[:2], -1, -1)))
        return F.pad(sum(found[1:], found[0]), (p, 0, p, 0)) if found else None

    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits | None:
        if self.bias:
            return self.between(site).to(q)
        of_keys, of_queries = self.asked(q, "k", site), self.asked(k, "q", site)
        if of_queries is None:
            return of_keys
        return of_queries.mT if of_keys is None else of_keys + of_queries.mT

    @override
    def inside(self, site: Site) -> Inside | None:
        """Vectors of rows and of columns that queries look at; other tables have no axes."""
        asked = {name for name in self.tables if not name.startswith("v")}
        if self.bias:
            return Inside(bias=self.between(site))
        if asked != {"k_rows", "k_cols"} or (self.extra and site.prefix):
            return None
        rows, cols = (self.line(kind, site) for kind in ("rows", "cols"))
        return Inside(axes=Axes(rows, cols, self.scale))

    def line(self, kind: Literal["rows", "cols"], site: Site) -> Offsets:
        """The vector of every offset along an axis, in order."""
        side = getattr(site.grid, kind)
        grid = Grid(side, 1) if kind == "rows" else Grid(1, side)
        slots = self.of(kind)(grid)  # of all pairs of places of one line
        offsets = torch.cat([slots[0].flip(0), slots[1:, 0]])
        return self.tables[f"k_{kind}"][site.layer].float()[:, offsets]

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        read, p = gather(v), self.silent(site)
        for table, slots in self.looked_up("v", site):
            weights = gather.weights()[:, :, p:, p:].to(v)
            vectors = table.to(v)[:, slots]  # [heads, tokens, tokens, head_dim]
            carried = torch.einsum(
                "bhij,hijd->bhid", weights, vectors.expand(v.shape[1], -1, -1, -1)
            )
            read = read + F.pad(carried, (0, 0, p, 0)).to(read)
        return read

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """What a query of ones adds to every key, or the sum of what values carry, per table."""
        if any(name.startswith(("q", "k")) for name in self.tables):
            heads = next(iter(self.tables.values())).shape[1]
            return {"map": seen_by_ones(self, site)[:heads]}
        bare = site._replace(prefix=0)
        tables = [table.float().sum(-1)[:, slots] for table, slots in self.looked_up("v", bare)]
        return {"map": sum(tables[1:], tables[0])[:, site.grid.middle].unflatten(-1, site.grid)}
