"""The rotation of V-JEPA 2 as it was released, which is not a rotation."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.axial import Fixed
from vitpos.embeddings.base import Constant, Trunk
from vitpos.embeddings.rotary import spectrum
from vitpos.kernels.rotary import unit
from vitpos.shapes import Heads, Turns

AXES = 3  # time, row, column


class Mismatched(Fixed):
    """Channels ``2 k, 2 k + 1`` make a pair, but each has the angle of another plane.

    The first third of a head belongs to time and, in an image, stands still; the next third turns
    with the row, the last with the column, what remains is left alone. In each third of ``2 m``
    channels, channel ``c`` gets the angle of plane ``c mod m``, as for pairs ``c, c + m``, but is
    paired with its neighbour. Norms change and logits depend on more than the offset; the authors
    know, and keep it for the sake of the trained weights (Assran et al. 2025,
    https://arxiv.org/abs/2506.09985). A negative control.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        theta: float,
        coords: str,
        new_grid: str,
        augment: dict[str, float],
        prefix: str,
    ) -> None:
        super().__init__(
            trunk,
            coords=coords,
            new_grid=new_grid,
            augment=augment,
            prefix=prefix,
            pairing="neighbours",
            fraction=1.0,
        )
        self.third = trunk.head_dim // AXES // 2  # planes of an axis
        if not self.third:
            raise ValueError(f"three axes need at least 6 channels a head, not {trunk.head_dim}")
        self.planes = AXES * self.third
        own = spectrum(theta, self.third)
        still = torch.zeros_like(own)
        rows, cols = torch.cat([still, own, still]), torch.cat([still, still, own])
        self.fixed = Constant(torch.stack([rows, cols])[:, None])

    @override
    def turn(self, xs: Sequence[Heads], turns: Turns, back: bool = False) -> list[Heads]:
        rotors = unit(turns).conj() if back else unit(turns)
        cos, sin = (self.dealt(part) for part in (rotors.real, rotors.imag))
        return [self.turned(x, cos, sin) for x in xs]

    def turned(self, x: Heads, cos: Tensor, sin: Tensor) -> Heads:
        """Numbers for every channel, and not for every plane."""
        width = 2 * self.planes
        x32 = x[..., :width].float()
        pairs = x32.unflatten(-1, (-1, 2))
        across = torch.stack([-pairs[..., 1], pairs[..., 0]], dim=-1).flatten(-2)
        return torch.cat([(x32 * cos + across * sin).to(x), x[..., width:]], dim=-1)

    def dealt(self, planes: Tensor) -> Tensor:
        """Numbers of planes for channels: those of each third, twice in sequence."""
        thirds = planes.unflatten(-1, (AXES, self.third))
        return torch.cat([thirds, thirds], dim=-1).flatten(-2)
