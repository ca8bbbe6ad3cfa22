"""The grid of patches: how many rows and columns, and where each cell is."""

from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor


class Grid(NamedTuple):
    """Cells in row-major order: cell ``t`` is at row ``t // cols``, column ``t % cols``."""

    rows: int
    cols: int

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return self.rows * self.cols

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns as a plain tuple: torch keeps no compiled graph with a class in it."""
        return self.rows, self.cols

    @property
    def middle(self) -> int:
        """The number of the cell in the middle."""
        return self.rows // 2 * self.cols + self.cols // 2

    def indices(self, device: torch.device) -> Int[Tensor, "cells 2"]:
        """Row and column of every cell, counted from zero."""
        rows = torch.arange(self.rows, device=device)
        cols = torch.arange(self.cols, device=device)
        return torch.cartesian_prod(rows, cols)

    def offsets(self, device: torch.device) -> Int[Tensor, "cells cells 2"]:
        """Rows and columns from key ``j`` to query ``i``: query minus key."""
        at = self.indices(device)
        return at[:, None] - at[None, :]

    def offset_numbers(self, device: torch.device) -> Int[Tensor, "cells cells"]:
        """One number per offset: its place in a table of ``(2 rows - 1) x (2 cols - 1)``."""
        rows, cols = self.offsets(device).unbind(-1)
        return (rows + self.rows - 1) * (2 * self.cols - 1) + cols + self.cols - 1
