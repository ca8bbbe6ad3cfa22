"""Rotation by the number of a cell in a sequence: the RoPE of language models."""

from typing import TypedDict

import torch
from typing_extensions import Unpack, override

from vitpos.embeddings.axial import Fixed
from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.rotary import spectrum
from vitpos.grid import Grid
from vitpos.orders import known, numbers
from vitpos.shapes import Place, Places


class Turning(TypedDict):
    """The switches of `Rotary` that mean something without rows and columns."""

    new_grid: str
    pairing: str
    fraction: float
    prefix: str


STEADY = {"shift": 0.0, "jitter": 1.0, "rescale": 1.0, "local": 0.0}


class Sequence(Fixed):
    """Plane ``k`` turns by ``theta ** -(2 k / d)`` from one cell to the next (Su et al. 2021).

    https://arxiv.org/abs/2104.09864. `order` is the sequence; what is below a cell is as far as a
    whole row. Other grids are met as other lengths of the sequence.
    """

    def __init__(
        self, trunk: Trunk, *, theta: float, order: str, **switches: Unpack[Turning]
    ) -> None:
        super().__init__(trunk, coords="index", augment=STEADY, **switches)
        self.order = known(order)
        own = spectrum(theta, self.planes)
        self.fixed = Constant(torch.stack([own, torch.zeros_like(own)])[:, None])

    @override
    def places(self, site: Site, device: torch.device) -> Places:
        number = numbers(site.grid, self.order, device).float()
        if self.new_grid == "pi":
            number = number * (self.trunk.grid.cells / site.grid.cells)
        return torch.stack([number, torch.zeros_like(number)])

    @override
    def sides(self, grid: Grid) -> Grid:
        return Grid(grid.cells, grid.cells)

    @override
    def before(self, places: Places, site: Site) -> Place:
        step = self.trunk.grid.cells / site.grid.cells if self.new_grid == "pi" else 1.0
        return places.new_tensor([-step, 0.0])
