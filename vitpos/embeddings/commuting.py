"""Rotations of whole blocks of channels that see only the difference of places."""

import torch
from torch import nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Trunk
from vitpos.embeddings.lie import exponential, free, skew
from vitpos.embeddings.matrices import Blocks, Matrices, Switches, block_side
from vitpos.shapes import Places


class AxialPartition(Matrices):
    """Blocks of channels turn with the row and with the column in turn (Yu et al. 2025).

    ComRoPE-AP, https://arxiv.org/abs/2506.03737: block ``j`` turns by ``exp(p A)``, where ``p`` is
    the row for even and the column for odd ``j``, and ``A = P - P^T`` of a learned matrix ``P``
    with normal entries of deviation `std`. Of ``P`` only these differences count, so they are
    what is kept: one number for each pair of channels, with a deviation of ``sqrt(2) std``.
    """

    def __init__(
        self, trunk: Trunk, *, block: int | str, std: float, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk, **switches)
        self.side = block_side(block, trunk.head_dim)
        blocks = trunk.head_dim // self.side
        if blocks % 2:
            raise ValueError(f"blocks of {self.side} do not share {trunk.head_dim} channels evenly")
        self.upper = differences(trunk, blocks, self.side, std)

    @override
    def matrices(self, places: Places, layer: int) -> Blocks:
        generators = skew(self.upper[layer].float(), self.side)[:, None]
        axes = places.repeat(generators.shape[2] // 2, 1).T  # [cells, blocks]
        return exponential(axes[..., None, None] * generators)


class LinearlyDependent(Matrices):
    """All places turn a block by multiples of one matrix (Yu et al. 2025).

    ComRoPE-LD, https://arxiv.org/abs/2506.03737: ``exp((row * s + col * t) A)`` with ``A`` as in
    `AxialPartition` and ``s``, ``t`` learned per layer and block, at first standard normal; heads
    share them.
    """

    def __init__(
        self, trunk: Trunk, *, block: int | str, std: float, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk, **switches)
        self.side = block_side(block, trunk.head_dim)
        blocks = trunk.head_dim // self.side
        self.upper = differences(trunk, blocks, self.side, std)
        self.multipliers = nn.Parameter(torch.randn(trunk.depth, 2, blocks))  # of row, of column

    @override
    def matrices(self, places: Places, layer: int) -> Blocks:
        generators = skew(self.upper[layer].float(), self.side)[:, None]
        of_row, of_col = self.multipliers[layer].float()
        rows, cols = places[..., None]
        amount = rows * of_row + cols * of_col  # [cells, blocks]
        return exponential(amount[..., None, None] * generators)


def differences(trunk: Trunk, blocks: int, side: int, std: float) -> nn.Parameter:
    """What lies above the diagonals of ``P - P^T`` at the start."""
    shape = trunk.depth, trunk.heads, blocks, free(side)
    return nn.Parameter(torch.randn(shape) * std * 2**0.5)
