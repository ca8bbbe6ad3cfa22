"""What a page holds of a network: its matrices in whole numbers, all else as exactly as fits.

A matrix of the network itself has one scale for each row, the largest of its numbers divided by the
number of levels. What position embeddings say is never rounded so, for that is what is looked at.
"""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vitpos.pages.live.listing import Listing, Value, packed

LARGEST_HALF = 65504.0  # the largest number of 16 bits
FEW = 64  # numbers that are kept in 32 bits in any case: scales and the like


class Rung(NamedTuple):
    """How exactly numbers are kept."""

    levels: int  # of matrices, either side of zero; 0: they are not rounded
    half: bool  # everything else in 16 bits instead of 32


EXACT = Rung(0, False)
RUNGS = (Rung(127, False), Rung(127, True), Rung(63, True), Rung(31, True), Rung(15, True))


@dataclass(frozen=True)
class Rounded:
    """A matrix in whole numbers: ``codes * scales``, row by row."""

    codes: Tensor  # [rows, numbers], int8
    scales: Tensor  # [rows]

    def values(self) -> Tensor:
        """The numbers that the page computes with."""
        return self.codes * self.scales[:, None]


def rounded(dense: Tensor, levels: int) -> Rounded:
    """So many levels either side of zero."""
    rows = dense.flatten(1)
    scales = rows.abs().amax(1) / levels
    codes = (rows / scales.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round()
    return Rounded(codes.to(torch.int8), scales)


def halved(dense: Tensor) -> bool:
    """Whether these are many numbers, and 16 bits hold them."""
    if dense.numel() < FEW:
        return False
    real = torch.view_as_real(dense) if dense.is_complex() else dense
    finite = real[real.isfinite()]
    return bool((finite.abs() <= LARGEST_HALF).all())


@dataclass(frozen=True)
class Store:
    """A listing at one rung of the ladder."""

    listing: Listing
    picture: Value
    outputs: list[Value]
    rung: Rung

    def kept(self, tensor: Tensor) -> Tensor:
        """A constant of the program as the page has it."""
        dense, layout = packed(tensor)
        number = self.listing.number(tensor)
        if dense.is_floating_point() or dense.is_complex():
            if self.rung.levels and number in self.listing.matrices:
                dense = rounded(dense, self.rung.levels).values().view(dense.shape)
            elif self.rung.half and halved(dense):
                dense = through_half(dense)
        return dense.as_strided(layout.shape, layout.stride())

    def packed(self) -> tuple[bytes, tuple[int, int]]:
        """All of it as bytes, and which of them are the graph, in JSON."""
        arrays = bytearray()
        buffers = [self.stored(number, arrays) for number in range(len(self.listing.sizes))]
        graph = {
            "buffers": buffers,
            "picture": self.picture.buffer,
            "steps": self.listing.steps,
            "outputs": [
                {"shape": list(value.layout.shape), "from": value.told()} for value in self.outputs
            ],
        }
        text = json.dumps(graph, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
        return bytes(arrays) + text, (len(arrays), len(arrays) + len(text))

    def stored(self, number: int, arrays: bytearray) -> dict[str, Any]:
        """Adds a constant to the bytes; says where a buffer is, and what is in it."""
        count, dense = self.listing.sizes[number], self.listing.constants.get(number)
        if dense is None:
            return {"kind": "result", "count": count}
        if self.rung.levels and number in self.listing.matrices:
            matrix = rounded(dense, self.rung.levels)
            at, scales = append(arrays, matrix.codes), append(arrays, matrix.scales)
            width = matrix.codes.shape[1]
            return {"kind": "int8", "count": count, "at": at, "scales": scales, "width": width}
        if not dense.is_floating_point() and not dense.is_complex():
            return {"kind": "int32", "count": count, "at": append(arrays, dense.to(torch.int32))}
        real = torch.view_as_real(dense) if dense.is_complex() else dense
        half = self.rung.half and halved(dense)
        kind, dtype = ("float16", torch.float16) if half else ("float32", torch.float32)
        return {"kind": kind, "count": count, "at": append(arrays, real.to(dtype))}


def through_half(dense: Tensor) -> Tensor:
    """What 16 bits keep of it."""
    if dense.is_complex():
        return torch.view_as_complex(torch.view_as_real(dense).half().float())
    return dense.half().float()


def append(arrays: bytearray, tensor: Tensor) -> int:
    """Puts the numbers at the end, lowest byte first; says where they begin."""
    at = len(arrays)
    numbers = tensor.contiguous().numpy()
    arrays += numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
    return at
