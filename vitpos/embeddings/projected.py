"""Vectors made of coordinates by layers that learn.

Tables are computed in float32, whatever the precision of the network: `layer` leaves autocast.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.embeddings.fourier import Unit, phases
from vitpos.embeddings.sinusoidal import waves, woven
from vitpos.shapes import Places, Table

Features = Float[Tensor, "cells features"]


def layer(linear: nn.Linear, x: Features) -> Float[Tensor, "cells out"]:
    """A linear layer in float32, under autocast too."""
    with torch.autocast(x.device.type, enabled=False):
        return F.linear(x, linear.weight.float(), linear.bias.float())


class Projected(Additive, ABC):
    """Features of the place of a cell, brought to the width of the network by a linear layer."""

    def __init__(self, trunk: Trunk, width: int, **unit: Unpack[Unit]) -> None:
        super().__init__(trunk)
        self.coordinates = Coordinates(
            trunk.grid, unit["coords"], unit["new_grid"], unit["augment"]
        )
        self.out = nn.Linear(width, trunk.dim)

    @abstractmethod
    def features(self, places: Places) -> Features:
        """What is known of the place of each cell, in float32."""

    @override
    def table(self, site: Site) -> Table:
        return layer(self.out, self.features(self.coordinates(site, self.out.weight.device)))


class Bands(Projected):
    """Row and column, with sines and cosines of bands up to the finest that cells can show.

    Jaegle et al. 2021, Perceiver, https://arxiv.org/abs/2103.03206. Band ``k`` of an axis turns by
    ``pi f_k`` per unit, ``f_k`` in equal steps from 1 to half the cells of the trained grid along
    it. The paper sets the features beside the pixels; tokens already have the width of the network,
    so here a linear layer brings the features to it (the switch `inject` has ``concat``, too).
    """

    def __init__(self, trunk: Trunk, *, bands: int, **unit: Unpack[Unit]) -> None:
        if bands < 1:
            raise ValueError(f"bands is 1 or more, not {bands}")
        super().__init__(trunk, 2 * (2 * bands + 1), **unit)
        steps = [torch.linspace(1.0, side / 2, bands) for side in trunk.grid]
        self.waves = Constant(torch.pi * torch.stack(steps))  # [2, bands]

    @override
    def features(self, places: Places) -> Features:
        found: Tensor = self.waves()
        angles = torch.cat(list(places[..., None] * found[:, None]), dim=-1)  # rows, then columns
        return torch.cat([places.T, angles.sin(), angles.cos()], dim=-1)


class Axes(Projected):
    """A few sines and cosines of row and column, mixed by a linear layer.

    The "Fourier" encoding of XCiT (El-Nouby et al. 2021, https://arxiv.org/abs/2106.09681): DETR's
    normalised table of `hidden` channels per axis and a 1x1 convolution.
    """

    def __init__(
        self, trunk: Trunk, *, hidden: int, temperature: float, **unit: Unpack[Unit]
    ) -> None:
        if hidden < 2 or hidden % 2:
            raise ValueError(f"hidden channels come in pairs of sine and cosine, not {hidden}")
        super().__init__(trunk, 2 * hidden, **unit)
        self.frequencies = Constant(waves(temperature, hidden // 2, "exclusive"))

    @override
    def features(self, places: Places) -> Features:
        frequencies: Tensor = self.frequencies()
        return woven(places[..., None] * frequencies, "row_pairs")


class LearnedFourier(Projected):
    """Fourier features whose waves are learned, through a perceptron.

    Li et al. 2021, https://arxiv.org/abs/2106.02795. `features` channels are
    ``[cos, sin]`` of the place times learned waves, over the root of their number; then a hidden
    layer of `hidden` channels with GELU. Waves start normal with deviation `std` radians per unit.
    The paper's ``gamma ** -2`` is a variance; the package learnable-fourier-positional-encoding
    takes it for a deviation.
    """

    def __init__(
        self, trunk: Trunk, *, features: int, hidden: int, std: float, **unit: Unpack[Unit]
    ) -> None:
        if features < 2 or features % 2:
            raise ValueError(f"features come in pairs of sine and cosine, not {features}")
        if hidden < 1:
            raise ValueError(f"hidden is 1 or more, not {hidden}")
        super().__init__(trunk, hidden, **unit)
        self.scale = features**-0.5
        self.waves = nn.Parameter(torch.empty(2, features // 2))
        nn.init.normal_(self.waves, std=std)
        self.hidden = nn.Linear(features, hidden)

    def fourier(self, places: Places) -> Features:
        """The sines and cosines, before the perceptron."""
        angles = phases(places, self.waves.float())
        return self.scale * torch.cat([angles.cos(), angles.sin()], dim=-1)

    @override
    def features(self, places: Places) -> Features:
        return F.gelu(layer(self.hidden, self.fourier(places)))


class Perceptron(nn.Module):
    """`layers` hidden layers with SiLU, and a linear one."""

    def __init__(self, inputs: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * layers]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(hidden, outputs)

    def forward(self, x: Features) -> Float[Tensor, "cells out"]:
        for linear in cast(list[nn.Linear], list(self.layers)):
            x = F.silu(layer(linear, x))
        return layer(self.out, x)


class CoordinateMLP(Additive):
    """A perceptron of row and column, or the sum of one of rows and one of columns (`axial`).

    The axial one is ContinuousAxialPositionalEmbedding of the package axial-positional-embedding
    (https://github.com/lucidrains/axial-positional-embedding), which counts in indices.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        axial: bool,
        hidden: int,
        hidden_layers: int,
        **unit: Unpack[Unit],
    ) -> None:
        super().__init__(trunk)
        if hidden < 1 or hidden_layers < 1:
            raise ValueError(f"{hidden_layers} hidden layers of {hidden} channels are none")
        if axial not in (True, False):
            raise ValueError(f"axial is true or false, not {axial!r}")
        self.axial = axial
        self.coordinates = Coordinates(
            trunk.grid, unit["coords"], unit["new_grid"], unit["augment"]
        )
        shape = (1, 2) if axial else (2, 1)  # inputs of each, and how many
        self.perceptrons = nn.ModuleList(
            Perceptron(shape[0], hidden, hidden_layers, trunk.dim) for _ in range(shape[1])
        )

    @override
    def table(self, site: Site) -> Table:
        device = next(self.parameters()).device
        places = self.coordinates(site, device)
        inputs = [axis[:, None] for axis in places] if self.axial else [places.T]
        parts = [net(x) for net, x in zip(self.perceptrons, inputs, strict=True)]
        return sum(parts[1:], parts[0])
