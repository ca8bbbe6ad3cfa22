"""Position as a number on the attention logits: what all such strategies share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Inside, PositionEmbedding, Site, Trunk, inherits
from vitpos.grid import Grid
from vitpos.shapes import Asked, Bias, Logits

# What a key gets that a query must not see: as good as minus infinity, and still a number.
HIDDEN = torch.finfo(torch.bfloat16).min


class Biased(PositionEmbedding, ABC):
    """Adds ``bias(site)`` to the logits of cells.

    The switch `prefix` says what happens between cells and prefix tokens: ``zero``, nothing; or
    ``learned``: three free numbers per layer and head, for cells that read a prefix token, prefix
    tokens that read a cell, and prefix tokens among themselves (Bao et al. 2022, BEiT,
    https://arxiv.org/abs/2106.08254). With `shared` all layers have the same numbers.
    """

    def __init__(self, trunk: Trunk, *, prefix: str, shared: bool = False) -> None:
        super().__init__(trunk)
        if prefix not in ("zero", "learned"):
            raise ValueError(f"prefix is zero or learned, not {prefix!r}")
        self.layers = 1 if shared else trunk.depth  # that have parameters of their own
        own = prefix == "learned" and trunk.prefix
        self.borders = nn.Parameter(torch.zeros(self.layers, trunk.heads, 3)) if own else None

    @abstractmethod
    def bias(self, site: Site) -> Bias:
        """One number per head, query cell and key cell, in float32."""

    @final
    def own(self, site: Site) -> int:
        """Which of the parameters of `layers` layers speak at this one."""
        return site.layer if self.layers > 1 else 0

    @final
    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits:
        return self.between(site).to(q)

    @override
    def inside(self, site: Site) -> Inside | None:
        return Inside(bias=self.between(site)) if inherits(self, "heads") else None

    @final
    def between(self, site: Site) -> Logits:
        """The bias of all pairs of tokens, in float32."""
        p, cells = site.prefix, site.grid.cells
        found = self.bias(site)
        if self.borders is None or not p:
            return F.pad(found, (p, 0, p, 0))[None]
        to, of, among = self.borders[self.own(site)].float().T[..., None, None]  # [heads, 1, 1]
        top = torch.cat([among.expand(-1, p, p), of.expand(-1, p, cells)], dim=2)
        rest = torch.cat([to.expand(-1, cells, p), found], dim=2)
        return torch.cat([top, rest], dim=1)[None]

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The bias that a query in the middle adds to every key, per head.

        Keys that it must not see are one below the lowest that it sees.
        """
        found = self.bias(site)[:, site.grid.middle]
        seen = found > HIDDEN
        lowest = found.where(seen, torch.inf).amin(-1, keepdim=True)
        return {"map": found.where(seen, lowest - 1).unflatten(-1, site.grid)}


def spread(table: Float[Tensor, "heads rows cols"], grid: Grid) -> Bias:
    """Give every pair of cells the number of its offset, query minus key, from a table of all."""
    numbers = grid.offset_numbers(table.device)
    return table.flatten(1).index_select(1, numbers.flatten()).unflatten(1, numbers.shape)
