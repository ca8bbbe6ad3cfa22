"""A small convolutional network below the transformer."""

from typing import cast

from torch import Tensor, nn
from typing_extensions import override

from vitpos.patches.base import ChannelNorm, Reader, cut
from vitpos.shapes import Features, Planes, Tokens
from vitpos.sizes import halvings, widths


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, https://arxiv.org/abs/1512.03385)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
            ChannelNorm(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            ChannelNorm(width),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(before, width, 1, stride=stride, bias=False), ChannelNorm(width)
        )

    def forward(self, x: Planes) -> Features:
        return (self.shortcut(x) + self.body(x)).relu()


class Hybrid(Reader):
    """A 3x3 convolution, residual blocks that halve the image, and patches of what they left.

    The hybrid of Dosovitskiy et al. 2021 (https://arxiv.org/abs/2010.11929), with a network for
    small images in the place of its ResNet-50. There is a block for each time that the size of a
    patch can be halved, with twice the channels of the one before; where it is odd, one that halves
    nothing. A patch of features is then one pixel (a 1x1 convolution), or as many as the odd factor
    of its size. Where the authors have group norm there is `ChannelNorm`.
    """

    def __init__(self, channels: int, extra: int, size: int, dim: int) -> None:
        super().__init__(channels, extra, size)
        halved = halvings(size)
        self.rest = size >> halved
        first, *others = widths(dim, 1 + max(1, halved))
        conv = nn.Conv2d(self.planes, first, 3, padding=1, bias=False)
        layers: list[nn.Module] = [conv, ChannelNorm(first), nn.ReLU()]
        for before, width in zip([first, *others], others, strict=False):
            layers.append(Residual(before, width, stride=2 if halved else 1))
        self.layers = nn.Sequential(*layers)
        self.project = nn.Linear(dim * self.rest**2, dim)

    @property
    @override
    def reads(self) -> Tensor:
        return cast(nn.Conv2d, self.layers[0]).weight

    @override
    def forward(self, x: Planes) -> Tokens:
        self.grid(*x.shape[-2:])
        return self.project(cut(self.layers(x), self.rest))
