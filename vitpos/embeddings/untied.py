"""Position that meets position, apart from content."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Inside, PositionEmbedding, Site, Trunk
from vitpos.embeddings.contextual import seen_by_ones
from vitpos.embeddings.resampling import known, resized
from vitpos.shapes import Asked, Bias, Logits


class Untied(PositionEmbedding):
    """Learned vectors of cells have queries and keys of their own (Ke et al. 2021, TUPE).

    https://arxiv.org/abs/2006.15595: the logits are half content and half position, in the sense
    that both are scaled by 1/√(2d); position is the same in all blocks. The switch `prefix`:
    ``learned``, all cells read a prefix token with one learned logit per head, made of a vector of
    its own ("untied from CLS"); ``zero``, with none. Prefix tokens themselves read everything by
    content alone: the paper's second number, which is added to all that CLS reads, changes no
    softmax, and neither does a bias of keys where there is no prefix token, so there are none.
    Another grid gets the vectors resized as an image.
    """

    def __init__(
        self, trunk: Trunk, *, std: float, resample: str, antialias: bool, prefix: str
    ) -> None:
        super().__init__(trunk)
        if prefix not in ("zero", "learned"):
            raise ValueError(f"prefix is zero or learned, not {prefix!r}")
        self.resample, self.antialias = known(resample), antialias
        self.scale = (2 * trunk.head_dim) ** -0.5
        own = int(prefix == "learned" and trunk.prefix > 0)
        self.weight = nn.Parameter(torch.randn(trunk.grid.cells, trunk.dim) * std)
        self.of_prefix = nn.Parameter(torch.randn(1, trunk.dim) * std) if own else None
        self.norm = nn.LayerNorm(trunk.dim)
        self.to_queries, self.to_keys = (
            nn.Parameter(torch.randn(trunk.dim, trunk.dim) * std) for _ in range(2)
        )
        self.query_bias = nn.Parameter(torch.zeros(trunk.dim))
        self.key_bias = nn.Parameter(torch.zeros(trunk.dim)) if own else None

    def vectors(self, site: Site) -> Tensor:
        """Normalised, of cells and then of prefix tokens, in float32."""
        planes = self.weight.T.unflatten(-1, self.trunk.grid.sides)  # [dim, rows, cols]
        planes = resized(planes, *site.grid, resample=self.resample, antialias=self.antialias)
        rows = [planes.flatten(1).T, *([] if self.of_prefix is None else [self.of_prefix.float()])]
        shape, eps = self.norm.normalized_shape, self.norm.eps
        weight, bias = self.norm.weight.float(), self.norm.bias.float()
        return F.layer_norm(torch.cat(rows), shape, weight, bias, eps)

    def bias(self, site: Site) -> Bias:
        """What queries of places say to keys of places, in float32; the last place is a prefix."""
        vectors = self.vectors(site)
        with torch.autocast(vectors.device.type, enabled=False):
            q = vectors @ self.to_queries.float() + self.query_bias.float()
            k = vectors @ self.to_keys.float()
            if self.key_bias is not None:
                k = k + self.key_bias.float()
            q, k = (x.unflatten(-1, (self.trunk.heads, -1)).transpose(0, 1) for x in (q, k))
            return (q * self.scale) @ k.mT

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        return q * 2**-0.5, k

    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits:
        return self.between(site).to(q)

    @override
    def inside(self, site: Site) -> Inside:
        return Inside(gain=2**-0.5, bias=self.between(site))

    def between(self, site: Site) -> Logits:
        """What all tokens say to all others by place alone, in float32."""
        p, cells = site.prefix, site.grid.cells
        found = self.bias(site)
        term = F.pad(found[:, :cells, :cells], (p, 0, p, 0))
        if self.of_prefix is not None and p:
            to_prefix = found[:, cells, cells, None, None].expand(-1, cells, p)
            term = term + F.pad(to_prefix, (0, cells, p, 0))
        return term[None]

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """What a query in the middle adds to every key, per head."""
        return {"map": seen_by_ones(self, site)}
