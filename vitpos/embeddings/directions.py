"""Rotations whose planes look in directions of their own, not only along rows and columns.

The angle of a plane is ``row * wave_row + col * wave_col``: the length of the wave vector says how
fast it turns, its direction along which line.
"""

from math import pi

import torch
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.axial import Fixed, halved
from vitpos.embeddings.base import Constant, Trunk
from vitpos.embeddings.rotary import Rotary, Switches, product, spectrum
from vitpos.shapes import Angles, Directions, Places, Spectrum, Waves


class Learned(Rotary):
    """Every plane of every head and layer learns its own direction and wavelength."""

    frequencies: nn.Parameter  # [2, depth, heads, planes]

    @override
    def waves(self, layer: int) -> Waves:
        return self.frequencies[:, layer].float()


class Mixed(Learned):
    """The frequencies of `Axial`, turned and then free (Heo et al. 2024, RoPE-Mixed).

    They begin along one random direction per head and layer, and again at a right angle to it.
    https://arxiv.org/abs/2403.13298
    """

    def __init__(self, trunk: Trunk, *, theta: float, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        own = spectrum(theta, halved(self.planes))
        self.frequencies = nn.Parameter(rotated(own, trunk.depth, trunk.heads))


class Diagonal(Learned):
    """One progression over all planes, the same along both axes: all begin at 45 degrees.

    What PaPE (Koo Øhrstrøm et al. 2026) compares itself with as RoPE-Mixed. Their code learns the
    reciprocal of the frequencies, here it is the frequencies; the function is the same.
    """

    def __init__(self, trunk: Trunk, *, theta: float, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        shape = (2, trunk.depth, trunk.heads, self.planes)
        self.frequencies = nn.Parameter(spectrum(theta, self.planes).expand(shape).contiguous())


class Scattered(Learned):
    """Frequencies along both axes drawn uniformly from 0 to `highest`.

    What LieRE (Ostmeier et al. 2025) compares itself with as RoPE-Mixed, the same as its own
    strategy with blocks of two channels. https://arxiv.org/abs/2406.10322. Their code turns
    clockwise: the frequencies have the other sign there.
    """

    def __init__(self, trunk: Trunk, *, highest: float, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        shape = (2, trunk.depth, trunk.heads, self.planes)
        self.frequencies = nn.Parameter(torch.rand(shape) * highest)


class Golden(Fixed):
    """Every plane of every head has a direction of its own, spread by the golden ratio's cousin.

    Frequencies rise from `lowest` to `highest` by equal ratios, in radians per unit, the same for
    all heads; a share `still` of planes does not turn (Xiong 2025, golden gate RoPE,
    https://jerryxio.ng/posts/nd-rope; in his code uniform RoPE, which is not `rope_uniform`).
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        lowest: float,
        highest: float,
        still: float,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk, **switches)
        sizes = rising(lowest, highest, self.planes, still)
        found = golden(trunk.heads * self.planes).float().T.unflatten(-1, (trunk.heads, -1))
        self.fixed = Constant(found * sizes)


class Random(Fixed):
    """The same with directions drawn independently and uniformly, as a control for `Golden`."""

    def __init__(
        self,
        trunk: Trunk,
        *,
        lowest: float,
        highest: float,
        still: float,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk, **switches)
        sizes = rising(lowest, highest, self.planes, still)
        angle = torch.rand(trunk.heads, self.planes) * 2 * pi
        self.fixed = Constant(torch.stack([angle.sin(), angle.cos()]) * sizes, saved=True)


class Spiral(Fixed):
    """Planes share a fan of `directions` directions, evenly over half a turn (Liu et al. 2026).

    The first half of the planes turns with the row, turned by ``g * 180 / directions`` degrees, the
    second half with the column, turned as much; `group` planes in sequence share a direction, then
    the next follow, so that each direction has wavelengths of its own. Two directions are `Axial`.

    https://arxiv.org/abs/2602.03227. The released code turns the map of angles as if it were an
    image and repeats its border, so that angles stop growing in the corners of the grid
    (`SpiralAsReleased`); here they are the projections that the paper describes.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        theta: float,
        scale: float,
        directions: int,
        group: int,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk, **switches)
        planes, fan = halved(self.planes), directions // 2
        if directions < 2 or directions % 2 or group < 1 or planes % (fan * group):
            raise ValueError(
                f"{directions} directions by {group} planes do not share {planes} planes an axis"
            )
        own = scale * spectrum(theta, planes)
        angle = torch.arange(planes) // group % fan * (pi / directions)
        by_row = torch.stack([own * angle.cos(), own * angle.sin()])
        by_col = torch.stack([-own * angle.sin(), own * angle.cos()])
        self.fixed = Constant(torch.cat([by_row, by_col], dim=-1)[:, None])


class SpiralAsReleased(Spiral):
    """`Spiral` as its code has it: no angle leaves the range that its axis has on the grid.

    A map of angles is turned around the middle of the grid, and its border is repeated where it
    does not reach. In the corners logits depend on more than the offset.
    """

    @override
    def phases(self, places: Places, waves: Waves) -> Angles:
        low, high = places.amin(1), places.amax(1)
        middle, reach = (low + high) / 2, (high - low) / 2
        size = waves.norm(dim=0)[:, None]  # [heads, 1, planes]
        axis = torch.arange(self.planes, device=places.device) // halved(self.planes)
        limit = size * reach[axis]
        turned = product(places - middle[:, None], waves)
        return turned.clamp(-limit, limit) + size * middle[axis]


def rotated(magnitude: Spectrum, depth: int, heads: int) -> Tensor:
    """Wave vectors [2, depth, heads, planes] along a random direction, and at a right angle."""
    direction = torch.rand(depth, heads, 1) * 2 * pi
    right = direction + pi / 2
    col = torch.cat([magnitude * direction.cos(), magnitude * right.cos()], dim=-1)
    row = torch.cat([magnitude * direction.sin(), magnitude * right.sin()], dim=-1)
    return torch.stack([row, col])


def rising(lowest: float, highest: float, planes: int, still: float) -> Spectrum:
    """Frequencies by equal ratios, both ends included, after a share of zeros."""
    if not (0 < lowest <= highest and 0 <= still <= 1):
        raise ValueError(f"no spectrum from {lowest} to {highest} with {still} of it still")
    zeros = round(still * planes)
    moving = lowest * (highest / lowest) ** torch.linspace(0, 1, planes - zeros)
    return torch.cat([torch.zeros(zeros), moving])


def golden(count: int) -> Directions:
    """Unit vectors that fill the circle evenly, in float64.

    A low-discrepancy sequence in the unit square, made normal and then of length one. Its steps are
    powers of the root of ``x ** 3 = x + 1`` (Roberts 2018, the plastic number), as near to it as
    ten rounds get, which are in the author's code.
    """
    plastic = 2.0
    for _ in range(10):
        plastic = (1 + plastic) ** (1 / 3)
    steps = torch.tensor([1 / plastic, 1 / plastic**2], dtype=torch.float64)
    numbers = torch.arange(1, count + 1, dtype=torch.float64)
    normal = torch.erfinv(2 * (numbers[:, None] * steps).frac() - 1)
    return normal / normal.norm(dim=-1, keepdim=True)
