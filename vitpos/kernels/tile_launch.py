"""The tile on the device: sizes, warps, places for partial sums, and the two launches."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vitpos.kernels import tile_backward, tile_forward
from vitpos.kernels.launching import beside, interpreted
from vitpos.kernels.tile_reference import Form, Given, Triple
from vitpos.shapes import Heads

PAIRINGS = {"neighbours": 0, "halves": 1, "quarters": 2}
BIAS = ("bias_batch", "bias_head", "bias_query", "bias_key")
PROGRAMS = 512  # that a backward pass has at most where images share sums: a few per multiprocessor


def power(number: int, least: int = 16) -> int:
    """The next power of two: tiles have no other sides, and tensor cores none below 16."""
    return max(least, 1 << (number - 1).bit_length())


def strides(name: str, x: Tensor) -> dict[str, int]:
    """Of images, heads and tokens, by the names of the kernels' arguments."""
    batch, head, token, channel = x.stride()
    assert channel == 1, name
    return {f"{name}_batch": batch, f"{name}_head": head, f"{name}_token": token}


def constants(of: Triple, given: Given, form: Form) -> dict[str, Any]:
    """What the kernels are compiled for."""
    heads, tokens, width = of.q.shape[1:]
    carried = of.v.shape[-1]
    turned, axes = given.cos is not None, given.table is not None
    lines, spots = 2 * (form.rows + form.cols) - 2, form.rows + form.cols
    return {
        "HEADS": heads,
        "TOKENS": tokens,
        "WIDTH": width,
        "CARRIED": carried,
        "SIDE": power(tokens),
        "HALF": power((width + 1) // 2),
        "WIDE": power((carried + 1) // 2),
        "TURNED": turned,
        "PAIRING": PAIRINGS[form.pairing if turned else "halves"],
        "PLANES": form.planes if turned else (width + 1) // 2,
        "BIASED": given.bias is not None,
        "AXES": axes,
        "ROWS": form.rows if axes else 0,
        "COLS": form.cols if axes else 0,
        "PREFIX": form.prefix if axes else 0,
        "LINES": power(lines) if axes else 16,
        "SPOTS": power(spots) if axes else 16,
        "PIN": not interpreted(),
    }


def shared(given: Given, like: Tensor) -> dict[str, Any]:
    """What images share, and its strides; what is not there is `like`, and is not read."""
    cos, sin, bias, table = given
    steps = (0, 0, 0, 0) if bias is None else bias.stride()
    if bias is not None and len(bias) == 1:
        steps = (0, *steps[1:])
    return {
        "cos_at": like if cos is None else cos,
        "sin_at": like if sin is None else sin,
        "bias_at": like if bias is None else bias,
        "table_at": like if table is None else table,
        **dict(zip(BIAS, steps, strict=True)),
        "turn_head": cos.stride(0) if cos is not None and len(cos) > 1 else 0,
        "table_head": table.stride(0) if table is not None and len(table) > 1 else 0,
    }


def warps(fixed: Mapping[str, Any], *, gradients: bool, sums: bool = False) -> int:
    """Of one program: so few that all have work, so many that their registers hold the tile.

    With axes alone they are few: what each warp multiplies with takes more there than sums do.
    """
    axes = fixed["AXES"] and not (fixed["TURNED"] or fixed["BIASED"])
    full = gradients and not axes and (sums or fixed["BIASED"] or fixed["AXES"])
    return 8 if fixed["SIDE"] > 64 or full else 4


def forward(of: Triple, given: Given, form: Form) -> Tensor:
    """What every token reads, [batch, tokens, heads, channels]."""
    fixed = constants(of, given, form)
    batch, heads, tokens = of.q.shape[:3]
    out = torch.empty(batch, tokens, heads, of.v.shape[-1], dtype=of.v.dtype, device=of.v.device)
    with beside(of.q):
        tile_forward.forward[(batch * heads,)](
            q_at=of.q, k_at=of.k, v_at=of.v, out_at=out,
            **strides("q", of.q), **strides("k", of.k), **strides("v", of.v), **shared(given, of.q),
            scale=form.scale, axes_scale=form.axes_scale, **fixed,
            num_warps=warps(fixed, gradients=False), num_stages=1, enable_fp_fusion=True,
        )  # fmt: skip
    return out


def chunks(images: int, heads: int, sums: bool) -> int:
    """Images of one program: one after another where sums are shared, by shapes alone."""
    return max(1, -(-images * heads // PROGRAMS)) if sums else 1


def backward(
    grad: Heads, of: Triple, given: Given, form: Form, into: Triple, wanted: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of queries, keys and values in `into`; then of angles, bias and table."""
    fixed = constants(of, given, form)
    (batch, heads, tokens, width), device = of.q.shape, of.q.device
    of_angles, of_bias, of_table = wanted
    own = of_bias and given.bias is not None and len(given.bias) > 1
    sums = of_angles or of_table or (of_bias and not own)
    chunk = chunks(batch, heads, sums)
    parts = -(-batch // chunk)

    def room(asked: bool, first: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        size = (first, heads, *shape) if asked else (0,)
        return torch.empty(size, dtype=dtype, device=device)

    dturn = room(of_angles, parts, tokens, width // 2)
    dtable = room(of_table, parts, 2 * (form.rows + form.cols) - 2, width)
    dbias = room(of_bias, batch if own else parts, tokens, tokens)
    with beside(of.q):
        tile_backward.backward[(parts * heads,)](
            q_at=of.q, k_at=of.k, v_at=of.v, grad_at=grad,
            dq_at=into.q, dk_at=into.k, dv_at=into.v,
            dturn_at=dturn, dbias_at=dbias, dtable_at=dtable,
            **strides("q", of.q), **strides("k", of.k), **strides("v", of.v),
            **strides("grad", grad),
            **strides("dq", into.q), **strides("dk", into.k), **strides("dv", into.v),
            **shared(given, of.q),
            scale=form.scale, axes_scale=form.axes_scale, images=batch, chunk=chunk, **fixed,
            DTURN=of_angles, DBIAS=(2 if own else 1) if of_bias else 0, DTABLE=of_table,
            num_warps=warps(fixed, gradients=True, sums=sums), num_stages=1, enable_fp_fusion=True,
        )  # fmt: skip
    return (
        summed(dturn, given.cos),
        dbias if own or not of_bias else dbias.sum(0, keepdim=True),
        summed(dtable, given.table),
    )


def summed(parts: Tensor, of: Tensor | None) -> Tensor:
    """The partial sums added up, over heads too where they have one in common."""
    if of is None or not parts.numel():
        return parts
    found = parts.sum(0)
    return found if len(of) > 1 else found.sum(0, keepdim=True)
