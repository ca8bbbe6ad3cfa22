"""Biases from a table: one number for each offset, or for each group of offsets."""

import torch
from torch import nn
from typing_extensions import override

from vitpos.embeddings.base import Site, Trunk
from vitpos.embeddings.bias import Biased
from vitpos.embeddings.resampling import known, resized
from vitpos.shapes import Bias


class RelativeTable(Biased):
    """One free number per offset, head and layer (Liu et al. 2021, Swin Transformer).

    The "relative position bias" of https://arxiv.org/abs/2103.14030 over the whole image. Another
    grid gets the table of offsets resized as an image. With `shared` all layers have one table.
    """

    def __init__(
        self, trunk: Trunk, *, std: float, shared: bool, resample: str, antialias: bool, prefix: str
    ) -> None:
        super().__init__(trunk, prefix=prefix)
        self.resample, self.antialias = known(resample), antialias
        rows, cols = (2 * side - 1 for side in trunk.grid)
        layers = 1 if shared else trunk.depth
        self.weight = nn.Parameter(torch.empty(layers, trunk.heads, rows, cols))
        nn.init.trunc_normal_(self.weight, std=std, a=-2 * std, b=2 * std)

    @override
    def bias(self, site: Site) -> Bias:
        table = self.weight[site.layer if len(self.weight) > 1 else 0]
        rows, cols = (2 * side - 1 for side in site.grid)
        table = resized(table, rows, cols, resample=self.resample, antialias=self.antialias)
        numbers = site.grid.offset_numbers(table.device)
        flat = table.flatten(1).index_select(1, numbers.flatten())
        return flat.unflatten(1, numbers.shape)
