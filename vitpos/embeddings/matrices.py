"""Position as an orthogonal matrix for every cell: what all such strategies share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import chain
from typing import TypedDict, final

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import Unpack, override

from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.shapes import Heads, Places

Turn = Callable[[Heads], Heads]  # what queries and keys of all cells are multiplied by
Blocks = Float[Tensor, "#heads cells blocks side side"]  # matrices on the diagonal, per cell


class Switches(TypedDict):
    """What every strategy of this family lets one choose.

    `coords`, `new_grid` and `augment`: see `coordinates`. `prefix`: CLS and registers are not
    turned (``identity``), or turned like a cell in the middle (``centre``).
    """

    coords: str
    new_grid: str
    augment: Mapping[str, float]
    prefix: str


class Turning(PositionEmbedding, ABC):
    """Multiplies queries and keys of every cell by an orthogonal matrix made of its place.

    All arithmetic is float32, outside autocast: products of rounded rotations are no rotations.
    """

    def __init__(self, trunk: Trunk, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk)
        self.prefix = switches["prefix"]
        if self.prefix not in ("identity", "centre"):
            raise ValueError(f"prefix is identity or centre, not {self.prefix!r}")
        self.coordinates = Coordinates(
            trunk.grid, switches["coords"], switches["new_grid"], switches["augment"]
        )

    @abstractmethod
    def turn(self, places: Places, layer: int) -> Turn:
        """How vectors at these places turn, in float32."""

    def places(self, site: Site, device: torch.device) -> Places:
        """Row and column of every cell."""
        return self.coordinates(site, device)

    @final
    @override
    def heads(self, q: Heads, k: Heads, site: Site) -> tuple[Heads, Heads]:
        with torch.autocast(q.device.type, enabled=False):
            places, still = self.places(site, q.device), site.prefix
            if still and self.prefix == "centre":
                middle = places.mean(1, keepdim=True).expand(-1, still)
                places, still = torch.cat([middle, places], dim=1), 0
            turn = self.turn(places, site.layer)
            return turned(q, turn, still), turned(k, turn, still)

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """How alike a vector in the middle and the same elsewhere are on average, per head."""
        width, heads = self.trunk.head_dim, self.trunk.heads
        device = next(x.device for x in chain(self.parameters(), self.buffers()))
        with torch.autocast(device.type, enabled=False):
            turn = self.turn(self.places(site, device), site.layer)
            basis = torch.eye(width, device=device)[:, None, None]
            found = turn(basis.expand(-1, heads, site.grid.cells, -1))
            middle = found[:, :, site.grid.middle, None]
            return {"map": (found * middle).sum((0, -1)).unflatten(-1, site.grid) / width}


class Matrices(Turning):
    """A matrix for every block of channels of a head."""

    @abstractmethod
    def matrices(self, places: Places, layer: int) -> Blocks:
        """The matrices at these places, in float32; channels they do not cover stay."""

    @final
    @override
    def turn(self, places: Places, layer: int) -> Turn:
        matrices = self.matrices(places, layer)
        return lambda x: multiplied(x, matrices)


def turned(x: Heads, turn: Turn, still: int) -> Heads:
    """The vectors turned, but for the first `still` tokens."""
    moved = turn(x[:, :, still:].float()).to(x)
    return torch.cat([x[:, :, :still], moved], dim=2) if still else moved


def multiplied(x: Heads, matrices: Blocks) -> Heads:
    """Each block of channels times its matrix."""
    blocks, side = matrices.shape[-3:-1]
    moving, rest = x[..., : blocks * side], x[..., blocks * side :]
    moved = torch.einsum("hnkij,bhnkj->bhnki", matrices, moving.unflatten(-1, (blocks, side)))
    return torch.cat([moved.flatten(-2), rest], dim=-1) if rest.shape[-1] else moved.flatten(-2)


def block_side(block: int | str, width: int) -> int:
    """Channels of one block: a number that divides `width`, or ``head`` for all of them."""
    side = width if block == "head" else block
    if not isinstance(side, int) or side < 2 or width % side:
        raise ValueError(f"block {block} does not divide a head of {width} channels")
    return side
