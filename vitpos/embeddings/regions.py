"""Two tables, one that knows where the region is and one that knows where in it the cell is."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Site, Trunk
from vitpos.embeddings.learned import free, sized
from vitpos.embeddings.resampling import known, resized
from vitpos.grid import Grid
from vitpos.shapes import Table

Coarse = Float[Tensor, "dim cells"]


def tiled(grid: Grid, size: int) -> Grid:
    """How many squares of `size` x `size` cells cover a grid; the last ones may stick out."""
    return Grid(-(-grid.rows // size), -(-grid.cols // size))


class Regions(Additive, ABC):
    """A table for the places inside of a square of cells, the same in all, plus a coarse table."""

    def __init__(
        self,
        trunk: Trunk,
        *,
        size: int,
        rows: int,
        cols: int,
        std: float,
        resample: str,
        antialias: bool,
    ) -> None:
        super().__init__(trunk)
        if size < 1:
            raise ValueError(f"the squares have a size of 1 cell or more, not {size}")
        self.size, self.resample, self.antialias = size, known(resample), antialias
        self.coarse = free(trunk.dim, *sized(tiled(trunk.grid, size), rows, cols), std=std)
        self.inside = free(trunk.dim, size, size, std=std)

    @abstractmethod
    def spread(self, site: Site) -> Coarse:
        """What the coarse table says of every cell."""

    def stretched(self, rows: int, cols: int) -> Float[Tensor, "dim rows cols"]:
        """The coarse table in another size."""
        return resized(self.coarse, rows, cols, resample=self.resample, antialias=self.antialias)

    @override
    def table(self, site: Site) -> Table:
        row, col = site.grid.indices(self.inside.device).T % self.size
        return (self.spread(site) + self.inside.float()[:, row, col]).T


class Region(Regions):
    """A free vector per region, plus one per place inside a region: a hierarchy of two levels.

    As in TNT (Han et al. 2021, https://arxiv.org/abs/2103.00112), where places inside of a patch
    share vectors over all patches; here both levels meet in one table, E[y, x] = region[y // size,
    x // size] + inside[y % size, x % size]. Regions keep their size in cells: a new grid has more
    or fewer of them, and their table is resized.
    """

    def __init__(
        self, trunk: Trunk, *, size: int, std: float, resample: str, antialias: bool
    ) -> None:
        super().__init__(
            trunk, size=size, rows=0, cols=0, std=std, resample=resample, antialias=antialias
        )

    @override
    def spread(self, site: Site) -> Coarse:
        row, col = site.grid.indices(self.coarse.device).T // self.size
        return self.stretched(*tiled(site.grid, self.size))[:, row, col]


class WindowAbsolute(Regions):
    """A tile that repeats, plus a coarse table that is stretched smoothly over the image.

    "Absolute win" of Bolya et al. 2023 (https://arxiv.org/abs/2311.05613), used by Hiera and SAM 2:
    the tile has the size of an attention window and is never interpolated, the coarse table always
    is. In a network whose attention sees the whole image, the tile is a pattern like any other.
    """

    @override
    def spread(self, site: Site) -> Coarse:
        return self.stretched(*site.grid).flatten(1)
