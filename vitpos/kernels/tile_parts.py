"""What the forward and the backward tile share, in Triton: pairs of channels, rotation, axes."""

from typing import no_type_check

import triton
import triton.language as tl

NEIGHBOURS = tl.constexpr(0)
HALVES = tl.constexpr(1)
QUARTERS = tl.constexpr(2)


@triton.jit
@no_type_check  # Triton reads the text: no check may be wrapped around it
def channels(HALF: tl.constexpr, WIDTH: tl.constexpr, PLANES: tl.constexpr, PAIRING: tl.constexpr):
    """The two channels of each plane; what is left beyond `PLANES` turns by zero, in halves."""
    plane = tl.arange(0, HALF)
    whole: tl.constexpr = (WIDTH + 1) // 2
    if PAIRING == HALVES:
        first, second = plane, plane + PLANES
    else:
        part: tl.constexpr = PLANES // 2
        first = plane // part * PLANES + plane % part
        second = first + part
    if whole > PLANES:
        first = tl.where(plane < PLANES, first, plane + PLANES)
        second = tl.where(plane < PLANES, second, plane + whole)
    return first, second


@triton.jit
@no_type_check
def load_pairs(
    at, rows, stride, TOKENS: tl.constexpr, WIDTH: tl.constexpr, HALF: tl.constexpr,
    PLANES: tl.constexpr, PAIRING: tl.constexpr,
):  # fmt: skip
    """First and second channels of all planes of all rows, [rows, HALF] each; zeros beyond."""
    real = (rows < TOKENS)[:, None]
    line = at + rows[:, None] * stride
    if PAIRING == NEIGHBOURS:
        every = tl.arange(0, 2 * HALF)[None, :]
        both = tl.load(line + every, mask=real & (every < WIDTH), other=0.0)
        first, second = tl.split(both.reshape(rows.shape[0], HALF, 2))
    else:
        whole: tl.constexpr = (WIDTH + 1) // 2
        one, two = channels(HALF, WIDTH, PLANES, PAIRING)
        there = (tl.arange(0, HALF) < whole)[None, :]
        first = tl.load(line + one[None, :], mask=real & there, other=0.0)
        second = tl.load(line + two[None, :], mask=real & there & (two < WIDTH)[None, :], other=0.0)
    return first, second


@triton.jit
@no_type_check
def store_pairs(
    at, rows, stride, first, second, TOKENS: tl.constexpr, WIDTH: tl.constexpr,
    HALF: tl.constexpr, PLANES: tl.constexpr, PAIRING: tl.constexpr,
):  # fmt: skip
    """The inverse of `load_pairs`."""
    real = (rows < TOKENS)[:, None]
    line = at + rows[:, None] * stride
    kind = at.dtype.element_ty
    if PAIRING == NEIGHBOURS:
        every = tl.arange(0, 2 * HALF)[None, :]
        both = tl.join(first, second).reshape(rows.shape[0], 2 * HALF)
        tl.store(line + every, both.to(kind), mask=real & (every < WIDTH))
    else:
        whole: tl.constexpr = (WIDTH + 1) // 2
        one, two = channels(HALF, WIDTH, PLANES, PAIRING)
        there = (tl.arange(0, HALF) < whole)[None, :]
        tl.store(line + one[None, :], first.to(kind), mask=real & there)
        tl.store(line + two[None, :], second.to(kind), mask=real & there & (two < WIDTH)[None, :])


@triton.jit
@no_type_check
def load_angles(
    cos_at, sin_at, rows, TOKENS: tl.constexpr, WIDTH: tl.constexpr, HALF: tl.constexpr
):  # fmt: skip
    """Cosines and sines of all planes of all rows, [rows, HALF] each, in float32."""
    plane = tl.arange(0, HALF)[None, :]
    whole: tl.constexpr = WIDTH // 2
    spot = rows[:, None] * whole + plane
    real = (rows < TOKENS)[:, None] & (plane < whole)
    return tl.load(cos_at + spot, mask=real, other=1.0), tl.load(
        sin_at + spot, mask=real, other=0.0
    )


