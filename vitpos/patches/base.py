"""What reads an image, or planes of features, in pieces of a size."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from typing_extensions import override

from vitpos.grid import Grid
from vitpos.shapes import Pieces, Planes, Tokens


class Reader(nn.Module, ABC):
    """Turns every square of `size` x `size` pixels into a token of `dim` channels.

    It gets planes: `channels` of the image, and after them `extra` that a position embedding has
    appended. What the latter are multiplied by is drawn apart (`vitpos.build.draw`), so that all
    weights that read the image are the same with and without them.
    """

    def __init__(self, channels: int, extra: int, size: int) -> None:
        super().__init__()
        self.planes, self.extra, self.size = channels + extra, extra, size

    @property
    @abstractmethod
    def reads(self) -> Tensor:
        """The weight that meets the planes; once flattened, its last inputs are of the extra."""

    def grid(self, height: int, width: int) -> Grid:
        """The grid of an image of so many pixels."""
        return tiles(height, width, self.size)

    @abstractmethod
    def forward(self, x: Planes) -> Tokens:
        """Tokens of all squares, row by row."""


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each pixel of a plane.

    Stems of the literature have batch norm. Its running statistics would be state that no gradient
    moves, other for averaged weights than for those they are averages of; and a norm over the whole
    image would tell every token of all others. This one has no state and looks at one place.
    """

    @override
    def forward(self, input: Planes) -> Planes:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def tiles(height: int, width: int, size: int) -> Grid:
    """The grid of whole patches that covers an image; `ValueError` where there is none."""
    if height < size or width < size or height % size or width % size:
        raise ValueError(f"{height}x{width} pixels are not patches of {size}x{size}")
    return Grid(height // size, width // size)


def cut(x: Planes, size: int) -> Pieces:
    """The numbers of each square, plane by plane; squares row by row."""
    height, width = x.shape[-2:]
    rows, cols = tiles(height, width, size)
    x = x.unflatten(-1, (cols, size)).unflatten(-3, (rows, size))
    x = x.permute(0, 2, 4, 1, 3, 5)  # [batch, rows, cols, planes, size, size]
    return x.flatten(3).flatten(1, 2)


def listed(x: Planes) -> Tokens:
    """The channels of each pixel, pixels row by row."""
    return x.flatten(2).mT
