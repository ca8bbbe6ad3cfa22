"""Attention of one head of one image as one tile, in Triton: the gradients."""

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
    spots_of_lines,
    store_pairs,
    turned,
)


@triton.jit
@no_type_check  # Triton reads the text: no check may be wrapped around it
def backward(
    q_at, k_at, v_at, grad_at, dq_at, dk_at, dv_at, cos_at, sin_at, bias_at, table_at,
    dturn_at, dbias_at, dtable_at,
    q_batch, q_head, q_token, k_batch, k_head, k_token, v_batch, v_head, v_token,
    grad_batch, grad_head, grad_token,
    dq_batch, dq_head, dq_token, dk_batch, dk_head, dk_token, dv_batch, dv_head, dv_token,
    bias_batch, bias_head, bias_query, bias_key, turn_head, table_head,
    scale, axes_scale, images, chunk,
    HEADS: tl.constexpr, TOKENS: tl.constexpr, WIDTH: tl.constexpr, CARRIED: tl.constexpr,
    SIDE: tl.constexpr, HALF: tl.constexpr, WIDE: tl.constexpr,
    TURNED: tl.constexpr, PAIRING: tl.constexpr, PLANES: tl.constexpr, BIASED: tl.constexpr,
    AXES: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr, PREFIX: tl.constexpr,
    LINES: tl.constexpr, SPOTS: tl.constexpr, PIN: tl.constexpr,
    DTURN: tl.constexpr, DBIAS: tl.constexpr, DTABLE: tl.constexpr,
):  # fmt: skip
    """One program is one head of `chunk` images, one after another.

    What images share (bias, angles, table) has its gradient summed over the chunk, and written once
    to a place of its own: ``d*_at`` has one for each program. With ``DBIAS == 2`` every image has a
    bias of its own.
    """
    head = tl.program_id(0) % HEADS
    part = tl.program_id(0) // HEADS
    turn = head * turn_head
    rows = tl.arange(0, SIDE)
    real = (rows < TOKENS)[:, None]
    pairs = real & (rows < TOKENS)[None, :]
    kind = q_at.dtype.element_ty
    if DTURN:
        all_turn = tl.zeros((SIDE, HALF), tl.float32)
    if DBIAS == 1:
        all_bias = tl.zeros((SIDE, SIDE), tl.float32)
    if DTABLE:
        all_t1 = tl.zeros((LINES, HALF), tl.float32)
        all_t2 = tl.zeros((LINES, HALF), tl.float32)
    # what is the same for all images is made anew for each: held, it takes the registers
    for step in tl.range(0, tl.minimum(chunk, images - part * chunk), disable_licm=True):
        image = (part * chunk + step).to(tl.int64)
        q1, q2 = load_pairs(
            q_at + image * q_batch + head * q_head, rows, q_token,
            TOKENS, WIDTH, HALF, PLANES, PAIRING,
        )  # fmt: skip
        k1, k2 = load_pairs(
            k_at + image * k_batch + head * k_head, rows, k_token,
            TOKENS, WIDTH, HALF, PLANES, PAIRING,
        )  # fmt: skip
        if TURNED:
            cos, sin = load_angles(cos_at + turn, sin_at + turn, rows, TOKENS, WIDTH, HALF)
            q1, q2 = turned(q1, q2, cos, sin)
            k1, k2 = turned(k1, k2, cos, sin)
        q1, q2 = pinned(q1, PIN), pinned(q2, PIN)
        k1, k2 = pinned(k1, PIN), pinned(k2, PIN)
        logits = product(q1, q2, k1, k2) * scale
        if AXES:
            t1, t2 = load_pairs(
                table_at + head * table_head, tl.arange(0, LINES), WIDTH, 2 * ROWS + 2 * COLS - 2,
                WIDTH, HALF, PLANES, PAIRING,
            )  # fmt: skip
            t1, t2 = t1.to(kind), t2.to(kind)
            keys = spots_of_keys(SIDE, SPOTS, ROWS, COLS, PREFIX).to(kind)
            seen = product(q1, q2, t1, t2) * axes_scale
            seen = lines_of_spots(seen, SIDE, SPOTS, ROWS, COLS, PREFIX).to(kind)
            logits = tl.dot(seen, keys, logits, input_precision="ieee")
        if BIASED:
            spot = rows[:, None] * bias_query + rows[None, :] * bias_key
            own = bias_at + image * bias_batch + head * bias_head
            logits += tl.load(own + spot, mask=pairs, other=0.0)
        weights = softmax(logits, SIDE, TOKENS)
        v1, v2 = load_pairs(
            v_at + image * v_batch + head * v_head, rows, v_token,
            TOKENS, CARRIED, WIDE, (CARRIED + 1) // 2, HALVES,
        )  # fmt: skip
        g1, g2 = load_pairs(
            grad_at + image * grad_batch + head * grad_head, rows, grad_token,
            TOKENS, CARRIED, WIDE, (CARRIED + 1) // 2, HALVES,
        )  # fmt: skip
        v1, v2 = pinned(v1, PIN), pinned(v2, PIN)
        g1, g2 = pinned(g1.to(kind), PIN), pinned(g2.to(kind), PIN)
        shares = tl.trans(weights.to(kind))
        dv1 = tl.dot(shares, g1, input_precision="ieee")
        dv2 = tl.dot(shares, g2, input_precision="ieee")
        store_pairs(
            dv_at + image * dv_batch + head * dv_head, rows, dv_token, dv1, dv2,
            TOKENS, CARRIED, WIDE, (CARRIED + 1) // 2, HALVES,
        )  # fmt: skip
        dlogits = product(g1, g2, v1, v2)
        dlogits = weights * (dlogits - tl.sum(weights * dlogits, 1)[:, None])
        if DBIAS == 1:
            all_bias += dlogits
        if DBIAS == 2:
            own = dbias_at + (image * HEADS + head) * TOKENS * TOKENS
            tl.store(own + rows[:, None] * TOKENS + rows[None, :], dlogits, mask=pairs)
        scaled = (dlogits * scale).to(kind)
        dq1 = tl.dot(scaled, k1, input_precision="ieee")
        dq2 = tl.dot(scaled, k2, input_precision="ieee")
        if AXES:
            dseen = tl.dot(scaled, tl.trans(keys), input_precision="ieee") * (axes_scale / scale)
            dlines = spots_of_lines(dseen, SIDE, LINES, ROWS, COLS, PREFIX).to(kind)
            dq1 = tl.dot(dlines, t1, dq1, input_precision="ieee")
            dq2 = tl.dot(dlines, t2, dq2, input_precision="ieee")
            if DTABLE:
                all_t1 = tl.dot(tl.trans(dlines), q1, all_t1, input_precision="ieee")
                all_t2 = tl.dot(tl.trans(dlines), q2, all_t2, input_precision="ieee")
        if TURNED:
            cos, sin = load_angles(cos_at + turn, sin_at + turn, rows, TOKENS, WIDTH, HALF)
            dq1, dq2 = turned(dq1, dq2, cos, -sin)
        if DTURN:  # the same before and after both are turned: read again, not held so long
            x1, x2 = load_pairs(
                q_at + image * q_batch + head * q_head, rows, q_token,
                TOKENS, WIDTH, HALF, PLANES, PAIRING,
            )  # fmt: skip
            all_turn += dq2 * x1 - dq1 * x2
        store_pairs(
            dq_at + image * dq_batch + head * dq_head, rows, dq_token, dq1, dq2,
            TOKENS, WIDTH, HALF, PLANES, PAIRING,
        )  # fmt: skip
        dk1 = tl.dot(tl.trans(scaled), q1, input_precision="ieee")
        dk2 = tl.dot(tl.trans(scaled), q2, input_precision="ieee")
        if TURNED:
            cos, sin = load_angles(cos_at + turn, sin_at + turn, rows, TOKENS, WIDTH, HALF)
            dk1, dk2 = turned(dk1, dk2, cos, -sin)
        if DTURN:  # the same before and after both are turned: read again, not held so long
            x1, x2 = load_pairs(
                k_at + image * k_batch + head * k_head, rows, k_token,
                TOKENS, WIDTH, HALF, PLANES, PAIRING,
            )  # fmt: skip
            all_turn += dk2 * x1 - dk1 * x2
        store_pairs(
            dk_at + image * dk_batch + head * dk_head, rows, dk_token, dk1, dk2,
            TOKENS, WIDTH, HALF, PLANES, PAIRING,
        )  # fmt: skip
    mine = part * HEADS + head
    if DTURN:
        plane = tl.arange(0, HALF)[None, :]
        whole: tl.constexpr = WIDTH // 2
        own = dturn_at + (mine * TOKENS + rows[:, None]) * whole + plane
        tl.store(own, all_turn, mask=real & (plane < whole))
    if DBIAS == 1:
        own = dbias_at + (mine * TOKENS + rows[:, None]) * TOKENS + rows[None, :]
        tl.store(own, all_bias, mask=pairs)
    if DTABLE:
        known: tl.constexpr = 2 * ROWS + 2 * COLS - 2
        store_pairs(
            dtable_at + mine * known * WIDTH, tl.arange(0, LINES), WIDTH, all_t1, all_t2,
            known, WIDTH, HALF, PLANES, PAIRING,
        )  # fmt: skip
