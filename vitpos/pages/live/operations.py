"""ATen's core operations in the words of the page.

What an operation of the page does is in `interpreter/`; here is only which one it takes, and what
it is told. What none of them can do is refused.
"""

from typing import Any

import torch
from torch import Tensor

from vitpos.errors import BadInput
from vitpos.pages.live.listing import Listing, Value, paired

aten = torch.ops.aten
Number = int | float
Given = Value | Tensor | Number

OF_ONE = {
    aten.neg.default: "neg",
    aten.abs.default: "abs",
    aten.sign.default: "sign",
    aten.exp.default: "exp",
    aten.expm1.default: "expm1",
    aten.log.default: "log",
    aten.log1p.default: "log1p",
    aten.sqrt.default: "sqrt",
    aten.rsqrt.default: "rsqrt",
    aten.reciprocal.default: "reciprocal",
    aten.sin.default: "sin",
    aten.cos.default: "cos",
    aten.tanh.default: "tanh",
    aten.floor.default: "floor",
    aten.relu.default: "relu",
    aten.sigmoid.default: "sigmoid",
    aten.erf.default: "erf",
    aten.silu.default: "silu",
    aten.logical_not.default: "not",
}
OF_TWO = {
    aten.add.Tensor: "add",
    aten.add.Scalar: "add",
    aten.sub.Tensor: "sub",
    aten.sub.Scalar: "sub",
    aten.mul.Tensor: "mul",
    aten.mul.Scalar: "mul",
    aten.div.Tensor: "div",
    aten.div.Scalar: "div",
    aten.pow.Tensor_Scalar: "pow",
    aten.pow.Tensor_Tensor: "pow",
    aten.pow.Scalar: "pow",
    aten.atan2.default: "atan2",
    aten.maximum.default: "maximum",
    aten.minimum.default: "minimum",
    **{getattr(getattr(aten, word), kind): word
       for word in ("gt", "ge", "lt", "le", "eq", "ne") for kind in ("Tensor", "Scalar")},
    aten.logical_and.default: "and",
    aten.logical_or.default: "or",
}  # fmt: skip
GATHERED = {
    aten.sum.dim_IntList: "sum",
    aten.mean.dim: "mean",
    aten.amax.default: "largest",
    aten.amin.default: "smallest",
}


def of_one(listing: Listing, does: str, x: Value) -> Value:
    """Each number by itself."""
    told = {"shape": list(x.layout.shape), "from": [x.told()]}
    return listing.result(does, x.layout.shape, x.layout.dtype, **told)


def elementwise(listing: Listing, does: str, *given: Given) -> Value:
    """Numbers at the same place of several tensors, which are repeated to the same shape."""
    values = [listing.value(one) for one in given]
    shape = torch.broadcast_shapes(*(value.layout.shape for value in values))
    kinds = [value.layout.is_complex() for value in values]
    kind = torch.complex64 if any(kinds) else torch.float32
    wide = [value.wide(shape).told() for value in values]
    if any(kinds) and not all(kinds):
        raise unknown(f"{does} of complex and real numbers")
    if any(kinds) and does == "mul":
        return listing.result("turn", shape, kind, shape=list(shape), **{"from": wide})
    sides = [*shape, 2] if any(kinds) else list(shape)
    wide = [paired(told) for told in wide] if any(kinds) else wide
    if any(kinds) and does not in ("add", "sub"):
        raise unknown(f"{does} of complex numbers")
    return listing.result(does, shape, kind, shape=sides, **{"from": wide})


def scaled(listing: Listing, does: str, x: Given, y: Given, alpha: Number = 1) -> Value:
    """`add` and `sub` may multiply the second by a number first."""
    if alpha != 1:
        y = elementwise(listing, "mul", y, alpha)
    return elementwise(listing, does, x, y)


def pair(listing: Listing, real: Given, imaginary: Given) -> Value:
    """Complex numbers made of their parts."""
    values = [listing.value(one) for one in (real, imaginary)]
    shape = torch.broadcast_shapes(*(value.layout.shape for value in values))
    told = {"shape": list(shape), "from": [value.wide(shape).told() for value in values]}
    return listing.result("pair", shape, torch.complex64, **told)


def clamp(listing: Listing, x: Value, low: Any = None, high: Any = None) -> Value:
    """Not below, not above."""
    if low is not None:
        x = elementwise(listing, "maximum", x, low)
    return x if high is None else elementwise(listing, "minimum", x, high)


def softplus(listing: Listing, x: Value, beta: Number = 1, threshold: Number = 20) -> Value:
    """A smooth step up from zero."""
    if (beta, threshold) != (1, 20):
        raise unknown(f"softplus with beta {beta} and threshold {threshold}")
    return of_one(listing, "softplus", x)


def gelu(listing: Listing, x: Value, approximate: str = "none") -> Value:
    """With the error function, not with tanh."""
    if approximate != "none":
        raise unknown(f"gelu by {approximate}")
    return of_one(listing, "gelu", x)


def unknown(what: str) -> BadInput:
    """The page cannot do it."""
    return BadInput(f"--live: the page cannot compute {what}, which this network does")
