"""Attention of one head of one image as one tile, in Triton: what is read."""

from typing import no_type_check

import triton
import triton.language as tl

from vitpos.kernels.tile_parts import (
    HALVES,
    lines_of_spots,
    load_angles,
    load_pairs,
    pinned,
    product,
    softmax,
    spots_of_keys,
    store_pairs,
    turned,
)


@triton.jit
@no_type_check  # Triton reads the text: no check may be wrapped around it
def forward(
    q_at, k_at, v_at, out_at, cos_at, sin_at, bias_at, table_at,
    q_batch, q_head, q_token, k_batch, k_head, k_token, v_batch, v_head, v_token,
    bias_batch, bias_head, bias_query, bias_key, turn_head, table_head,
    scale, axes_scale,
    HEADS: tl.constexpr, TOKENS: tl.constexpr, WIDTH: tl.constexpr, CARRIED: tl.constexpr,
    SIDE: tl.constexpr, HALF: tl.constexpr, WIDE: tl.constexpr,
    TURNED: tl.constexpr, PAIRING: tl.constexpr, PLANES: tl.constexpr, BIASED: tl.constexpr,
    AXES: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr, PREFIX: tl.constexpr,
    LINES: tl.constexpr, SPOTS: tl.constexpr, PIN: tl.constexpr,
):  # fmt: skip
    """One program is one head of one image."""
    head = tl.program_id(0) % HEADS
    image = (tl.program_id(0) // HEADS).to(tl.int64)
    rows = tl.arange(0, SIDE)
    real = (rows < TOKENS)[:, None]
    kind = q_at.dtype.element_ty
    q_at += image * q_batch + head * q_head
    k_at += image * k_batch + head * k_head
    q1, q2 = load_pairs(q_at, rows, q_token, TOKENS, WIDTH, HALF, PLANES, PAIRING)
    k1, k2 = load_pairs(k_at, rows, k_token, TOKENS, WIDTH, HALF, PLANES, PAIRING)
    if TURNED:
        cos, sin = load_angles(
            cos_at + head * turn_head, sin_at + head * turn_head, rows, TOKENS, WIDTH, HALF
        )
        q1, q2 = turned(q1, q2, cos, sin)
        k1, k2 = turned(k1, k2, cos, sin)
        q1, q2 = pinned(q1, PIN), pinned(q2, PIN)
        k1, k2 = pinned(k1, PIN), pinned(k2, PIN)
    logits = product(q1, q2, k1, k2) * scale
    if AXES:
        lines = tl.arange(0, LINES)
        t1, t2 = load_pairs(
            table_at + head * table_head, lines, WIDTH, 2 * ROWS + 2 * COLS - 2, WIDTH, HALF,
            PLANES, PAIRING,
        )  # fmt: skip
        seen = product(q1, q2, t1.to(kind), t2.to(kind)) * axes_scale
        seen = lines_of_spots(seen, SIDE, SPOTS, ROWS, COLS, PREFIX).to(kind)
        keys = spots_of_keys(SIDE, SPOTS, ROWS, COLS, PREFIX).to(kind)
        logits = tl.dot(seen, keys, logits, input_precision="ieee")
    if BIASED:
        bias_at += image * bias_batch + head * bias_head
        spot = rows[:, None] * bias_query + rows[None, :] * bias_key
        logits += tl.load(bias_at + spot, mask=real & (rows < TOKENS)[None, :], other=0.0)
    weights = softmax(logits, SIDE, TOKENS)
    v1, v2 = load_pairs(
        v_at + image * v_batch + head * v_head, rows, v_token,
        TOKENS, CARRIED, WIDE, (CARRIED + 1) // 2, HALVES,
    )  # fmt: skip
    shares = weights.to(kind)
    store_pairs(
        out_at + (image * TOKENS * HEADS + head) * CARRIED, rows, HEADS * CARRIED,
        tl.dot(shares, v1, input_precision="ieee"), tl.dot(shares, v2, input_precision="ieee"),
        TOKENS, CARRIED, WIDE, (CARRIED + 1) // 2, HALVES,
    )  # fmt: skip
