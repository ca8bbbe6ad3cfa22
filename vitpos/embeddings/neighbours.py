"""Depthwise convolutions over the grid: every channel sees the cells around it, and no other.

What lies beyond the border is the switch `padding_mode`. With ``zeros`` a cell can tell from what
it sees where it is; with the others it cannot, unless content tells it. They are defined on any
grid, also on one that is smaller than the kernel.

=============  =====================================================
``zeros``      nothing
``reflect``    the image in a mirror that stands on the last cell
``replicate``  the last cell, again and again
``circular``   the image from its other side
=============  =====================================================
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from typing_extensions import override

from vitpos.grid import Grid
from vitpos.shapes import Heads, Table, Tokens

PADDING = ("zeros", "reflect", "replicate", "circular")


class Depthwise(nn.Conv2d):
    """One kernel and one bias for each channel; `ValueError` for an even kernel or a new border."""

    def __init__(self, channels: int, kernel: int, border: str) -> None:
        if kernel % 2 == 0 or kernel < 1:
            raise ValueError(f"kernels over the grid are odd, not {kernel}")
        if border not in PADDING:
            raise ValueError(f"padding_mode is one of {', '.join(PADDING)}, not {border!r}")
        reach = kernel // 2
        padding = reach if border == "zeros" else 0
        super().__init__(channels, channels, kernel, padding=padding, groups=channels)
        self.reach, self.border = reach, border

    @override
    def forward(self, planes: Tensor) -> Tensor:
        """Of images [batch, channels, rows, cols], the same size again."""
        if self.border != "zeros":
            rows, cols = (
                beyond(side, self.reach, self.border, planes.device) for side in planes.shape[-2:]
            )
            planes = planes[..., rows[:, None], cols]
        return super().forward(planes)

    def over(self, cells: Tokens, grid: Grid) -> Tokens:
        """The same for the cells of a grid, row by row."""
        return self(cells.mT.unflatten(-1, grid.sides)).flatten(2).mT

    def seen(self, grid: Grid, maps: int) -> Float[Tensor, "maps rows cols"]:
        """The first kernels where the cell in the middle of the grid has them."""
        rows, cols = grid
        row, col = (side // 2 - self.reach for side in grid)
        around = F.pad(self.weight[:maps, 0].float(), (cols, cols, rows, rows))
        return around[:, rows - row : 2 * rows - row, cols - col : 2 * cols - col]


def beyond(side: int, reach: int, border: str, device: torch.device) -> Int[Tensor, " wide"]:
    """The cells that stand along one axis at ``-reach ... side + reach - 1``."""
    at = torch.arange(-reach, side + reach, device=device)
    match border:
        case "circular":
            return at % side
        case "reflect":
            period = max(1, 2 * (side - 1))
            return torch.minimum(at % period, period - at % period)
        case _:
            return at.clamp(0, side - 1)


def side_by_side(heads: Heads) -> Tokens:
    """The channels of all heads together."""
    return heads.transpose(1, 2).flatten(2)


def apart(cells: Tokens, heads: int) -> Heads:
    """The channels of each head on their own."""
    return cells.unflatten(2, (heads, -1)).transpose(1, 2)


def of_cells(table: Table, grid: Grid) -> Tensor:
    """A table as one image [1, dim, rows, cols]."""
    return table.T.unflatten(-1, grid.sides)[None]
