"""Position as a vector per cell, and the ways to bring it into the network.

A strategy of this family is `Additive`: it has a table of one vector for every cell. `Injected`
brings any of them in, by the switch `inject`:

===============  ================================================================================
``input``        added once, before the first block (Dosovitskiy et al. 2021)
``every_layer``  added before every block, each with a table of its own (their table 8)
``shared``       the same table added before every block (their table 8)
``lape``         through a chain of LayerNorms, one per block, added to what attention reads and
                 never to the residual stream (Yu et al. 2023, https://arxiv.org/abs/2212.05262)
``concat``       tokens and table side by side, projected back to the width, before the first block
``qk``           in every block added to what queries and keys are made of, not to values (Carion
                 et al. 2020, DETR, https://arxiv.org/abs/2005.12872)
===============  ================================================================================

With ``lape`` every norm takes what the norm of the block before left, as in the authors' code. With
``concat`` prefix tokens that have no vector are not projected either.

The switch `prefix` says what CLS and registers get: ``none``, or ``learned``, a free vector each.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import cast, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.shapes import Table, Tokens
from vitpos.switches import INJECT

STREAM = ("input", "every_layer", "shared", "concat")  # those that change the residual stream
PREFIX_STD = 0.02


class Additive(nn.Module, ABC):
    """One vector for every cell of a grid."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    @abstractmethod
    def table(self, site: Site) -> Table:
        """The vectors of the cells of `site.grid`, in float32. Nothing may depend on the layer."""


@final
class Injected(PositionEmbedding):
    """Brings what `make` makes into the network."""

    def __init__(
        self, trunk: Trunk, make: Callable[[], Additive], *, inject: str, prefix: str
    ) -> None:
        super().__init__(trunk)
        if inject not in INJECT:
            raise ValueError(f"inject is one of {', '.join(INJECT)}, not {inject!r}")
        if prefix not in ("none", "learned"):
            raise ValueError(f"prefix is none or learned, not {prefix!r}")
        self.inject = inject
        copies = trunk.depth if inject == "every_layer" else 1
        self.sources = nn.ModuleList(make() for _ in range(copies))
        if inject == "every_layer" and not self.sources.state_dict():
            raise ValueError("every_layer is for tables that are learned or random, not computed")
        slots = trunk.prefix if prefix == "learned" else 0
        self.slots = nn.Parameter(torch.empty(copies, slots, trunk.dim)) if slots else None
        if self.slots is not None:
            nn.init.trunc_normal_(self.slots, std=PREFIX_STD, a=-2 * PREFIX_STD, b=2 * PREFIX_STD)
        norms = trunk.depth if inject == "lape" else 0
        self.norms = nn.ModuleList(nn.LayerNorm(trunk.dim) for _ in range(norms))
        self.mix = nn.Linear(2 * trunk.dim, trunk.dim) if inject == "concat" else None
        if self.mix is not None:
            nn.init.xavier_uniform_(self.mix.weight)  # like all projections of the network
            nn.init.zeros_(self.mix.bias)

    @property
    def source(self) -> Additive:
        """The strategy itself, or its copy for the first block."""
        return cast(Additive, self.sources[0])

    def speaks(self, layer: int) -> bool:
        """Whether anything happens at this block."""
        return layer == 0 or self.inject not in ("input", "concat")

    def vectors(self, site: Site) -> Table:
        """In float32, of the prefix tokens that have a slot and then of all cells."""
        copy = site.layer if self.inject == "every_layer" else 0
        found = cast(Additive, self.sources[copy]).table(site)
        if self.slots is not None:
            found = torch.cat([self.slots[copy, : site.prefix].float(), found])
        for norm in cast(list[nn.LayerNorm], list(self.norms)[: site.layer + 1]):
            found = F.layer_norm(
                found, norm.normalized_shape, norm.weight.float(), norm.bias.float(), norm.eps
            )
        return found

    def added(self, x: Tokens, site: Site) -> Tokens:
        """The tokens with their vectors; a prefix token without a slot stays as it is."""
        found = self.vectors(site)
        silent = x.shape[1] - len(found)
        if self.mix is None:
            return x + F.pad(found, (0, 0, silent, 0)).to(x)
        beside = found.to(x).expand(len(x), -1, -1)
        mixed = self.mix(torch.cat([x[:, silent:], beside], dim=-1))
        return torch.cat([x[:, :silent], mixed], dim=1)

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        return self.added(x, site) if self.inject in STREAM and self.speaks(site.layer) else x

    @override
    def inputs(self, x: Tokens, told: Tokens, site: Site) -> tuple[Tokens, Tokens]:
        if self.inject in STREAM:
            return x, told
        asked = self.added(x, site)
        if self.inject == "qk":
            return asked, told
        return asked, asked if told is x else self.added(told, site)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        if not self.speaks(site.layer):
            return {}
        return {"table": self.vectors(site)[-site.grid.cells :]}
