"""Vectors of sines and cosines along fixed directions that need not be rows or columns."""

from abc import ABC
from collections.abc import Mapping
from typing import Literal, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import Unpack, override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.shapes import Places, Table

First = Literal["sines", "cosines"]


class Unit(TypedDict):
    """How strategies of coordinates count; see `coordinates`."""

    coords: str
    new_grid: str
    augment: Mapping[str, float]


def phases(places: Places, waves: Float[Tensor, "2 waves"]) -> Float[Tensor, "cells waves"]:
    """Row times wave of rows plus column times wave of columns, in radians.

    Not a matrix product, which autocast would round.
    """
    rows, cols = places[..., None]
    return rows * waves[0] + cols * waves[1]


class PlaneWaves(Additive, ABC):
    """Sines and cosines of fixed plane waves, half of the width each."""

    first: First
    waves: Constant  # [2, dim / 2]: radians per unit of row and of column

    def __init__(self, trunk: Trunk, **unit: Unpack[Unit]) -> None:
        super().__init__(trunk)
        if trunk.dim % 2:
            raise ValueError(f"sines and cosines need an even width, not {trunk.dim}")
        self.coordinates = Coordinates(
            trunk.grid, unit["coords"], unit["new_grid"], unit["augment"]
        )

    @override
    def table(self, site: Site) -> Table:
        waves: Tensor = self.waves()
        angles = phases(self.coordinates(site, waves.device), waves)
        parts = [angles.sin(), angles.cos()]
        return torch.cat(parts if self.first == "sines" else parts[::-1], dim=-1)


class Gaussian(PlaneWaves):
    """Random Fourier features: waves of random direction and length, drawn once.

    Tancik et al. 2020, https://arxiv.org/abs/2006.10739, as Kirillov et al. 2023 place images (SAM,
    https://arxiv.org/abs/2304.02643). The waves are ``2 pi G`` with ``G`` normal of deviation
    `sigma`: the larger, the sharper cells are told from their neighbours. ``G`` belongs to the
    state.
    """

    first: First = "sines"

    def __init__(self, trunk: Trunk, *, sigma: float, **unit: Unpack[Unit]) -> None:
        super().__init__(trunk, **unit)
        if sigma < 0:
            raise ValueError(f"sigma is a deviation, not {sigma}")
        self.waves = Constant(2 * torch.pi * sigma * torch.randn(2, trunk.dim // 2), saved=True)


class Cape(PlaneWaves):
    """Plane waves that turn by a radian each and get shorter, moved at random while training.

    "Continuous augmented positional embeddings" (Likhomanenko et al. 2021,
    https://arxiv.org/abs/2106.03143). Wave ``k`` has direction ``k`` radians and ``pi`` times
    ``highest ** (k / (dim / 2 - 1))`` radians per unit, 1 to 10 for images. Without `augment` it is
    a fixed table of sines and cosines; the augmentation is what teaches relative position. The
    paper moves each image on its own; here all images of a batch move alike. Its shift is in units
    of the coordinate, here in halves of the image: the same but for the half cells at the borders.
    """

    first: First = "cosines"

    def __init__(self, trunk: Trunk, *, highest: float, **unit: Unpack[Unit]) -> None:
        super().__init__(trunk, **unit)
        if highest < 1:
            raise ValueError(f"highest is 1 or more, not {highest}")
        count = torch.arange(trunk.dim // 2)
        length = torch.pi * highest ** (count / max(1, len(count) - 1))
        self.waves = Constant(torch.stack([length * count.cos(), length * count.sin()]))
