"""Position as a rotation of queries and keys, by angles that grow with row and column."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypedDict, final

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Inside, PositionEmbedding, Site, Trunk, Turn
from vitpos.embeddings.coordinates import Coordinates
from vitpos.embeddings.stretching import RULES, stretched, temper
from vitpos.grid import Grid
from vitpos.kernels.rotary import turned, unit
from vitpos.shapes import Angles, Heads, Place, Places, Rotors, Spectrum, Turns, Waves
from vitpos.switches import PAIRINGS

PREFIX = ("identity", "centre", "before")


class Switches(TypedDict):
    """What every rotary strategy lets one choose.

    `coords` and `augment`: see `coordinates`; `new_grid`: see `stretching`. `pairing`: channels
    ``2k, 2k + 1`` of a head make a pair (``neighbours``), or ``k, k + d / 2`` (``halves``), or
    ``k, k + d / 4`` within each half of the head (``quarters``, as in Gemma). `fraction`: the share
    of channels that turn, the first ones (partial rotary). `prefix`: CLS and registers are not
    turned (``identity``), turned like a cell in the middle (``centre``, as in ComRoPE), or like one
    a step before the first row and column (``before``).
    """

    coords: str
    new_grid: str
    augment: Mapping[str, float]
    pairing: str
    fraction: float
    prefix: str


class Rotary(PositionEmbedding, ABC):
    """Turns queries and keys, so that their product sees only the difference of places.

    Su et al. 2021, https://arxiv.org/abs/2104.09864. All arithmetic is float32, whatever the
    precision of the network. Values are not turned (`embedding=X+rope_value` is another thing).
    """

    def __init__(self, trunk: Trunk, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk)
        new_grid, self.pairing, self.prefix = (
            switches[key] for key in ("new_grid", "pairing", "prefix")
        )
        for key, value, known in (
            ("new_grid", new_grid, RULES),
            ("pairing", self.pairing, PAIRINGS),
            ("prefix", self.prefix, PREFIX),
        ):
            if value not in known:
                raise ValueError(f"{key} is one of {', '.join(known)}, not {value!r}")
        width = switches["fraction"] * trunk.head_dim
        if not 0 < width <= trunk.head_dim or width % 2:
            raise ValueError(f"fraction {switches['fraction']} of {trunk.head_dim} is not even")
        self.planes = int(width) // 2  # pairs of channels that turn
        if self.pairing == "quarters" and self.planes % 2:
            raise ValueError(f"quarters need an even number of planes, not {self.planes}")
        self.new_grid = new_grid
        fits = "rescale" if new_grid == "pi" else "extrapolate"
        self.coordinates = Coordinates(trunk.grid, switches["coords"], fits, switches["augment"])

    @abstractmethod
    def waves(self, layer: int) -> Waves:
        """Radians that each plane turns per unit of row and of column, in float32."""

    def places(self, site: Site, device: torch.device) -> Places:
        """Row and column of every cell, in the units that `waves` are meant for."""
        return self.coordinates(site, device)

    def sides(self, grid: Grid) -> Grid:
        """How far `grid` reaches along both coordinates."""
        return grid

    def cell(self) -> tuple[float, float]:
        """How large a cell of the trained grid is along both coordinates."""
        row, col = (self.coordinates.affine(axis, self.trunk.grid)[0] for axis in (0, 1))
        return row, col

    @final
    def angles(self, site: Site) -> Angles:
        """The angle of every plane at every cell, in radians."""
        waves = self.waves(site.layer)
        return self.phases(self.places(site, waves.device), self.met(waves, site))

    def phases(self, places: Places, waves: Waves) -> Angles:
        """The angle of every plane at every place; rotations are relative if it is linear."""
        return product(places, waves)

    @final
    def met(self, waves: Waves, site: Site) -> Waves:
        """The waves on the grid of these images."""
        trained, grid = self.sides(self.trunk.grid), self.sides(site.grid)
        return stretched(waves, trained, grid, self.cell(), self.new_grid)

    @final
    @override
    def heads(self, q: Heads, k: Heads, site: Site) -> tuple[Heads, Heads]:
        angles = self.turns(site)
        gain = temper(self.sides(self.trunk.grid), self.sides(site.grid), self.new_grid)
        if gain != 1.0:
            q, k = q * gain, k * gain
        q, k = self.turn((q, k), angles)
        return q, k

    @override
    def inside(self, site: Site) -> Inside | None:
        gain = temper(self.sides(self.trunk.grid), self.sides(site.grid), self.new_grid)
        if gain != 1.0 or type(self).turn is not Rotary.turn:
            return None
        return Inside(turn=Turn(self.turns(site), self.pairing))

    @final
    def turns(self, site: Site) -> Turns:
        """The angle of every plane of every token, prefix tokens first."""
        waves = self.waves(site.layer)
        places, waves = self.places(site, waves.device), self.met(waves, site)
        angles = self.phases(places, waves)
        if site.prefix and self.prefix != "identity":
            lead = places.mean(1) if self.prefix == "centre" else self.before(places, site)
            first = product(lead[:, None], waves).expand(-1, site.prefix, -1)
            return torch.cat([first, angles], dim=1)
        return F.pad(angles, (0, 0, site.prefix, 0))

    @final
    def rotors(self, site: Site) -> Rotors:
        """The same as unit complex numbers."""
        return unit(self.turns(site))

    def before(self, places: Places, site: Site) -> Place:
        """The place one step before the first row and column."""
        rows, cols = site.grid
        down = places[:, cols] if rows > 1 else places[:, 0]
        right = places[:, 1] if cols > 1 else places[:, 0]
        return torch.stack([2 * places[0, 0] - down[0], 2 * places[1, 0] - right[1]])

    def turn(self, xs: Sequence[Heads], turns: Turns, back: bool = False) -> list[Heads]:
        """Turn each pair of channels, or turn it `back`."""
        return turned(xs, turns, self.pairing, back)

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """How alike a query in the middle and the same vector elsewhere are, per head."""
        angles = self.angles(site)
        kernel = (angles - angles[:, site.grid.middle, None]).cos().mean(-1)
        return {"map": kernel.unflatten(-1, site.grid)}


def product(places: Places, waves: Waves) -> Angles:
    """Row times wave of rows plus column times wave of columns."""
    rows, cols = places[..., None]
    by_row, by_col = waves[:, :, None]  # [heads, 1, planes]
    return rows * by_row + cols * by_col


def spectrum(theta: float, planes: int, start: int = 0) -> Spectrum:
    """``theta ** -(k / planes)`` for as many planes, ``k`` counted from `start`."""
    if theta < 1:
        raise ValueError(f"theta is at least 1, not {theta}")
    return theta ** -(torch.arange(start, start + planes) / planes)
