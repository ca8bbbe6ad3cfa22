"""Patches that know nothing of each other."""

from torch import Tensor, nn
from typing_extensions import override

from vitpos.patches.base import Reader, cut
from vitpos.shapes import Planes, Tokens


class Linear(Reader):
    """Each patch is flattened and projected by one matrix (Dosovitskiy et al. 2021).

    A convolution whose stride is its size, written as a matrix product.
    https://arxiv.org/abs/2010.11929
    """

    def __init__(self, channels: int, extra: int, size: int, dim: int) -> None:
        super().__init__(channels, extra, size)
        self.project = nn.Linear(self.planes * size * size, dim)

    @property
    @override
    def reads(self) -> Tensor:
        return self.project.weight

    @override
    def forward(self, x: Planes) -> Tokens:
        return self.project(cut(x, self.size))
