"""Attention over few tokens as one operator: scores live and die inside one program of a GPU.

A head of an image is one tile of at most 128 tokens. Rotation, bias and what queries see along rows
and columns happen inside; gradients compute the scores again, so that none ever reaches memory.
What all images share (a bias, angles, vectors) gets its gradient as sums over some images each,
in an order that depends on shapes alone, and then one sum over these: no atomics, so that the same
bits come out each time.

Where kernels do not run (`launching`), the operator is the plain PyTorch of `tile_reference`.
Registered with `torch.library`, so that autograd and `torch.compile` see through it. There is no
second derivative.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vitpos.kernels import launching, tile_reference
from vitpos.kernels.tile_reference import Form, Given, Triple

TOKENS = 128  # that a tile has at most
EXACT = 64  # the same in float32, whose numbers take twice the room
WIDTH = 128  # channels of a head
LINES, SPOTS = 64, 32  # of rows and columns, offsets and places: what a tile has room for
DENSE = (torch.bfloat16, torch.float16)  # what tensor cores multiply


def holds(q: Tensor, carried: int) -> bool:
    """Whether queries like these, with values of `carried` channels, fit into a tile."""
    *_, tokens, width = q.shape
    most = TOKENS if q.dtype in DENSE else EXACT
    return tokens <= most and max(width, carried) <= WIDTH and q.numel() > 0


def holds_axes(rows: int, cols: int) -> bool:
    """Whether there is room for the offsets of such a grid."""
    return 2 * (rows + cols) - 2 <= LINES and rows + cols <= SPOTS


def attend(qkv: Sequence[Tensor], given: Given, form: Form) -> Tensor:
    """What every token reads, [batch, heads, tokens, channels].

    `qkv` is the packed product [batch, tokens, 3, heads, channels], alone, or queries, keys and
    values, each [batch, heads, tokens, channels]; the former spares their gradients a copy.
    Gradients of `given.cos` and `given.sin` are those along the circle: right for angles.
    """
    cos, sin, bias, table = given
    if bias is not None:
        bias = bias.expand(-1, triple(qkv).q.shape[1], -1, -1)
    return tile(list(qkv), cos, sin, bias, table, *form).transpose(1, 2)


@torch.library.custom_op("vitpos::tile", mutates_args=())
def tile(
    qkv: list[Tensor], cos: Tensor | None, sin: Tensor | None, bias: Tensor | None,
    table: Tensor | None, scale: float, pairing: str, planes: int, axes_scale: float,
    rows: int, cols: int, prefix: int,
) -> Tensor:  # fmt: skip
    """What every token reads, [batch, tokens, heads, channels]."""
    form = Form(scale, pairing, planes, axes_scale, rows, cols, prefix)
    of, given = triple(qkv), Given(cos, sin, bias, table)
    if not launching.run_on(of.q):
        return tile_reference.forward(*of, given, form).transpose(1, 2).contiguous()
    from vitpos.kernels import tile_launch  # imports Triton

    return tile_launch.forward(Triple(*map(dense, of)), solid(given), form)


@torch.library.custom_op("vitpos::tile_gradients", mutates_args=())
def gradients(
    grad: Tensor, qkv: list[Tensor], cos: Tensor | None, sin: Tensor | None, bias: Tensor | None,
    table: Tensor | None, scale: float, pairing: str, planes: int, axes_scale: float,
    rows: int, cols: int, prefix: int, wanted: list[bool],
) -> list[Tensor]:  # fmt: skip
    """Of `qkv`, as they came; then of angles, bias and table, empty where not `wanted`."""
    form = Form(scale, pairing, planes, axes_scale, rows, cols, prefix)
    of, given, there = triple(qkv), Given(cos, sin, bias, table), grad.transpose(1, 2)
    places = [fresh(x) for x in qkv]
    into = triple(places)
    if launching.run_on(of.q):
        from vitpos.kernels import tile_launch  # imports Triton

        dense_of, known = Triple(*map(dense, of)), solid(given)
        more = tile_launch.backward(dense(there), dense_of, known, form, into, wanted)
    else:
        found = tile_reference.backward(there, *of, given, form)
        for place, part in zip(into, found[:3], strict=True):
            place.copy_(part)
        more = found[3:]
    tensors = (cos, bias, table)
    return places + [
        part.to(like) if asked and like is not None else grad.new_empty(0)
        for part, asked, like in zip(more, wanted, tensors, strict=True)
    ]


@tile.register_fake
def _(qkv: list[Tensor], *_: Any) -> Tensor:
    v = triple(qkv).v
    batch, heads, tokens, channels = v.shape
    return v.new_empty(batch, tokens, heads, channels)


@gradients.register_fake
def _(
    grad: Tensor, qkv: list[Tensor], cos: Tensor | None, sin: Tensor | None, bias: Tensor | None,
    table: Tensor | None, *rest: Any,
) -> list[Tensor]:  # fmt: skip
    return [fresh(x) for x in qkv] + [
        torch.empty(like.shape, dtype=like.dtype, device=like.device)
        if asked and like is not None
        else grad.new_empty(0)
        for like, asked in zip((cos, bias, table), rest[-1], strict=True)
    ]


def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """All that was given, and nothing that was computed."""
    qkv, cos, sin, bias, table, *ctx.form = inputs
    ctx.there = [x is not None for x in (cos, sin, bias, table)]
    ctx.save_for_backward(*qkv, *(x for x in (cos, sin, bias, table) if x is not None))


def gradient(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    """The second operator."""
    saved = list(ctx.saved_tensors)
    given = [saved.pop() if there else None for there in reversed(ctx.there)][::-1]
    cos, sin, _, _ = given
    _, of_cos, of_sin, of_bias, of_table, *_ = ctx.needs_input_grad
    wanted = [of_cos or of_sin, of_bias, of_table]
    *found, angles, bias, table = gradients(grad, saved, *given, *ctx.form, wanted)
    return (
        found,
        -angles * sin if wanted[0] else None,
        angles * cos if wanted[0] else None,
        bias if of_bias else None,
        table if of_table else None,
        *[None] * len(ctx.form),
    )


def refuse(ctx: Any, *grads: Any) -> Any:
    """Raise: nobody has written it down."""
    raise NotImplementedError("the tile has no second derivative: use attention=explicit")


tile.register_autograd(gradient, setup_context=keep)
gradients.register_autograd(refuse)


def triple(qkv: Sequence[Tensor]) -> Triple:
    """Queries, keys and values, as views of the packed product if they come as that."""
    return Triple(*qkv) if len(qkv) == 3 else Triple(*qkv[0].permute(2, 0, 3, 1, 4))


def fresh(x: Tensor) -> Tensor:
    """Room for the gradient of `x`: the packed product, or heads laid out token by token."""
    if x.dim() == 5:
        return x.new_empty(x.shape)
    batch, heads, tokens, width = x.shape
    return x.new_empty(batch, tokens, heads, width).transpose(1, 2)


def dense(x: Tensor) -> Tensor:
    """With channels side by side; all other strides are fine."""
    return x if x.stride(-1) == 1 else x.contiguous()


def solid(given: Given) -> Given:
    """Tables as the kernels read them; a bias may lie in any way."""
    cos, sin, bias, table = given
    cos, sin, table = (None if x is None else x.contiguous() for x in (cos, sin, table))
    return Given(cos, sin, bias, table)
