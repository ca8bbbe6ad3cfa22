"""Position from the neighbours of a token."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.shapes import Tokens

Padding = Literal["zeros", "reflect", "replicate", "circular"]


class PEG(PositionEmbedding):
    """A depthwise convolution over the grid, between blocks (Chu et al. 2023, CPVT).

    The "position encoding generator" of https://arxiv.org/abs/2102.10882: ``x + conv(x)`` before
    each of `layers`. Its zero padding is what tells absolute position. Prefix tokens pass by.
    """

    def __init__(
        self, trunk: Trunk, *, layers: Sequence[int], kernel: int, padding_mode: str
    ) -> None:
        super().__init__(trunk)
        if not layers or not set(layers) <= set(range(trunk.depth)):
            raise ValueError(f"layers lie in 0..{trunk.depth - 1}, not {list(layers)}")
        if kernel % 2 == 0:
            raise ValueError(f"the kernel of peg is odd, not {kernel}")
        self.convs = nn.ModuleDict(
            {
                str(layer): nn.Conv2d(
                    trunk.dim,
                    trunk.dim,
                    kernel,
                    padding=kernel // 2,
                    padding_mode=cast(Padding, padding_mode),
                    groups=trunk.dim,
                )
                for layer in sorted(layers)
            }
        )

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        if str(site.layer) not in self.convs:
            return x
        prefix, cells = x[:, : site.prefix], x[:, site.prefix :]
        planes = cells.mT.unflatten(-1, site.grid)  # [batch, dim, rows, cols]
        cells = cells + self.convs[str(site.layer)](planes).flatten(2).mT
        return torch.cat([prefix, cells], dim=1)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The kernels of the first channels."""
        if str(site.layer) not in self.convs:
            return {}
        return {"map": self.convs[str(site.layer)].get_parameter("weight")[:16, 0]}
