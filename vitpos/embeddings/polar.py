"""Position in the angles of queries and keys, content in their lengths alone."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Constant, PositionEmbedding, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.embeddings.matrices import Switches
from vitpos.embeddings.rotary import product, spectrum
from vitpos.shapes import Asked, Heads, Waves

FULL_TURN = 2 * torch.pi


class Polar(PositionEmbedding, ABC):
    """Every channel is a length ``softplus(x)`` at an angle of its place (Gopalakrishnan et al.).

    PoPE, 2025, https://arxiv.org/abs/2509.10534: a query and a key give the sum over channels of
    ``softplus(q) softplus(k) cos(key's angle - query's angle + phase)``, so queries and keys come
    out twice as wide. Phases are learned for each layer, head and channel, from 0 on, and held
    between -2 pi and 0. The references clamp them there, where a phase that has left once never
    learns again; here the gradient passes.

    `prefix`: CLS and registers are at angle 0 (``identity``), or at that of the middle
    (``centre``). Their lengths are softplus too: there is one kind of product.
    """

    widens = narrow = True

    def __init__(self, trunk: Trunk, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk)
        self.prefix = switches["prefix"]
        if self.prefix not in ("identity", "centre"):
            raise ValueError(f"prefix is identity or centre, not {self.prefix!r}")
        self.coordinates = Coordinates(
            trunk.grid, switches["coords"], switches["new_grid"], switches["augment"]
        )
        self.phases = nn.Parameter(torch.zeros(trunk.depth, trunk.heads, trunk.head_dim))

    @abstractmethod
    def waves(self) -> Waves:
        """Radians that each channel turns per unit of row and of column, in float32."""

    def angles(self, site: Site) -> Float[Tensor, "#heads tokens head_dim"]:
        """The angle of every channel at every token, in radians."""
        waves = self.waves()
        places = self.coordinates(site, waves.device)
        angles = product(places, waves)
        if not site.prefix:
            return angles
        middle = places.mean(1, keepdim=True).expand(-1, site.prefix)
        if self.prefix == "identity":
            middle = torch.zeros_like(middle)
        return torch.cat([product(middle, waves), angles], dim=1)

    def phase(self, layer: int) -> Float[Tensor, "heads 1 head_dim"]:
        """How far keys are turned from queries at the same place, in radians."""
        free = self.phases[layer].float()
        held = free + (free.clamp(-FULL_TURN, 0) - free).detach()
        return held[:, None]

    @final
    @override
    def heads(self, q: Heads, k: Heads, site: Site) -> tuple[Asked, Asked]:
        angles = self.angles(site)
        return at(q, angles), at(k, angles + self.phase(site.layer))

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """What keys of equal lengths everywhere give to a query in the middle, per head."""
        cells = site._replace(prefix=0)
        angles = self.angles(cells) + self.phase(site.layer)
        kernel = (angles - self.angles(cells)[:, site.grid.middle, None]).cos().mean(-1)
        return {"map": kernel.unflatten(-1, site.grid)}


def at(x: Heads, angles: Float[Tensor, "#heads tokens head_dim"]) -> Asked:
    """Lengths at angles: all cosines, then all sines, in float32."""
    length = F.softplus(x.float())
    return torch.cat([length * angles.cos(), length * angles.sin()], dim=-1).to(x)


class Axial(Polar):
    """The first half of the channels turns with the column, the second with the row.

    Angles per unit are ``theta ** -(2 k / head_dim)`` for the channels ``k`` of one axis: twice as
    many as a rotation has, as no channel is spent on sines.
    """

    def __init__(self, trunk: Trunk, *, theta: float, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        if trunk.head_dim % 2:
            raise ValueError(f"pope needs an even number of channels, not {trunk.head_dim}")
        own = spectrum(theta, trunk.head_dim // 2)
        none = torch.zeros_like(own)
        waves = torch.stack([torch.cat([none, own]), torch.cat([own, none])])
        self.fixed = Constant(waves[:, None])  # [2, 1, head_dim]

    @override
    def waves(self) -> Waves:
        found: Tensor = self.fixed()
        return found


class Golden(Polar):
    """Every channel of every head turns with a direction of its own.

    Directions fill the circle evenly, by a sequence of low discrepancy (Xiong 2025,
    https://jerryxio.ng/posts/nd-rope): "golden gate". Of the channels of a head, a share of
    `still` does not turn; the angles per unit of the others are from `slowest` to `fastest`, in
    geometric progression.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        slowest: float,
        fastest: float,
        still: float,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk, **switches)
        if not 0 <= still <= 1 or min(slowest, fastest) <= 0:
            raise ValueError(f"no waves from {slowest} to {fastest} with a share of {still} still")
        width = trunk.head_dim
        rest = round(still * width)
        steps = torch.linspace(0, 1, width - rest, dtype=torch.float64)
        speed = torch.cat([torch.zeros(rest), slowest * (fastest / slowest) ** steps])
        waves = directions(trunk.heads * width).unflatten(-1, (trunk.heads, width)) * speed
        self.fixed = Constant(waves)  # [2, heads, head_dim]

    @override
    def waves(self) -> Waves:
        found: Tensor = self.fixed()
        return found


def directions(count: int) -> Float[Tensor, "2 {count}"]:
    """Unit vectors spread evenly over the circle: rows, columns."""
    golden = 2.0
    for _ in range(10):  # as published: close to the root of x ** 3 = x + 1
        golden = (1 + golden) ** (1 / 3)
    step = golden ** -torch.arange(1, 3, dtype=torch.float64)
    uniform = (torch.arange(1, count + 1) * step[:, None]) % 1.0
    return F.normalize(torch.erfinv(2 * uniform - 1), dim=0)
