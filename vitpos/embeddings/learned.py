"""A free vector for every cell, found in three ways that differ on other grids only.

On the grid it was learned on, each strategy here has one vector per cell and can be any other.
Another grid tells them apart, because they see a cell differently:

====================  =============================================================================
``learned1d``         the table is an image: it is stretched in two dimensions over the new grid
``learned_sequence``  a cell is a number in a sequence of tokens: the sequence is stretched, and
                      where rows become longer, numbers meet other rows and columns than before
``learned2d``         a cell is a pair (row, column): it finds the same vector on every grid
====================  =============================================================================
"""

import torch
from torch import nn
from typing_extensions import override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Site, Trunk
from vitpos.embeddings.resampling import along, known, places, resized
from vitpos.grid import Grid
from vitpos.orders import known as known_order
from vitpos.orders import numbers
from vitpos.shapes import Table


def free(*shape: int, std: float) -> nn.Parameter:
    """Numbers to learn: normal at first, cut at two deviations."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=std, a=-2 * std, b=2 * std))


def sized(trained: Grid, rows: int, cols: int) -> Grid:
    """The size of a table: `rows` x `cols`, where 0 is the trained grid's own."""
    if rows < 0 or cols < 0:
        raise ValueError(f"a table has 0 (as trained) or more rows and columns, not {rows}x{cols}")
    return Grid(rows or trained.rows, cols or trained.cols)


class Learned(Additive):
    """A free vector per cell, in a table that is resized as an image (Dosovitskiy et al. 2021).

    The paper's "1-D learned position embedding", https://arxiv.org/abs/2010.11929: one-dimensional
    because nothing in it knows of rows and columns until another grid gets the table resized.
    """

    def __init__(self, trunk: Trunk, *, std: float, resample: str, antialias: bool) -> None:
        super().__init__(trunk)
        self.resample, self.antialias = known(resample), antialias
        self.weight = free(trunk.grid.cells, trunk.dim, std=std)

    @override
    def table(self, site: Site) -> Table:
        planes = self.weight.T.unflatten(-1, self.trunk.grid.sides)  # [dim, rows, cols]
        planes = resized(planes, *site.grid, resample=self.resample, antialias=self.antialias)
        return planes.flatten(1).T


class Sequence(Additive):
    """A free vector per number in the sequence of tokens, of strictly one dimension.

    How a language model learns positions (Devlin et al. 2019, BERT,
    https://arxiv.org/abs/1810.04805), and what ViT's "1-D" would be if no one ever told it the
    shape of the grid. The sequence goes through the grid by `order`. Another number of cells gets
    the sequence interpolated linearly (``rescale``), or its beginning, the last vector going on
    where it ends (``extrapolate``, as in vit-pytorch). A grid of as many cells but another shape
    gets the same vectors in the same sequence.
    """

    def __init__(self, trunk: Trunk, *, std: float, order: str, new_grid: str) -> None:
        super().__init__(trunk)
        self.order, self.new_grid = known_order(order), new_grid
        self.weight = free(trunk.grid.cells, trunk.dim, std=std)

    @override
    def table(self, site: Site) -> Table:
        device = self.weight.device
        at = places(
            site.grid.cells,
            len(self.weight),
            new_grid=self.new_grid,
            align="middle",
            device=device,
        )
        return along(self.weight, at[numbers(site.grid, self.order, device)])


class Lookup(Additive):
    """A free vector per pair (row, column), in a table of its own size.

    "Learned 2D absolute positional embeddings of size [maxLen, maxLen], indexed with (x, y)", as
    Dehghani et al. 2023 (NaViT, https://arxiv.org/abs/2307.06304) describe them. ``extrapolate``:
    cell (row, column) has entry (row, column) on every grid, and beyond the table that of its edge.
    ``rescale``: the table is resized over the grid, while training too, as in SigLIP 2 (Tschannen
    et al. 2025, https://arxiv.org/abs/2502.14786), whose table has 16 x 16 entries for all images.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        std: float,
        rows: int,
        cols: int,
        new_grid: str,
        resample: str,
        antialias: bool,
    ) -> None:
        super().__init__(trunk)
        if new_grid not in ("extrapolate", "rescale"):
            raise ValueError(f"new_grid is extrapolate or rescale, not {new_grid!r}")
        self.new_grid, self.resample, self.antialias = new_grid, known(resample), antialias
        self.weight = free(trunk.dim, *sized(trunk.grid, rows, cols), std=std)

    @override
    def table(self, site: Site) -> Table:
        if self.new_grid == "rescale":
            planes = resized(
                self.weight, *site.grid, resample=self.resample, antialias=self.antialias
            )
            return planes.flatten(1).T
        row, col = site.grid.indices(self.weight.device).T
        rows, cols = self.weight.shape[1:]
        return self.weight.float()[:, row.clamp(max=rows - 1), col.clamp(max=cols - 1)].T
