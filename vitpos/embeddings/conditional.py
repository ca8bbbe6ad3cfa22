"""Position from the neighbours of a token, between blocks."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.embeddings.neighbours import Depthwise
from vitpos.shapes import Tokens

MAPS = 16  # kernels that are shown


class PEG(PositionEmbedding):
    """A depthwise convolution over the grid, between blocks (Chu et al. 2023, CPVT).

    The "position encoding generator" of https://arxiv.org/abs/2102.10882: ``x + conv(x)`` before
    each of `layers`, or before every block if that is None. Its zero padding is what tells
    absolute position. Prefix tokens pass by. With `shared` there is one kernel for all blocks, as
    within a stage of CoaT (Xu et al. 2021, https://arxiv.org/abs/2104.06399).
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        layers: Sequence[int] | None,
        kernel: int,
        padding_mode: str,
        shared: bool,
    ) -> None:
        super().__init__(trunk)
        every = range(trunk.depth)
        self.layers = sorted(set(every if layers is None else layers))
        if not self.layers or not set(self.layers) <= set(every):
            raise ValueError(f"layers lie in 0..{trunk.depth - 1}, not {layers}")
        own = self.layers[:1] if shared else self.layers
        self.convs = nn.ModuleDict(
            {str(layer): Depthwise(trunk.dim, kernel, padding_mode) for layer in own}
        )

    def conv(self, layer: int) -> Depthwise:
        """The convolution before this block, which is one of `layers`."""
        own = str(layer) if str(layer) in self.convs else str(self.layers[0])
        return cast(Depthwise, self.convs[own])

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        if site.layer not in self.layers:
            return x
        prefix, cells = x[:, : site.prefix], x[:, site.prefix :]
        cells = cells + self.conv(site.layer).over(cells, site.grid).to(cells)
        return torch.cat([prefix, cells], dim=1)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The kernels of the first channels."""
        if site.layer not in self.layers:
            return {}
        return {"map": self.conv(site.layer).seen(site.grid, MAPS)}
