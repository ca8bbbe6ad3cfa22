"""Free vectors for rows and for columns: a cell has both."""

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Site, Trunk
from vitpos.embeddings.learned import sized
from vitpos.embeddings.resampling import along, places
from vitpos.shapes import Table


class Factorised(Additive):
    """The vector of the row and the vector of the column, added or side by side.

    `join` is ``add`` (Dehghani et al. 2023, NaViT, https://arxiv.org/abs/2307.06304) or ``cat``,
    half of the channels each (the "2-D positional embedding" of Dosovitskiy et al. 2021,
    https://arxiv.org/abs/2010.11929), where `first` are ``rows``, or ``cols`` as in DETR (Carion et
    al. 2020, https://arxiv.org/abs/2005.12872). No cross terms: two cells of a row differ as much
    as the two cells below them.

    The tables have `rows` and `cols` entries, 0 for as many as the trained grid. They are indexed
    on every grid, and go on as they end (``extrapolate``), or are interpolated linearly, each axis
    by itself, over the image (``rescale``), by `align` as in `resampling.places`: with ``start`` by
    NaViT's fractional coordinate ``index / side``. First numbers have the deviation `std`: normal,
    or uniform from zero upwards (DETR: 0 to 1).
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        join: str,
        first: str,
        init: str,
        std: float,
        rows: int,
        cols: int,
        new_grid: str,
        align: str,
    ) -> None:
        super().__init__(trunk)
        if join not in ("add", "cat") or first not in ("rows", "cols"):
            raise ValueError(f"join is add or cat, first is rows or cols, not {join!r}, {first!r}")
        if join == "cat" and trunk.dim % 2:
            raise ValueError(f"half of the channels each need an even width, not {trunk.dim}")
        if init not in ("normal", "uniform"):
            raise ValueError(f"init is normal or uniform, not {init!r}")
        places(1, 1, new_grid=new_grid, align=align, device=torch.device("cpu"))
        self.join, self.first, self.new_grid, self.align = join, first, new_grid, align
        width = trunk.dim if join == "add" else trunk.dim // 2
        size = sized(trunk.grid, rows, cols)
        self.rows, self.cols = (
            nn.Parameter(started(torch.empty(side, width), init, std)) for side in size
        )

    def axis(self, table: Tensor, side: int) -> Tensor:
        """The vectors of an axis with so many cells, [side, width]."""
        at = places(side, len(table), new_grid=self.new_grid, align=self.align, device=table.device)
        return along(table, at)

    @override
    def table(self, site: Site) -> Table:
        rows = self.axis(self.rows, site.grid.rows)[:, None]
        cols = self.axis(self.cols, site.grid.cols)[None]
        if self.join == "add":
            return (rows + cols).flatten(0, 1)
        both = [rows.expand(-1, site.grid.cols, -1), cols.expand(site.grid.rows, -1, -1)]
        return torch.cat(both if self.first == "rows" else both[::-1], dim=-1).flatten(0, 1)


def started(empty: Tensor, init: str, std: float) -> Tensor:
    """First numbers of the deviation `std`: normal around zero, or uniform from zero."""
    if init == "normal":
        return nn.init.normal_(empty, std=std)
    return nn.init.uniform_(empty, 0, std * math.sqrt(12))
