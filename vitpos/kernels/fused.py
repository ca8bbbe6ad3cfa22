"""The rotary kernel as two operators of PyTorch: `fused` turns, `taught` is its gradient.

Registered with `torch.library`, so that autograd and `torch.compile` see through them. One or two
tensors [batch, heads, tokens, head_dim] are turned by cosines and sines [#heads, tokens, planes].
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vitpos.kernels.launching import beside

PAIRS = 1024  # of channels in a tile: 8 for each of 128 threads, 128 bits of half precision
ENOUGH = {"turn": (2048, 8), "learn": (256, 32)}  # programs to keep a GPU busy; most tiles of each


class Tiles(NamedTuple):
    """How a kernel goes over its work; see `vitpos.kernels.turning`."""

    grid: tuple[int, int, int]  # of programs: heads, tokens, images
    rows: int
    tokens: int
    block: int  # planes, rounded up to a power of two
    steps: int

    @property
    def slices(self) -> int:
        """How many sums over images come out of it."""
        return self.grid[2] * (self.rows // self.tokens)


@torch.library.custom_op("vitpos::turn", mutates_args=())
def fused(xs: list[Tensor], cos: Tensor, sin: Tensor, pairing: str, back: bool) -> list[Tensor]:
    """Turn heads by these angles, or back by them."""
    from vitpos.kernels import turning  # imports Triton

    xs, cos, sin = [dense(x) for x in xs], cos.contiguous(), sin.contiguous()
    images, _, tokens, width = xs[0].shape
    outs = [fresh(x) for x in xs]
    if not xs[0].numel():
        return outs
    tiles = tiling(xs[0], cos, "turn")
    with beside(xs[0]):
        turning.turn[tiles.grid](
            *twice(xs), *twice(outs), cos, sin,
            images, tokens, tiles.steps,
            *strides(xs), *outs[0].stride()[:3:2], table(cos),
            **shape(width, cos, tiles), PAIRING=pairing, BACK=back, BOTH=len(xs) == 2,
            enable_fp_fusion=True,
        )  # fmt: skip
    return outs


@torch.library.custom_op("vitpos::taught", mutates_args=())
def taught(
    gs: list[Tensor], xs: list[Tensor], cos: Tensor, sin: Tensor, pairing: str
) -> list[Tensor]:
    """Turn the gradients `gs` back; last come what cosines and sines get from `xs`."""
    from vitpos.kernels import turning  # imports Triton

    gs, xs = [dense(g) for g in gs], [dense(x) for x in xs]
    cos, sin = cos.contiguous(), sin.contiguous()
    images, heads, tokens, width = xs[0].shape
    outs = [fresh(g) for g in gs]
    if not xs[0].numel():
        return [*outs, torch.zeros_like(cos), torch.zeros_like(sin)]
    tiles = tiling(xs[0], cos, "learn")
    sums = cos.new_empty(2, tiles.slices, heads, tokens, cos.shape[-1])
    with beside(xs[0]):
        turning.learn[tiles.grid](
            *twice(gs), *twice(xs), *twice(outs), cos, sin, *sums,
            images, tokens, tiles.steps,
            *strides(gs), *strides(xs), *outs[0].stride()[:3:2], table(cos),
            **shape(width, cos, tiles), PAIRING=pairing, BOTH=len(xs) == 2,
            enable_fp_fusion=True,
        )  # fmt: skip
    whole = sums.sum(1) if len(cos) > 1 else sums.sum((1, 2)).unsqueeze(1)
    return [*outs, *(part.clone() for part in whole)]


@fused.register_fake
def _(xs: list[Tensor], cos: Tensor, sin: Tensor, pairing: str, back: bool) -> list[Tensor]:
    return [fresh(x) for x in xs]


@taught.register_fake
def _(gs: list[Tensor], xs: list[Tensor], cos: Tensor, sin: Tensor, pairing: str) -> list[Tensor]:
    return [*map(fresh, gs), torch.empty_like(cos), torch.empty_like(sin)]


def keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    """What the gradient needs: the angles; heads only if the angles are learned."""
    xs, cos, sin, ctx.pairing, ctx.back = inputs
    ctx.learned = any(ctx.needs_input_grad[1:3])
    ctx.save_for_backward(cos, sin, *(xs if ctx.learned else []))


def gradient(ctx: Any, gs: list[Tensor]) -> tuple[Any, ...]:
    """A rotation is turned back by its transpose."""
    cos, sin, *xs = ctx.saved_tensors
    if not ctx.learned:
        return fused(gs, cos, sin, ctx.pairing, not ctx.back), None, None, None, None
    sign = -1 if ctx.back else 1
    *outs, dcos, dsin = taught(gs, xs, cos, sign * sin, ctx.pairing)
    return outs, dcos, sign * dsin, None, None


fused.register_autograd(gradient, setup_context=keep)


def dense(x: Tensor) -> Tensor:
    """With channels side by side; all other strides are fine."""
    return x if x.stride(-1) == 1 else x.contiguous()


def fresh(x: Tensor) -> Tensor:
    """Room for heads, token by token as they come from a product and go into the next."""
    batch, heads, tokens, width = x.shape
    return x.new_empty(batch, tokens, heads, width).transpose(1, 2)


def twice(xs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Two tensors for a kernel, which leaves the second alone if there is but one."""
    return xs[0], xs[-1]


def strides(xs: Sequence[Tensor]) -> list[int]:
    """Of images, heads and tokens of both tensors."""
    return [step for x in twice(xs) for step in x.stride()[:3]]


def table(cos: Tensor) -> int:
    """How far the angles of one head are from those of the next."""
    return cos.stride(0) if len(cos) > 1 else 0


def shape(width: int, cos: Tensor, tiles: Tiles) -> dict[str, int]:
    """What a kernel is compiled for."""
    planes = cos.shape[-1]
    still = width - 2 * planes
    return {
        "WIDTH": width,
        "PLANES": planes,
        "BLOCK": tiles.block,
        "STILL": rounded(still) if still else 0,
        "ROWS": tiles.rows,
        "TOKENS": tiles.tokens,
    }


def tiling(x: Tensor, cos: Tensor, kernel: str) -> Tiles:
    """Tiles of as few rows without a token as possible, shared out among enough programs.

    A function of shapes alone: sums over images must not depend on the GPU.
    """
    images, heads, tokens, _ = x.shape
    block = rounded(cos.shape[-1])
    rows = min(128, max(1, PAIRS // block))
    size = min(sizes(rows), key=lambda n: (ceil(tokens, n) * n, -n))
    tiles = ceil(images, rows // size)
    programs = heads * ceil(tokens, size) * tiles
    enough, most = ENOUGH[kernel]
    steps = min(most, max(1, programs // enough))
    return Tiles((heads, ceil(tokens, size), ceil(tiles, steps)), rows, size, block, steps)


def sizes(rows: int) -> list[int]:
    """How many tokens of an image may share a tile."""
    return [n for n in (8, 16, 32, 64, 128) if n <= rows] or [rows]


def rounded(n: int) -> int:
    """The next power of two."""
    return 1 << (n - 1).bit_length()


def ceil(n: int, by: int) -> int:
    """`n / by`, rounded up."""
    return -(-n // by)
