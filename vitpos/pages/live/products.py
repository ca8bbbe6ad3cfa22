"""Products, norms and sums: operations of the page that look at many numbers for one."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vitpos.pages.live.listing import Listing, Value
from vitpos.pages.live.operations import Given, Number, unknown


def product(listing: Listing, a: Given, b: Given, plus: Given | None = None) -> Value:
    """Of matrices, or of stacks of them."""
    left, right = (listing.value(one, matrix=True) for one in (a, b))
    stacked = [one if one.layout.ndim == 3 else one.seen(one.layout[None]) for one in (left, right)]
    (batch, m, k), n = stacked[0].layout.shape, right.layout.shape[-1]
    shape = (batch, m, n) if left.layout.ndim == 3 else (m, n)
    operands: list[Any] = [one.told() for one in stacked]
    if plus is not None:
        operands.append(listing.value(plus).wide((batch, m, n)).told())
    told = {"shape": [batch, m, n, k], "from": operands}
    return listing.result("product", shape, torch.float32, **told)


def with_bias(
    listing: Listing, bias: Given, a: Given, b: Given, beta: Number = 1, alpha: Number = 1
) -> Value:
    """A product and a third matrix."""
    if beta != 1 or alpha != 1:
        raise unknown("a scaled sum of matrices")
    return product(listing, a, b, bias)


def softmax(listing: Listing, x: Value, axis: int, half_to_float: bool = False) -> Value:
    """Along any axis; the page does it along the last."""
    moved = x.layout.movedim(axis, -1)
    told = {"shape": list(moved.shape), "from": [x.seen(moved).told()]}
    found = listing.result("softmax", moved.shape, torch.float32, **told)
    return found.seen(found.layout.movedim(-1, axis))


def layer_norm(
    listing: Listing,
    x: Value,
    sides: Sequence[int],
    weight: Given | None,
    bias: Given | None,
    eps: float,
) -> tuple[Value, None, None]:
    """Over the last axis. Mean and deviation, which ATen tells too, are for gradients."""
    if len(sides) != 1:
        raise unknown("a norm over several axes")
    operands = [x.told(), *(None if y is None else listing.value(y).told() for y in (weight, bias))]
    told = {"shape": list(x.layout.shape), "from": operands, "epsilon": eps}
    return listing.result("norm", x.layout.shape, torch.float32, **told), None, None


def gathered(
    listing: Listing, does: str, x: Value, axes: Any = None, keep: bool = False, **more: Any
) -> Value:
    """One number of many, over some axes."""
    every = x.layout.ndim
    gone = sorted(axis % every for axis in (axes or range(every)))
    kept = [axis for axis in range(every) if axis not in gone]
    moved = x.layout.permute(*kept, *gone)
    shape = [x.layout.shape[axis] for axis in kept]
    told = {"shape": list(moved.shape), "from": [x.seen(moved).told()], "kept": len(kept)}
    found = listing.result(does, shape, torch.float32, **told)
    if not keep:
        return found
    return found.seen(
        found.layout.view([1 if a in gone else x.layout.shape[a] for a in range(every)])
    )


def convolve(
    listing: Listing, x: Value, kernel: Given, bias: Given | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], transposed: bool, out: Any, groups: int,
) -> Value:  # fmt: skip
    """Over rows and columns of images."""
    if transposed or set(dilation) != {1} or x.layout.ndim != 4:
        raise unknown("a convolution that is transposed, dilated or not flat")
    weight = listing.value(kernel, matrix=True)
    channels, _, down, across = weight.layout.shape
    height, width = x.layout.shape[-2:]
    rows, cols = ((side + 2 * pad - k) // step + 1 for side, pad, k, step in
                  zip((height, width), padding, (down, across), stride, strict=True))  # fmt: skip
    operands: list[Any] = [x.told(), weight.told()]
    operands.append(None if bias is None else listing.value(bias).told())
    return listing.result(
        "convolve", (len(x.layout), channels, rows, cols), torch.float32,
        shape=[len(x.layout), channels, rows, cols], **{"from": operands}, image=[height, width],
        kernel=[weight.layout.shape[1], down, across],
        stride=list(stride), padding=list(padding), groups=groups,
    )  # fmt: skip


def spectrum(listing: Listing, x: Value, axes: Sequence[int], norm: int, onesided: bool) -> Value:
    """A Fourier transform of real numbers: a product with a matrix, which torch is asked for."""
    width = x.layout.shape[-1]
    one = torch.fft.rfft(torch.eye(width)) if onesided else None
    if one is None or norm or list(axes) not in ([-1], [x.layout.ndim - 1]):
        raise unknown("a Fourier transform of another kind")
    found = along_last(listing, x, torch.view_as_real(one).flatten(1))
    return found.seen(found.layout.unflatten(-1, (-1, 2))).paired()


def back(listing: Listing, x: Value, axes: Sequence[int], norm: int, width: int) -> Value:
    """The same back to real numbers."""
    count = x.layout.shape[-1]
    basis = torch.eye(2 * count).unflatten(-1, (count, 2))
    if norm != 2 or list(axes) not in ([-1], [x.layout.ndim - 1]):
        raise unknown("a Fourier transform of another kind")
    x = listing.in_order(x).unpaired()
    matrix = torch.fft.irfft(torch.view_as_complex(basis), n=width)
    return along_last(listing, x.seen(x.layout.flatten(-2)), matrix)


def along_last(listing: Listing, x: Value, matrix: Tensor) -> Value:
    """Rows of numbers times a matrix that is known."""
    x = listing.in_order(x)
    sides = x.layout.shape[:-1]
    found = product(listing, x.seen(x.layout.flatten(0, -2)), matrix)
    return found.seen(found.layout.view(*sides, -1))
