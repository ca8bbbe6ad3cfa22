"""Biases from a table of ranges of offsets: exact nearby, coarser with distance."""

import math
from abc import ABC

import torch
from jaxtyping import Int
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Inside, Site, Trunk
from vitpos.embeddings.bias import Biased, spread
from vitpos.orders import known, numbers
from vitpos.shapes import Asked, Bias


class Bucketed(Biased, ABC):
    """What both share: how offsets are put into buckets, and how logits are scaled.

    Half of the `buckets` are for keys after the query, half for the others. Of each half, one half
    holds one distance each, the other ranges that grow up to the distance `limit`; the last one
    holds all beyond it. Offsets are key minus query. The bucket of distance zero after the query
    stays empty, as in the authors' code.

    T5 does not divide the product of queries and keys by the root of the width of a head: its first
    weights are small enough without. ``scaled: false`` has that, for all tokens.
    """

    def __init__(
        self, trunk: Trunk, *, buckets: int, limit: int, shared: bool, scaled: bool, prefix: str
    ) -> None:
        super().__init__(trunk, prefix=prefix, shared=shared)
        if buckets < 4 or buckets % 4:
            raise ValueError(f"buckets must be a multiple of 4, not {buckets}")
        if limit <= buckets // 4:
            raise ValueError(f"limit must be above {buckets // 4} for {buckets} buckets")
        self.buckets, self.limit, self.scaled = buckets, limit, scaled

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        return (q, k) if self.scaled else (q * self.trunk.head_dim**0.5, k)

    @override
    def inside(self, site: Site) -> Inside:
        gain = 1.0 if self.scaled else self.trunk.head_dim**0.5
        return Inside(gain=gain, bias=self.between(site))

    def bucket(self, offset: Int[Tensor, "*any"]) -> Int[Tensor, "*any"]:
        """The bucket of each offset, key minus query."""
        half = self.buckets // 2
        exact = half // 2
        far = offset.abs()
        # In float32 and in this order, or offsets at the edge of a bucket fall into another one.
        part = torch.log(far.float() / exact) / math.log(self.limit / exact)
        coarse = exact + (part * (half - exact)).clamp(min=0).long()
        return half * (offset > 0) + far.where(far < exact, coarse.clamp(max=half - 1))


class Buckets(Bucketed):
    """A number per bucket of rows plus one per bucket of columns, for every head.

    The buckets are T5's (Raffel et al. 2020, https://arxiv.org/abs/1910.10683), one set per axis as
    in LayoutLMv2 (Xu et al. 2021, https://arxiv.org/abs/2012.14740). With `joint` there is a number
    for each pair of buckets instead of a sum of two. Both papers have one table for all layers.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        buckets: int,
        limit: int,
        joint: bool,
        std: float,
        shared: bool,
        scaled: bool,
        prefix: str,
    ) -> None:
        super().__init__(
            trunk, buckets=buckets, limit=limit, shared=shared, scaled=scaled, prefix=prefix
        )
        self.joint = joint
        shape = (buckets, buckets) if joint else (2, buckets)
        self.weight = nn.Parameter(std * torch.randn(self.layers, trunk.heads, *shape))

    @override
    def bias(self, site: Site) -> Bias:
        table = self.weight[self.own(site)].float()
        rows, cols = (
            self.bucket(-torch.arange(1 - side, side, device=table.device)) for side in site.grid
        )
        if self.joint:
            found = table[:, rows][:, :, cols]
        else:
            found = table[:, 0, rows, None] + table[:, 1, None, cols]
        return spread(found, site.grid)


class SequenceBuckets(Bucketed):
    """T5's bias as published: a number per bucket of steps along the sequence `order`.

    Raffel et al. 2020, https://arxiv.org/abs/1910.10683, in both directions.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        buckets: int,
        limit: int,
        order: str,
        std: float,
        shared: bool,
        scaled: bool,
        prefix: str,
    ) -> None:
        super().__init__(
            trunk, buckets=buckets, limit=limit, shared=shared, scaled=scaled, prefix=prefix
        )
        self.order = known(order)
        self.weight = nn.Parameter(std * torch.randn(self.layers, trunk.heads, buckets))

    @override
    def bias(self, site: Site) -> Bias:
        table = self.weight[self.own(site)].float()
        at = numbers(site.grid, self.order, table.device)
        return table[:, self.bucket(at - at[:, None])]
