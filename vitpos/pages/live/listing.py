"""A list of steps for the page: which operation, of which numbers, into which buffer.

A value is a buffer and a layout: a tensor without numbers, whose strides say how the buffer is
walked. So whatever only looks at numbers in another order (views) costs nothing in the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Value:
    """Numbers in a buffer of the page; `layout` is on the meta device."""

    buffer: int
    layout: Tensor

    def seen(self, layout: Tensor) -> "Value":
        """The same buffer walked in another way."""
        return Value(self.buffer, layout)

    def wide(self, shape: Sequence[int]) -> "Value":
        """Repeated to a larger shape."""
        return self.seen(self.layout.expand(*shape))

    def paired(self) -> "Value":
        """Pairs of numbers along the last axis as complex numbers."""
        return self.seen(torch.view_as_complex(self.layout))

    def unpaired(self) -> "Value":
        """The other way round; the numbers lie in order."""
        return self.seen(torch.view_as_real(self.layout))

    def told(self) -> list[Any]:
        """As the page reads it: buffer, first place, strides."""
        return [self.buffer, self.layout.storage_offset(), list(self.layout.stride())]


@dataclass
class Listing:
    """What the page will do, as far as it is known; `constants` by the buffer that holds them."""

    own: frozenset[int]  # addresses of weights that may be rounded
    sizes: list[int] = field(default_factory=list)  # of all buffers, in numbers
    steps: list[dict[str, Any]] = field(default_factory=list)
    constants: dict[int, Tensor] = field(default_factory=dict)
    matrices: set[int] = field(default_factory=set)  # constants that may be rounded
    known: dict[bytes, int] = field(default_factory=dict)

    def buffer(self, count: int) -> int:
        """A new one."""
        self.sizes.append(count)
        return len(self.sizes) - 1

    def result(self, does: str, sides: Sequence[int], dtype: torch.dtype, **told: Any) -> Value:
        """One more step, whose numbers lie in order."""
        layout = torch.empty(tuple(sides), dtype=dtype, device="meta")
        out = self.buffer(layout.numel() * (2 if dtype.is_complex else 1))
        self.steps.append({"does": does, "out": out, **told})
        return Value(out, layout)

    def constant(self, tensor: Tensor, *, matrix: bool = False) -> Value:
        """Numbers that are known; equal ones share a buffer. A `matrix` may be rounded."""
        dense, layout = packed(tensor)
        mark = fingerprint(dense)
        if mark not in self.known:
            self.known[mark] = self.buffer(dense.numel() * (2 if dense.is_complex() else 1))
            self.constants[self.known[mark]] = dense
        if matrix and tensor.untyped_storage().data_ptr() in self.own:
            self.matrices.add(self.known[mark])
        return Value(self.known[mark], layout)

    def number(self, tensor: Tensor) -> int | None:
        """The buffer of a constant, if a step asked for it."""
        return self.known.get(fingerprint(packed(tensor)[0]))

    def value(self, given: Value | Tensor | int | float, *, matrix: bool = False) -> Value:
        """Of whatever an operation was given."""
        if isinstance(given, Value):
            return given
        if isinstance(given, Tensor):
            return self.constant(given, matrix=matrix)
        return self.constant(torch.tensor(float(given)))

    def in_order(self, value: Value) -> Value:
        """The same numbers one after another."""
        layout = value.layout
        if layout.is_contiguous() and not layout.storage_offset():
            return value
        shape, strides = list(layout.shape), list(layout.stride())
        told = [value.buffer, layout.storage_offset(), strides]
        if layout.is_complex():
            shape, told = [*shape, 2], paired(told)
        return self.result("copy", layout.shape, layout.dtype, shape=shape, **{"from": [told]})


def paired(told: list[Any]) -> list[Any]:
    """Complex numbers as pairs of real ones."""
    buffer, at, strides = told
    return [buffer, 2 * at, [*(2 * step for step in strides), 1]]


def packed(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """All numbers of a tensor once, in the order in which they lie, and the layout that walks them.

    Rows stay rows: of a transposed matrix it is the matrix that is kept.
    """
    once = tensor.detach()
    for axis, step in enumerate(once.stride()):
        if step == 0:
            once = once.narrow(axis, 0, min(1, once.shape[axis]))
    strides: Sequence[int] = once.stride()
    order = sorted(range(once.ndim), key=lambda axis: -strides[axis])
    dense = once.permute(order).contiguous()
    back = [order.index(axis) for axis in range(once.ndim)]
    layout = torch.empty_strided(dense.shape, dense.stride(), dtype=dense.dtype, device="meta")
    return dense, layout.permute(back).expand(tensor.shape)


def fingerprint(dense: Tensor) -> bytes:
    """The same for the same numbers in the same rows."""
    real = torch.view_as_real(dense) if dense.is_complex() else dense
    head = f"{dense.dtype} {tuple(dense.shape)}".encode()
    return sha256(head + real.numpy().tobytes()).digest()
