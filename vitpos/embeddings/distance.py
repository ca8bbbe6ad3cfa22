"""Biases that are a function of how far apart two cells are."""

from collections.abc import Mapping

import torch
from typing_extensions import override

from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.bias import Biased
from vitpos.embeddings.coordinates import Coordinates
from vitpos.shapes import Bias


class Distance(Biased):
    """Attention falls with Euclidean distance, at a fixed slope per head (ALiBi in two dimensions).

    Press et al. 2022, https://arxiv.org/abs/2108.12409; on a grid: Fuller et al. 2023 (CROMA),
    https://arxiv.org/abs/2311.00566. It has no direction: a mirrored image gets mirrored tokens.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        coords: str,
        new_grid: str,
        augment: Mapping[str, float],
        prefix: str,
    ) -> None:
        super().__init__(trunk, prefix=prefix)
        self.coordinates = Coordinates(trunk.grid, coords, new_grid, augment)
        self.slopes = Constant(torch.tensor(slopes(trunk.heads))[:, None, None])

    @override
    def bias(self, site: Site) -> Bias:
        slopes = self.slopes()
        rows, cols = self.coordinates(site, slopes.device)
        distance = torch.hypot(rows[:, None] - rows, cols[:, None] - cols)
        return -slopes * distance


def slopes(heads: int) -> list[float]:
    """``2 ** (-8 t / heads)``; between powers of two, the rest is borrowed from the next power."""
    power = 2 ** (heads.bit_length() - 1)
    own = [2 ** (-8 * t / power) for t in range(1, power + 1)]
    between = [2 ** (-8 * t / (2 * power)) for t in range(1, 2 * power + 1, 2)]
    return own + between[: heads - power]
