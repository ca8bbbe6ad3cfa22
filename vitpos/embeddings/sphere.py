"""Rotations in space, which depend on their order: position without relativity."""

import torch
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.matrices import Blocks, Matrices, Switches
from vitpos.shapes import Places


class Spherical(Matrices):
    """Triples of channels turn about one axis with the row, then about another with the column.

    Van de Geijn et al. 2025, https://arxiv.org/abs/2511.08368: ``Z(f x) X(f y)``, a yaw by the
    column after a roll by the row, with frequencies ``theta ** -(2 k / triples)``, or `learned`
    ones, two per triple, layer and head, that start there. (The caption of its figure 2 tells of
    the other order.) The two do not commute: logits depend on more than the difference of places.

    Coordinates are counted from the middle of the image and multiplied by pi: with ``corner``
    they run from -pi to pi, on a larger image further to both sides. Channels that do not make
    up a triple, one or two at the end of a head, do not turn; the authors choose other widths.
    """

    def __init__(
        self, trunk: Trunk, *, theta: float, learned: bool, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk, **switches)
        triples = trunk.head_dim // 3
        if not triples:
            raise ValueError(f"rope_spherical needs 3 channels a head, not {trunk.head_dim}")
        own = theta ** -(2 * torch.arange(triples) / triples)
        each = 2, trunk.depth, trunk.heads, 1
        self.fixed = None if learned else Constant(own.expand(2, 1, -1))  # [2, heads, triples]
        self.frequencies = nn.Parameter(own.repeat(*each)) if learned else None

    def waves(self, layer: int) -> Tensor:
        """Radians per unit of row and of column, [2, heads, triples]."""
        if self.frequencies is not None:
            return self.frequencies[:, layer].float()
        assert self.fixed is not None
        found: Tensor = self.fixed()
        return found

    @override
    def places(self, site: Site, device: torch.device) -> Places:
        at_rest = self.coordinates(site._replace(draws=None), device)
        return (self.coordinates(site, device) - at_rest.mean(1, keepdim=True)) * torch.pi

    @override
    def matrices(self, places: Places, layer: int) -> Blocks:
        by_row, by_col = self.waves(layer)[:, :, None]
        rows, cols = places[..., None]
        roll, yaw = rows * by_row, cols * by_col  # [heads, cells, triples]
        sin, cos, s, c = yaw.sin(), yaw.cos(), roll.sin(), roll.cos()
        entries = [cos, -sin * c, sin * s, sin, cos * c, -cos * s, torch.zeros_like(s), s, c]
        return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))
