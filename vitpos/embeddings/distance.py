"""Biases that are a function of how far apart two cells are."""

from abc import ABC
from collections.abc import Mapping
from typing import TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.bias import Biased
from vitpos.embeddings.coordinates import Coordinates
from vitpos.orders import known, numbers
from vitpos.shapes import Bias

NORMS = ("euclidean", "manhattan", "chebyshev")
SLOPES = ("fixed", "learned", "learned_per_layer")


class Switches(TypedDict):
    """What every function of distance lets one choose.

    `norm`: distance as the crow flies (``euclidean``), the sum of rows and columns (``manhattan``)
    or the larger of them (``chebyshev``). `coords`, `new_grid` and `augment`: see `coordinates`;
    `prefix`: see `Biased`.
    """

    norm: str
    coords: str
    new_grid: str
    augment: Mapping[str, float]
    prefix: str


class Distant(Biased, ABC):
    """Knows how far apart cells are. No such bias has a direction: mirrored images look alike."""

    def __init__(
        self,
        trunk: Trunk,
        *,
        norm: str,
        coords: str,
        new_grid: str,
        augment: Mapping[str, float],
        prefix: str,
        shared: bool,
    ) -> None:
        super().__init__(trunk, prefix=prefix, shared=shared)
        if norm not in NORMS:
            raise ValueError(f"norm is one of {', '.join(NORMS)}, not {norm!r}")
        self.norm = norm
        self.coordinates = Coordinates(trunk.grid, coords, new_grid, augment)

    def apart(self, site: Site, device: torch.device) -> Float[Tensor, "cells cells"]:
        """The distance of every two cells, in the unit of the coordinates."""
        places = self.coordinates(site, device)
        rows, cols = (places[:, :, None] - places[:, None, :]).abs()
        match self.norm:
            case "euclidean":
                return torch.hypot(rows, cols)
            case "manhattan":
                return rows + cols
            case _:
                return torch.maximum(rows, cols)


class Distance(Distant):
    """Attention falls with distance, at a slope per head (ALiBi in two dimensions).

    Press et al. 2022, https://arxiv.org/abs/2108.12409; on a grid: Fuller et al. 2023 (CROMA),
    https://arxiv.org/abs/2311.00566. It has no direction: a mirrored image gets mirrored tokens.
    """

    def __init__(self, trunk: Trunk, *, slopes: str, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, shared=False, **switches)
        self.slopes = Slopes(trunk, slopes)

    @override
    def bias(self, site: Site) -> Bias:
        slopes = self.slopes(site.layer)
        return -slopes * self.apart(site, slopes.device)


class SequenceDistance(Biased):
    """ALiBi as published: distance is counted along the sequence, in the switch `order`.

    Press et al. 2022, https://arxiv.org/abs/2108.12409, in both directions. Row by row, the cell
    below is as many steps away as the grid has columns, and on another grid as many as that has.
    """

    def __init__(self, trunk: Trunk, *, order: str, slopes: str, prefix: str) -> None:
        super().__init__(trunk, prefix=prefix)
        self.order = known(order)
        self.slopes = Slopes(trunk, slopes)

    @override
    def bias(self, site: Site) -> Bias:
        slopes = self.slopes(site.layer)
        at = numbers(site.grid, self.order, slopes.device).float()
        return -slopes * (at[:, None] - at).abs()


class Slopes(nn.Module):
    """One slope per head: ``fixed``, ``learned`` from there on, or ``learned_per_layer``."""

    def __init__(self, trunk: Trunk, kind: str) -> None:
        super().__init__()
        if kind not in SLOPES:
            raise ValueError(f"slopes is one of {', '.join(SLOPES)}, not {kind!r}")
        start = torch.tensor(slopes(trunk.heads))[:, None, None]
        layers = trunk.depth if kind == "learned_per_layer" else 1
        self.fixed = Constant(start) if kind == "fixed" else None
        learned = nn.Parameter(start.repeat(layers, 1, 1, 1))
        self.weight = None if kind == "fixed" else learned

    def forward(self, layer: int) -> Float[Tensor, "heads 1 1"]:
        """In float32."""
        if self.weight is not None:
            return self.weight[layer if len(self.weight) > 1 else 0].float()
        assert self.fixed is not None
        return self.fixed()


def slopes(heads: int) -> list[float]:
    """``2 ** (-8 t / heads)``; between powers of two, the rest is borrowed from the next power."""
    power = 2 ** (heads.bit_length() - 1)
    own = [2 ** (-8 * t / power) for t in range(1, power + 1)]
    between = [2 ** (-8 * t / (2 * power)) for t in range(1, 2 * power + 1, 2)]
    return own + between[: heads - power]
