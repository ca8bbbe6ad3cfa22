"""Rotations of whole blocks of channels, by exponentials of learned antisymmetric matrices."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Trunk
from vitpos.embeddings.matrices import Blocks, Matrices, Switches, block_side
from vitpos.shapes import Places


class LieRE(Matrices):
    """Every block of channels turns by ``exp(row * A + col * B)`` (Ostmeier et al. 2025).

    `A` and `B` are antisymmetric and learned, for each layer, head and block; LieRE,
    https://arxiv.org/abs/2406.10322. Blocks of 2 are RoPE-Mixed. Larger ones do not commute, so
    the product of a query and a key does not depend on the difference of their places alone,
    except along one axis.

    At the start the entries above the diagonal are uniform in ``0 .. scale``. The released code
    keeps whole square matrices of which it reads that triangle, and subtracts one half from all
    entries before it makes them antisymmetric, which cancels; only what counts is kept here. Its
    scale of 2 pi goes with coordinates from 0 to 1; with ``coords: index`` 1 is enough.
    """

    def __init__(
        self, trunk: Trunk, *, block: int | str, scale: float, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk, **switches)
        self.side = block_side(block, trunk.head_dim)
        blocks = trunk.head_dim // self.side
        shape = 2, trunk.depth, trunk.heads, blocks, free(self.side)
        self.upper = nn.Parameter(torch.rand(shape) * scale)

    @override
    def matrices(self, places: Places, layer: int) -> Blocks:
        by_row, by_col = skew(self.upper[:, layer].float(), self.side)[:, :, None]
        rows, cols = places[..., None, None, None]
        return exponential(rows * by_row + cols * by_col)


def free(side: int) -> int:
    """How many numbers an antisymmetric matrix is made of."""
    return side * (side - 1) // 2


def skew(upper: Float[Tensor, "... free"], side: int) -> Float[Tensor, "... {side} {side}"]:
    """The antisymmetric matrix with these numbers above its diagonal, row by row."""
    row, col = torch.triu_indices(side, side, 1, device=upper.device)
    full = upper.new_zeros(*upper.shape[:-1], side, side)
    full[..., row, col] = upper
    return full - full.mT


def exponential(exponent: Float[Tensor, "... side side"]) -> Float[Tensor, "... side side"]:
    """The matrix exponential of antisymmetric matrices: rotations."""
    if exponent.shape[-1] > 2:
        return torch.linalg.matrix_exp(exponent.contiguous())
    angle = exponent[..., 1, 0]
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
