"""A few convolutions instead of one matrix."""

from typing import cast

from torch import Tensor, nn
from typing_extensions import override

from vitpos.patches.base import ChannelNorm, Reader, listed
from vitpos.shapes import Planes, Tokens
from vitpos.sizes import halvings, widths


class ConvStem(Reader):
    """3x3 convolutions with a stride of 2, each with a norm and a ReLU, then a 1x1 convolution.

    Xiao et al. 2021, Early Convolutions Help Transformers See Better,
    https://arxiv.org/abs/2106.14881. As many as it takes to make a pixel of a patch, so that its
    size must be a power of two; each has twice the channels of the one before. Where the authors
    have batch norm there is `ChannelNorm`.
    """

    def __init__(self, channels: int, extra: int, size: int, dim: int) -> None:
        super().__init__(channels, extra, size)
        if size < 2 or size != 1 << halvings(size):
            raise ValueError(f"a stem that halves the image has patches of 2, 4, 8 ..., not {size}")
        layers: list[nn.Module] = []
        before = self.planes
        for width in widths(dim, halvings(size)):
            conv = nn.Conv2d(before, width, kernel_size=3, stride=2, padding=1, bias=False)
            layers += [conv, ChannelNorm(width), nn.ReLU()]
            before = width
        self.layers = nn.Sequential(*layers)
        self.project = nn.Conv2d(before, dim, kernel_size=1)

    @property
    @override
    def reads(self) -> Tensor:
        return cast(nn.Conv2d, self.layers[0]).weight

    @override
    def forward(self, x: Planes) -> Tokens:
        self.grid(*x.shape[-2:])
        return listed(self.project(self.layers(x)))
