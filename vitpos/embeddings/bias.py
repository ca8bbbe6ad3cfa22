"""Position as a number on the attention logits."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Constant, PositionEmbedding, Site, Trunk
from vitpos.shapes import Heads, Logits


class Bias(PositionEmbedding, ABC):
    """Adds ``bias(site)`` to the logits; to and from prefix tokens it is zero."""

    @abstractmethod
    def bias(self, site: Site) -> Float[Tensor, "heads cells cells"]:
        """One number per head, query cell and key cell, in float32."""

    @final
    @override
    def logits(self, q: Heads, k: Heads, site: Site) -> Logits:
        return F.pad(self.bias(site), (site.prefix, 0, site.prefix, 0))[None].to(q)

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The bias that a query in the middle adds to every key, per head."""
        return {"map": self.bias(site)[:, site.grid.middle].unflatten(-1, site.grid)}


class RelativeTable(Bias):
    """One free number per offset, head and layer (Liu et al. 2021, Swin Transformer).

    The "relative position bias" of https://arxiv.org/abs/2103.14030 over the whole image. Another
    grid gets the table of offsets resized as an image, by `resample` (``bicubic`` or ``bilinear``).
    """

    def __init__(self, trunk: Trunk, *, std: float, resample: str) -> None:
        super().__init__(trunk)
        if resample not in ("bicubic", "bilinear"):
            raise ValueError(f"resample is bicubic or bilinear, not {resample!r}")
        self.resample = resample
        rows, cols = (2 * side - 1 for side in trunk.grid)
        self.weight = nn.Parameter(torch.empty(trunk.depth, trunk.heads, rows, cols))
        nn.init.trunc_normal_(self.weight, std=std, a=-2 * std, b=2 * std)

    @override
    def bias(self, site: Site) -> Float[Tensor, "heads cells cells"]:
        table = self.weight[site.layer].float()
        if site.grid != self.trunk.grid:
            size = [2 * side - 1 for side in site.grid]
            table = F.interpolate(table[None], size, mode=self.resample)[0]
        numbers = site.grid.offset_numbers(table.device)
        flat = table.flatten(1).index_select(1, numbers.flatten())
        return flat.unflatten(1, numbers.shape)


class Distance(Bias):
    """Attention falls with Euclidean distance, at a fixed slope per head (ALiBi in two dimensions).

    Press et al. 2022, https://arxiv.org/abs/2108.12409; on a grid: Fuller et al. 2023 (CROMA),
    https://arxiv.org/abs/2311.00566. It has no direction: a mirrored image gets mirrored tokens.
    """

    def __init__(self, trunk: Trunk, *, new_grid: str) -> None:
        super().__init__(trunk)
        self.new_grid = new_grid
        self.slopes = Constant(torch.tensor(slopes(trunk.heads))[:, None, None])

    @override
    def bias(self, site: Site) -> Float[Tensor, "heads cells cells"]:
        slopes = self.slopes()
        rows, cols = site.grid.places(self.trunk.grid, self.new_grid, slopes.device)
        distance = torch.hypot(rows[:, None] - rows, cols[:, None] - cols)
        return -slopes * distance


def slopes(heads: int) -> list[float]:
    """``2 ** (-8 t / heads)``; between powers of two, the rest is borrowed from the next power."""
    power = 2 ** (heads.bit_length() - 1)
    own = [2 ** (-8 * t / power) for t in range(1, power + 1)]
    between = [2 ** (-8 * t / (2 * power)) for t in range(1, 2 * power + 1, 2)]
    return own + between[: heads - power]
