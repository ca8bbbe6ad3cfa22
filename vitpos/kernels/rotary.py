"""Turning pairs of channels by angles, which is what every rotary embedding does to heads.

`turned` is the one place where it is decided who does it. In plain PyTorch (`turn`), pairs are
complex numbers. The kernel (`fused`, in `turning`) turns queries and keys in one pass, out of the
packed product that they are views of, and their gradients in another. Where angles are learned,
that pass also sums up their gradients, of some images at a time and then of all: no atomics, so
that the same bits come out each time.

Both work in float32 and give back the type that they got.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vitpos.kernels import launching
from vitpos.kernels.fused import fused
from vitpos.shapes import Heads, Rotors, Turns

KINDS = (torch.float32, torch.bfloat16, torch.float16)


def turned(xs: Sequence[Heads], angles: Turns, pairing: str, back: bool = False) -> list[Heads]:
    """Turn the first channels of all heads, two for each angle, or turn them `back`.

    `pairing` as in `vitpos.embeddings.rotary`. All `xs` lie on one device.
    """
    if all(covers(x, angles) for x in xs) and alike(xs):
        return fused(list(xs), angles.cos(), angles.sin(), pairing, back)
    rotors = unit(angles).conj() if back else unit(angles)
    return [turn_first(x, rotors, pairing) for x in xs]


def covers(x: Tensor, angles: Tensor) -> bool:
    """Whether the kernel turns this: where it runs, all that networks of this package ask for."""
    return (
        launching.run_on(x)
        and x.dtype in KINDS
        and angles.dtype == torch.float32
        and x.ndim == 4
        and angles.ndim == 3
    )


def alike(xs: Sequence[Tensor]) -> bool:
    """Whether all are of one shape and type."""
    return all(x.shape == xs[0].shape and x.dtype == xs[0].dtype for x in xs)


def unit(angles: Turns) -> Rotors:
    """Complex numbers of length one at these angles."""
    return torch.polar(torch.ones_like(angles), angles)


def turn_first(x: Heads, rotors: Rotors, pairing: str) -> Heads:
    """Turn as many channels as there are rotors for, and leave the others."""
    width = 2 * rotors.shape[-1]
    moving, still = x[..., :width], x[..., width:]
    moved = turn(moving, rotors, pairing)
    return torch.cat([moved, still], dim=-1) if still.shape[-1] else moved


def turn(x: Heads, rotors: Rotors, pairing: str) -> Heads:
    """Turn pairs of channels by unit complex numbers, in float32."""
    x32 = x.float()
    if pairing == "neighbours":
        pairs = torch.view_as_complex(x32.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * rotors).flatten(-2).to(x)
    if pairing == "halves":
        pairs = torch.complex(*x32.chunk(2, dim=-1)) * rotors
        return torch.cat([pairs.real, pairs.imag], dim=-1).to(x)
    first, second = x32.unflatten(-1, (2, 2, -1)).unbind(-2)  # [..., 2, planes / 2]
    pairs = torch.complex(first, second) * rotors.unflatten(-1, (2, -1))
    return torch.stack([pairs.real, pairs.imag], dim=-2).flatten(-3).to(x)
