"""STRING: rotations of whole heads that see only the difference of places.

Schenck et al. 2025, "Learning the RoPEs", https://arxiv.org/abs/2502.02562.
"""

import torch
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Constant, Trunk
from vitpos.embeddings.lie import free, skew
from vitpos.embeddings.matrices import Switches, Turn, Turning, block_side
from vitpos.embeddings.rotary import product, spectrum
from vitpos.kernels.rotary import turn
from vitpos.shapes import Places


class Cayley(Turning):
    """Axial rotation in a learned basis of each head: ``P^T RoPE(place) P``.

    ``P = (I - S) (I + S)^-1`` with `S` antisymmetric and learned, as are the frequencies. The
    paper leaves out the last factor ``P^T``, which cancels between queries and keys; with it, CLS
    and registers need no basis. It does not say how `S` starts: here at 0, so that the strategy
    begins as RoPE-Axial with frequencies ``theta ** -(4 k / head_dim)``, columns first.
    """

    narrow = True

    def __init__(self, trunk: Trunk, *, theta: float, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        width, each = trunk.head_dim, (trunk.depth, trunk.heads)
        if width % 4:
            raise ValueError(f"string_cayley needs heads divisible by 4, not of {width} channels")
        own = spectrum(theta, width // 4).repeat(2)  # of columns, of rows
        self.frequencies = nn.Parameter(own.repeat(*each, 1))
        self.upper = nn.Parameter(torch.zeros(*each, free(width)))

    def basis(self, layer: int) -> Tensor:
        """The orthogonal matrix of every head, [heads, head_dim, head_dim]."""
        s = skew(self.upper[layer].float(), self.trunk.head_dim)
        one = torch.eye(s.shape[-1], device=s.device)
        found: Tensor = torch.linalg.solve(one + s, one - s)
        return found

    @override
    def turn(self, places: Places, layer: int) -> Turn:
        basis, frequencies = self.basis(layer), self.frequencies[layer].float()
        by_col, by_row = frequencies.chunk(2, dim=-1)
        none = torch.zeros_like(by_row)
        waves = torch.stack([torch.cat([none, by_row], -1), torch.cat([by_col, none], -1)])
        angles = product(places, waves)
        rotors = torch.polar(torch.ones_like(angles), angles)
        return lambda x: turn(x @ basis.mT, rotors, "neighbours") @ basis


class Circulant(Turning):
    """Turns by ``exp(row * A + col * B)`` with circulant, hence commuting, `A` and `B`.

    ``A = C - C^T`` with a circulant matrix `C` of learned numbers, for each layer, head and block.
    Of `C` only the differences ``c_m - c_(n - m)`` count and are kept, at the start normal with
    deviation `std`; the paper does not say how it starts. Circulant matrices are convolutions:
    the exponential acts by Fourier transform. A transform of `n` channels has about n / 2 angles,
    of which the constant one never turns, nor does the alternating one.
    """

    def __init__(
        self, trunk: Trunk, *, block: int | str, std: float, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk, **switches)
        self.side = block_side(block, trunk.head_dim)
        if self.side < 3:
            raise ValueError(f"a circulant block of {self.side} channels cannot turn")
        steps = torch.arange(1, (self.side + 1) // 2)
        waves = torch.arange(self.side // 2 + 1)
        phases = torch.outer(steps, waves).double() * 2 * torch.pi / self.side
        self.sines = Constant(-2 * phases.sin())  # eigenvalues of one step, over i
        shape = 2, trunk.depth, trunk.heads, trunk.head_dim // self.side, len(steps)
        self.steps = nn.Parameter(torch.randn(shape) * std)

    @override
    def turn(self, places: Places, layer: int) -> Turn:
        by_row, by_col = (self.steps[:, layer].float() @ self.sines())[:, :, None]
        rows, cols = places[..., None, None]
        angles = rows * by_row + cols * by_col  # [heads, cells, blocks, waves]
        rotors = torch.polar(torch.ones_like(angles), angles)

        def turned(x: Tensor) -> Tensor:
            waves = torch.fft.rfft(x.unflatten(-1, (-1, self.side)))
            return torch.fft.irfft(waves * rotors, n=self.side).flatten(-2)

        return turned
