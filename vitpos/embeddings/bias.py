"""Position as a number on the attention logits: what all such strategies share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.shapes import Asked, Bias, Logits


class Biased(PositionEmbedding, ABC):
    """Adds ``bias(site)`` to the logits of cells.

    The switch `prefix` says what happens between cells and prefix tokens: ``zero``, nothing; or
    ``learned``: three free numbers per layer and head, for cells that read a prefix token, prefix
    tokens that read a cell, and prefix tokens among themselves (Bao et al. 2022, BEiT,
    https://arxiv.org/abs/2106.08254).
    """

    def __init__(self, trunk: Trunk, *, prefix: str) -> None:
        super().__init__(trunk)
        if prefix not in ("zero", "learned"):
            raise ValueError(f"prefix is zero or learned, not {prefix!r}")
        own = prefix == "learned" and trunk.prefix
        self.borders = nn.Parameter(torch.zeros(trunk.depth, trunk.heads, 3)) if own else None

    @abstractmethod
    def bias(self, site: Site) -> Bias:
        """One number per head, query cell and key cell, in float32."""

    @final
    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits:
        p, cells = site.prefix, site.grid.cells
        found = self.bias(site)
        if self.borders is None or not p:
            return F.pad(found, (p, 0, p, 0))[None].to(q)
        to, of, among = self.borders[site.layer].float().T[..., None, None]  # [heads, 1, 1]
        top = torch.cat([among.expand(-1, p, p), of.expand(-1, p, cells)], dim=2)
        rest = torch.cat([to.expand(-1, cells, p), found], dim=2)
        return torch.cat([top, rest], dim=1)[None].to(q)

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The bias that a query in the middle adds to every key, per head."""
        return {"map": self.bias(site)[:, site.grid.middle].unflatten(-1, site.grid)}
