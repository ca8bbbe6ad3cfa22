"""The attention of `tile` in plain PyTorch: what the kernels compute, and what CPUs run.

All arithmetic is in float32 or wider, and so are all results but what is read.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vitpos.shapes import Asked, Heads, Logits, Offsets, Turns, Weights


class Form(NamedTuple):
    """What is known of one attention besides its tensors."""

    scale: float  # of the product of queries and keys
    pairing: str = "halves"  # which channels turn together
    planes: int = 0  # pairs of channels that turn; the rest is paired as halves
    axes_scale: float = 1.0  # of what queries see in `table`
    rows: int = 0
    cols: int = 0
    prefix: int = 0  # tokens that are in no row and no column


class Given(NamedTuple):
    """The tensors besides queries, keys and values; what is None is not there."""

    cos: Turns | None = None  # of half as many planes as there are channels
    sin: Turns | None = None
    bias: Logits | None = None
    table: Offsets | None = None  # of rows, and then of columns


class Triple(NamedTuple):
    """Queries, keys and values, each [batch, heads, tokens, channels], of any strides."""

    q: Asked
    k: Asked
    v: Heads


class Grads(NamedTuple):
    """One for each tensor given. That of angles stands for the cosines and sines."""

    q: Asked
    k: Asked
    v: Heads
    angles: Tensor
    bias: Tensor
    table: Tensor


def paired(width: int, planes: int, pairing: str) -> tuple[Tensor, Tensor]:
    """The channels of each plane, first and second. What is left over is paired in halves."""
    if pairing == "neighbours":
        every = torch.arange(width)
        return every[::2], every[1::2]
    turning = torch.arange(2 * planes)
    left = torch.arange(2 * planes, width)
    if pairing == "quarters":
        first, second = turning.view(2, 2, -1).unbind(1)
    else:
        first, second = turning.view(2, -1)
    rest = len(left) // 2
    return torch.cat([first.flatten(), left[:rest]]), torch.cat([second.flatten(), left[rest:]])


def turn(x: Asked, cos: Turns, sin: Turns, form: Form) -> Asked:
    """Every pair of channels turned by its angle."""
    one, two = (at.to(x.device) for at in paired(x.shape[-1], form.planes, form.pairing))
    first, second = x[..., one], x[..., two]
    turned = torch.empty_like(x)
    turned[..., one] = first * cos - second * sin
    turned[..., two] = second * cos + first * sin
    return turned


def offsets(form: Form, device: torch.device) -> tuple[Tensor, Tensor]:
    """Lines of the table for every pair of cells: that of their rows, that of their columns."""
    at = torch.arange(form.rows * form.cols, device=device)
    row, col = at // form.cols, at % form.cols
    by_row = row[:, None] - row + form.rows - 1
    by_col = col[:, None] - col + form.cols - 1 + 2 * form.rows - 1
    return by_row, by_col


def weights(q: Asked, k: Asked, given: Given, form: Form) -> Weights:
    """The softmax over keys, of queries and keys that are turned already."""
    logits = (q @ k.mT) * form.scale
    if given.table is not None:
        p = form.prefix
        seen = q[:, :, p:] @ given.table.to(q).mT * form.axes_scale  # [..., cells, lines]
        for at in offsets(form, q.device):
            logits[:, :, p:, p:] += seen.gather(-1, at.expand(*seen.shape[:2], -1, -1))
    return (logits if given.bias is None else logits + given.bias).softmax(dim=-1)


def forward(q: Asked, k: Asked, v: Heads, given: Given, form: Form) -> Heads:
    """What every token reads, in the precision of `v`."""
    q, k, wide = exact(q), exact(k), exact(v)
    if given.cos is not None and given.sin is not None:
        q, k = (turn(x, given.cos, given.sin, form) for x in (q, k))
    return (weights(q, k, given, form) @ wide).to(v)


def backward(grad: Heads, q: Asked, k: Asked, v: Heads, given: Given, form: Form) -> Grads:
    """All gradients from that of what was read. Everything is computed again, nothing was kept."""
    q, k, v, grad = exact(q), exact(k), exact(v), exact(grad)
    cos, sin = given.cos, given.sin
    if cos is not None and sin is not None:
        q, k = turn(q, cos, sin, form), turn(k, cos, sin, form)
    found = weights(q, k, given, form)
    dv = found.mT @ grad
    dweights = grad @ v.mT
    dlogits = found * (dweights - (found * dweights).sum(dim=-1, keepdim=True))
    dq, dk = dlogits @ k * form.scale, dlogits.mT @ q * form.scale
    dangles = dtable = dbias = q.new_empty(0)
    if given.table is not None:
        dlines = by_line(dlogits, given.table.shape[1], form) * form.axes_scale
        dq = dq + dlines @ given.table.to(q)
        dtable = (dlines.mT @ q).sum(0)
        dtable = dtable if len(given.table) > 1 else dtable.sum(0, keepdim=True)
    if given.bias is not None:
        dbias = dlogits if len(given.bias) > 1 else dlogits.sum(0, keepdim=True)
    if cos is not None and sin is not None:
        dangles = (moved(dq, q, form) + moved(dk, k, form)).sum(0)
        dangles = dangles if len(cos) > 1 else dangles.sum(0, keepdim=True)
        dq, dk = turn(dq, cos, -sin, form), turn(dk, cos, -sin, form)
    return Grads(dq, dk, dv, dangles, dbias, dtable)


def by_line(dlogits: Weights, lines: int, form: Form) -> Tensor:
    """Gradients of what queries saw in each line, [batch, heads, tokens, lines]."""
    p = form.prefix
    found = dlogits.new_zeros(*dlogits.shape[:3], lines)
    for at in offsets(form, dlogits.device):
        places = at.expand(*dlogits.shape[:2], -1, -1)
        found[:, :, p:].scatter_add_(-1, places, dlogits[:, :, p:, p:])
    return found


def moved(dx: Asked, x: Asked, form: Form) -> Tensor:
    """How a loss grows with the angles by which `x` was turned, from its gradient there."""
    one, two = (at.to(x.device) for at in paired(x.shape[-1], form.planes, form.pairing))
    return dx[..., two] * x[..., one] - dx[..., one] * x[..., two]


def exact(x: Tensor) -> Tensor:
    """In float32, or float64 where it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
