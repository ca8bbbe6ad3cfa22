"""Patches that overlap."""

from torch import Tensor, nn
from typing_extensions import override

from vitpos.patches.base import Reader, listed
from vitpos.shapes import Planes, Tokens


class Overlap(Reader):
    """A convolution of 2 size - 1 pixels with a stride of `size`, then LayerNorm.

    PVTv2 (Wang et al. 2022, https://arxiv.org/abs/2106.13797), whose 7/4/3 this is for patches of 4
    and whose 3/2/1 for patches of 2; CvT and CCT have the like. What lies outside of the image is
    zero: patches of the first row and column see some of it, and so know where they are.
    """

    def __init__(self, channels: int, extra: int, size: int, dim: int) -> None:
        super().__init__(channels, extra, size)
        self.project = nn.Conv2d(
            self.planes, dim, kernel_size=2 * size - 1, stride=size, padding=size - 1
        )
        self.norm = nn.LayerNorm(dim)

    @property
    @override
    def reads(self) -> Tensor:
        return self.project.weight

    @override
    def forward(self, x: Planes) -> Tokens:
        self.grid(*x.shape[-2:])  # a convolution would read half a patch
        return self.norm(listed(self.project(x)))