@triton.jit
@no_type_check
def turned(first, second, cos, sin):
    """Both channels of planes turned by their angles, in float32, as they were given."""
    x, y = first.to(tl.float32), second.to(tl.float32)
    return (x * cos - y * sin).to(first.dtype), (y * cos + x * sin).to(first.dtype)


@triton.jit
@no_type_check
def pinned(x, PIN: tl.constexpr):
    """The same numbers, computed once: else each warp makes all those that it multiplies with."""
    if PIN:
        if x.dtype.primitive_bitwidth == 16:
            x = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [x], x.dtype, False, 2)
        else:
            x = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [x], x.dtype, False, 1)
    return x


@triton.jit
@no_type_check
def product(a1, a2, b1, b2):
    """``a bᵀ``, of vectors whose channels come in two parts, in float32."""
    found = tl.dot(a1, tl.trans(b1), input_precision="ieee")
    return tl.dot(a2, tl.trans(b2), found, input_precision="ieee")


@triton.jit
@no_type_check
def softmax(logits, SIDE: tl.constexpr, TOKENS: tl.constexpr):
    """Over keys, of which those beyond `TOKENS` are not there."""
    if TOKENS < SIDE:
        logits = tl.where((tl.arange(0, SIDE) < TOKENS)[None, :], logits, float("-inf"))
    risen = tl.exp(logits - tl.max(logits, 1)[:, None])
    return risen / tl.sum(risen, 1)[:, None]


@triton.jit
@no_type_check
def spots_of_keys(
    SIDE: tl.constexpr, SPOTS: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
    PREFIX: tl.constexpr,
):  # fmt: skip
    """1 where a key is in a row, [first spots, SIDE], or in a column, [spots after them, SIDE]."""
    spot = tl.arange(0, SPOTS)[:, None]
    key = tl.arange(0, SIDE)[None, :] - PREFIX
    cell = (key >= 0) & (key < ROWS * COLS)
    there = (spot == key // COLS) | (spot == ROWS + key % COLS)
    return cell & there


@triton.jit
@no_type_check
def lines_of_spots(
    lines, SIDE: tl.constexpr, SPOTS: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
    PREFIX: tl.constexpr,
):  # fmt: skip
    """From a number per query and offset, [SIDE, lines], one per query and place of a key."""
    query = tl.arange(0, SIDE)[:, None] - PREFIX
    spot = tl.arange(0, SPOTS)[None, :]
    by_row = query // COLS - spot + ROWS - 1
    by_col = query % COLS - (spot - ROWS) + COLS - 1 + 2 * ROWS - 1
    real = (query >= 0) & (query < ROWS * COLS) & (spot < ROWS + COLS)
    at = tl.where(real, tl.where(spot < ROWS, by_row, by_col), 0)
    return tl.where(real, tl.gather(lines, at, 1), 0.0)


@triton.jit
@no_type_check
def spots_of_lines(
    spots, SIDE: tl.constexpr, LINES: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
    PREFIX: tl.constexpr,
):  # fmt: skip
    """The transpose of `lines_of_spots`."""
    query = tl.arange(0, SIDE)[:, None] - PREFIX
    line = tl.arange(0, LINES)[None, :]
    of_rows: tl.constexpr = 2 * ROWS - 1
    row = query // COLS + ROWS - 1 - line
    col = query % COLS + COLS - 1 - (line - of_rows)
    right = (line < of_rows) & (row >= 0) & (row < ROWS)
    down = (line >= of_rows) & (line < of_rows + 2 * COLS - 1) & (col >= 0) & (col < COLS)
    real = (query >= 0) & (query < ROWS * COLS) & (right | down)
    at = tl.where(real, tl.where(line < of_rows, row, ROWS + col), 0)
    return tl.where(real, tl.gather(spots, at, 1), 0.0)
