"""Position from the neighbours of a token, inside attention: a convolution beside what is read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import cast, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Gather, PositionEmbedding, Site, Trunk
from vitpos.embeddings.neighbours import Depthwise, apart, side_by_side
from vitpos.shapes import Heads

MAPS = 16  # kernels that are shown


class Beside(PositionEmbedding, ABC):
    """Adds ``local(...)`` to what the cells read. Prefix tokens get nothing and are not seen."""

    @abstractmethod
    def local(self, v: Heads, gather: Gather, site: Site) -> Heads:
        """What each cell gets of the values of all cells."""

    @override
    @final
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        read = gather(v)
        local = self.local(v[:, :, site.prefix :], gather, site)
        return read + F.pad(local, (0, 0, site.prefix, 0)).to(read)


class LePE(Beside):
    """A depthwise convolution of the values is added to what attention reads of them.

    "Locally enhanced positional encoding" of the CSWin Transformer (Dong et al. 2022,
    https://arxiv.org/abs/2107.00652): ``softmax(q k) v + conv(v)``, with kernels of its own in
    every block. There the border of the convolution is that of a stripe; here, of the image.
    """

    def __init__(self, trunk: Trunk, *, kernel: int, padding_mode: str) -> None:
        super().__init__(trunk)
        self.convs = nn.ModuleList(
            Depthwise(trunk.dim, kernel, padding_mode) for _ in range(trunk.depth)
        )

    def conv(self, layer: int) -> Depthwise:
        """The convolution of this block."""
        return cast(Depthwise, self.convs[layer])

    @override
    def local(self, v: Heads, gather: Gather, site: Site) -> Heads:
        cells = self.conv(site.layer).over(side_by_side(v), site.grid)
        return apart(cells, v.shape[1])

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The kernels of the first channels."""
        return {"map": self.conv(site.layer).seen(site.grid, MAPS)}


class CRPE(Beside):
    """The same, but each query weighs what the convolution says (Xu et al. 2021, CoaT).

    "Convolutional relative position encoding" of https://arxiv.org/abs/2104.06399:
    ``q ⊙ conv(v)`` is added to what attention reads, with queries as they are, not scaled.
    `kernels` are those of the heads, smallest first; with another number of heads the list is
    stretched over them. With `shared` all blocks have the same kernels, as in a stage of CoaT,
    whose attention is another one ("factorized"); the term is the same. `ValueError` if another
    strategy made queries wider than values.
    """

    narrow = True

    def __init__(
        self, trunk: Trunk, *, kernels: Sequence[int], padding_mode: str, shared: bool
    ) -> None:
        super().__init__(trunk)
        if not kernels:
            raise ValueError("kernels is a list of sizes, not an empty one")
        heads = [kernels[head * len(kernels) // trunk.heads] for head in range(trunk.heads)]
        self.groups = [(kernel, len(list(same))) for kernel, same in groupby(heads)]
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                Depthwise(count * trunk.head_dim, kernel, padding_mode)
                for kernel, count in self.groups
            )
            for _ in range(1 if shared else trunk.depth)
        )

    def convs(self, layer: int) -> list[Depthwise]:
        """The convolutions of this block, one for each size."""
        block = self.blocks[layer if len(self.blocks) > 1 else 0]
        return cast(list[Depthwise], list(cast(nn.ModuleList, block)))

    @override
    def local(self, v: Heads, gather: Gather, site: Site) -> Heads:
        q = gather.q[:, :, site.prefix :]
        if q.shape != v.shape:
            raise ValueError(f"crpe needs queries as wide as values: {q.shape[-1]}, {v.shape[-1]}")
        parts = v.split([count for _, count in self.groups], dim=1)
        said = [
            apart(conv.over(side_by_side(part), site.grid), part.shape[1])
            for conv, part in zip(self.convs(site.layer), parts, strict=True)
        ]
        return q * torch.cat(said, dim=1).to(q)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The kernels of the first channel of each size."""
        return {
            "map": torch.cat([conv.seen(site.grid, 1) for conv in self.convs(site.layer)]),
        }
