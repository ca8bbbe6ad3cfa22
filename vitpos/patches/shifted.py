"""Patches that see half of their neighbours."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.patches.base import Reader, cut
from vitpos.shapes import Planes, Tokens


class Shifted(Reader):
    """The image and four copies of it, shifted diagonally by half a patch, read as one.

    Shifted patch tokenization (Lee et al. 2021, Vision Transformer for Small-Size Datasets,
    https://arxiv.org/abs/2112.13492): LayerNorm and one matrix for each patch of all five. What
    comes in over the border is zero, by which patches at the border know where they are. Patches of
    one pixel are not shifted: half of it is none.
    """

    def __init__(self, channels: int, extra: int, size: int, dim: int) -> None:
        super().__init__(channels, extra, size)
        half = size // 2
        self.shifts = [(down, right) for down in (-half, half) for right in (-half, half)]
        self.norm = nn.LayerNorm(5 * self.planes * size * size)
        self.project = nn.Linear(5 * self.planes * size * size, dim)

    @property
    @override
    def reads(self) -> Tensor:
        return self.project.weight

    @override
    def forward(self, x: Planes) -> Tokens:
        self.grid(*x.shape[-2:])
        moved = [F.pad(x, (right, -right, down, -down)) for down, right in self.shifts]
        copies = torch.stack([x, *moved], dim=2).flatten(1, 2)  # all of a plane side by side
        return self.project(self.norm(cut(copies, self.size)))
