"""Biases from a table: one number for each offset."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Site, Trunk
from vitpos.embeddings.bias import Biased, spread
from vitpos.embeddings.geometric import regridded
from vitpos.embeddings.resampling import known, resized
from vitpos.shapes import Bias

EPS = 1e-5  # of LayerNorm


def started(*shape: int, std: float) -> nn.Parameter:
    """Normal numbers, cut off at two deviations; without a deviation, zeros."""
    if std < 0:
        raise ValueError(f"std must not be negative, but is {std}")
    weight = torch.zeros(shape)
    if std:
        nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
    return nn.Parameter(weight)


class RelativeTable(Biased):
    """One free number per offset, head and layer (Liu et al. 2021, Swin Transformer).

    The "relative position bias" of https://arxiv.org/abs/2103.14030 over the whole image; BEiT's
    (https://arxiv.org/abs/2106.08254) is the same from zero, with ``prefix: learned``. Another grid
    gets the table of offsets resized as an image, or with ``resample: geometric`` as in BEiT (see
    `geometric`).
    """

    def __init__(
        self, trunk: Trunk, *, std: float, shared: bool, resample: str, antialias: bool, prefix: str
    ) -> None:
        super().__init__(trunk, prefix=prefix, shared=shared)
        self.resample = resample if resample == "geometric" else known(resample)
        self.antialias = antialias
        rows, cols = (2 * side - 1 for side in trunk.grid)
        self.weight = started(self.layers, trunk.heads, rows, cols, std=std)

    @override
    def bias(self, site: Site) -> Bias:
        return spread(self.numbers(site), site.grid)

    def numbers(self, site: Site) -> Float[Tensor, "heads rows cols"]:
        """One number per head and offset of the grid of these images."""
        table = self.weight[self.own(site)]
        rows, cols = (2 * side - 1 for side in site.grid)
        if self.resample == "geometric":
            return regridded(table, rows, cols)
        return resized(table, rows, cols, resample=self.resample, antialias=self.antialias)


class NormedTable(RelativeTable):
    """A table of offsets whose rows of biases go through a LayerNorm over keys (LaPE).

    Yu et al. 2023, https://arxiv.org/abs/2212.05262 (there "Position Embedding Needs an Independent
    Layer Normalization"), for relative positions. Every key has a gain
    and a shift of its own, in each layer, so that the bias is no longer one of offsets alone.
    Another grid gets the gains and shifts resized as images, like the table.
    """

    def __init__(
        self, trunk: Trunk, *, std: float, shared: bool, resample: str, antialias: bool, prefix: str
    ) -> None:
        super().__init__(
            trunk, std=std, shared=shared, resample=resample, antialias=antialias, prefix=prefix
        )
        self.resample = known(resample)
        self.gain = nn.Parameter(torch.ones(self.layers, *trunk.grid))
        self.shift = nn.Parameter(torch.zeros(self.layers, *trunk.grid))

    @override
    def bias(self, site: Site) -> Bias:
        own, cells = self.own(site), site.grid.cells
        gain, shift = resized(
            torch.stack([self.gain[own], self.shift[own]]),
            *site.grid,
            resample=self.resample,
            antialias=self.antialias,
        )
        return F.layer_norm(super().bias(site), (cells,), gain.flatten(), shift.flatten(), EPS)


class FoldedTable(Biased):
    """One free number per distance in rows and distance in columns (Graham et al. 2021, LeViT).

    The "attention bias" of https://arxiv.org/abs/2104.01136. It has no direction: up is down, left
    is right. Another grid gets the table of distances resized as an image.
    """

    def __init__(
        self, trunk: Trunk, *, std: float, shared: bool, resample: str, antialias: bool, prefix: str
    ) -> None:
        super().__init__(trunk, prefix=prefix, shared=shared)
        self.resample, self.antialias = known(resample), antialias
        self.weight = started(self.layers, trunk.heads, *trunk.grid, std=std)

    @override
    def bias(self, site: Site) -> Bias:
        table = resized(
            self.weight[self.own(site)],
            *site.grid,
            resample=self.resample,
            antialias=self.antialias,
        )
        rows, cols = site.grid.offsets(table.device).abs().unbind(-1)
        numbers = rows * site.grid.cols + cols
        flat = table.flatten(1).index_select(1, numbers.flatten())
        return flat.unflatten(1, numbers.shape)
