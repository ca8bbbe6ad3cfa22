"""How pixels become tokens."""

from torch import nn

from vitpos.grid import Grid
from vitpos.shapes import Planes, Tokens


class Linear(nn.Module):
    """Each patch is flattened and projected by one matrix (Dosovitskiy et al. 2021).

    A convolution whose stride is its size, written as a matrix product.
    """

    def __init__(self, channels: int, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.project = nn.Linear(channels * size * size, dim)

    def grid(self, height: int, width: int) -> Grid:
        """The grid of an image of so many pixels."""
        return tiles(height, width, self.size)

    def forward(self, x: Planes) -> Tokens:
        rows, cols = self.grid(*x.shape[-2:])
        x = x.unflatten(-1, (cols, self.size)).unflatten(-3, (rows, self.size))
        x = x.permute(0, 2, 4, 1, 3, 5)  # [batch, rows, cols, planes, size, size]
        return self.project(x.flatten(3).flatten(1, 2))


def tiles(height: int, width: int, size: int) -> Grid:
    """The grid of whole patches that covers an image; `ValueError` where there is none."""
    if height < size or width < size or height % size or width % size:
        raise ValueError(f"{height}x{width} pixels are not patches of {size}x{size}")
    return Grid(height // size, width // size)
