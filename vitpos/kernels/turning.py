"""The machine side of `rotary`: pairs of channels of queries and keys turned, and turned back.

A program turns one head of a few tokens of many images, queries and keys alike, so that it reads
the cosines and sines of its tokens once. Tensors may be strided in all but the last dimension, as
views of one packed product are; results lie token by token, heads side by side.

The ``ROWS`` rows of a tile are ``TOKENS`` tokens of each of ``ROWS / TOKENS`` images, and a program
takes `steps` tiles one after another. All arithmetic is in the type of the cosines.
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check  # Triton reads the text: no check may be wrapped around it
def turn(
    X1, X2, OUT1, OUT2, COS, SIN,
    images, tokens, steps,
    x1_image, x1_head, x1_token, x2_image, x2_head, x2_token,
    out_image, out_token, table_head,
    WIDTH: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr, STILL: tl.constexpr,
    ROWS: tl.constexpr, TOKENS: tl.constexpr,
    PAIRING: tl.constexpr, BACK: tl.constexpr, BOTH: tl.constexpr,
):  # fmt: skip
    """Turn heads by the angles of their tokens, or back by them; `X2` only if ``BOTH``."""
    KIND: tl.constexpr = COS.dtype.element_ty
    head, token, first = place(steps, ROWS, TOKENS)
    cos, sin = angle(COS, SIN, head * table_head, token, token < tokens, PLANES, BLOCK)
    if BACK:
        sin = -sin
    for step in range(steps):
        image = first + step * (ROWS // TOKENS)
        alive = (token < tokens) & (image < images)
        far = image.to(tl.int64)
        out = far * out_image + token * out_token + head * WIDTH
        x1 = far * x1_image + token * x1_token + head * x1_head
        a, b = read(X1, x1, alive, PLANES, BLOCK, PAIRING, KIND)
        write(OUT1, out, alive, a * cos - b * sin, b * cos + a * sin, PLANES, BLOCK, PAIRING)
        copy(X1, x1, OUT1, out, alive, WIDTH, PLANES, STILL)
        if BOTH:
            x2 = far * x2_image + token * x2_token + head * x2_head
            a, b = read(X2, x2, alive, PLANES, BLOCK, PAIRING, KIND)
            write(OUT2, out, alive, a * cos - b * sin, b * cos + a * sin, PLANES, BLOCK, PAIRING)
            copy(X2, x2, OUT2, out, alive, WIDTH, PLANES, STILL)


@triton.jit
@no_type_check
def learn(
    G1, G2, X1, X2, OUT1, OUT2, COS, SIN, DCOS, DSIN,
    images, tokens, steps,
    g1_image, g1_head, g1_token, g2_image, g2_head, g2_token,
    x1_image, x1_head, x1_token, x2_image, x2_head, x2_token,
    out_image, out_token, table_head,
    WIDTH: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr, STILL: tl.constexpr,
    ROWS: tl.constexpr, TOKENS: tl.constexpr,
    PAIRING: tl.constexpr, BOTH: tl.constexpr,
):  # fmt: skip
    """Turn gradients back, and sum up what cosines and sines get.

    ``DCOS`` and ``DSIN`` have a slice for every image of a tile and every program along images:
    [slices, heads, tokens, planes], to be added up afterwards, in the same order each time.
    """
    KIND: tl.constexpr = COS.dtype.element_ty
    head, token, first = place(steps, ROWS, TOKENS)
    cos, sin = angle(COS, SIN, head * table_head, token, token < tokens, PLANES, BLOCK)
    dcos, dsin = tl.zeros_like(cos), tl.zeros_like(sin)
    for step in range(steps):
        image = first + step * (ROWS // TOKENS)
        alive = (token < tokens) & (image < images)
        far = image.to(tl.int64)
        out = far * out_image + token * out_token + head * WIDTH
        g1 = far * g1_image + token * g1_token + head * g1_head
        x1 = far * x1_image + token * x1_token + head * x1_head
        g, h = read(G1, g1, alive, PLANES, BLOCK, PAIRING, KIND)
        a, b = read(X1, x1, alive, PLANES, BLOCK, PAIRING, KIND)
        dcos += g * a + h * b
        dsin += h * a - g * b
        write(OUT1, out, alive, g * cos + h * sin, h * cos - g * sin, PLANES, BLOCK, PAIRING)
        copy(G1, g1, OUT1, out, alive, WIDTH, PLANES, STILL)
        if BOTH:
            g2 = far * g2_image + token * g2_token + head * g2_head
            x2 = far * x2_image + token * x2_token + head * x2_head
            g, h = read(G2, g2, alive, PLANES, BLOCK, PAIRING, KIND)
            a, b = read(X2, x2, alive, PLANES, BLOCK, PAIRING, KIND)
            dcos += g * a + h * b
            dsin += h * a - g * b
            write(OUT2, out, alive, g * cos + h * sin, h * cos - g * sin, PLANES, BLOCK, PAIRING)
            copy(G2, g2, OUT2, out, alive, WIDTH, PLANES, STILL)
    part = tl.program_id(2) * (ROWS // TOKENS) + tl.arange(0, ROWS) // TOKENS
    row = ((part * tl.num_programs(0) + head) * tokens + token) * PLANES
    plane = tl.arange(0, BLOCK)
    inside = (token < tokens)[:, None] & (plane < PLANES)[None, :]
    tl.store(DCOS + row[:, None] + plane[None, :], dcos, mask=inside)
    tl.store(DSIN + row[:, None] + plane[None, :], dsin, mask=inside)


@triton.jit
@no_type_check
def place(steps, ROWS: tl.constexpr, TOKENS: tl.constexpr):
    """The head of this program, and the token and first image of each of its rows."""
    row = tl.arange(0, ROWS)
    token = tl.program_id(1) * TOKENS + row % TOKENS
    image = tl.program_id(2) * steps * (ROWS // TOKENS) + row // TOKENS
    return tl.program_id(0), token, image


@triton.jit
@no_type_check
def angle(COS, SIN, table, token, alive, PLANES: tl.constexpr, BLOCK: tl.constexpr):
    """Cosines and sines of these tokens."""
    plane = tl.arange(0, BLOCK)
    inside = alive[:, None] & (plane < PLANES)[None, :]
    where = table + token[:, None] * PLANES + plane[None, :]
    cos = tl.load(COS + where, mask=inside, other=1.0)
    sin = tl.load(SIN + where, mask=inside, other=0.0)
    return cos, sin


@triton.jit
@no_type_check
def read(
    X, row, alive,
    PLANES: tl.constexpr, BLOCK: tl.constexpr, PAIRING: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """Both channels of every plane of these rows."""
    if PAIRING == "neighbours":
        channel = tl.arange(0, 2 * BLOCK)
        inside = alive[:, None] & (channel < 2 * PLANES)[None, :]
        both = tl.load(X + row[:, None] + channel[None, :], mask=inside, other=0.0).to(KIND)
        a, b = tl.split(tl.reshape(both, (row.shape[0], BLOCK, 2)))
    else:
        plane = tl.arange(0, BLOCK)
        first, apart = first_channel(plane, PLANES, PAIRING)
        inside = alive[:, None] & (plane < PLANES)[None, :]
        a = tl.load(X + row[:, None] + first[None, :], mask=inside, other=0.0).to(KIND)
        b = tl.load(X + row[:, None] + (first + apart)[None, :], mask=inside, other=0.0).to(KIND)
    return a, b


@triton.jit
@no_type_check
def write(
    OUT, row, alive, a, b,
    PLANES: tl.constexpr, BLOCK: tl.constexpr, PAIRING: tl.constexpr,
):  # fmt: skip
    """The reverse of `read`."""
    kind: tl.constexpr = OUT.dtype.element_ty
    if PAIRING == "neighbours":
        channel = tl.arange(0, 2 * BLOCK)
        inside = alive[:, None] & (channel < 2 * PLANES)[None, :]
        both = tl.reshape(tl.join(a, b), (row.shape[0], 2 * BLOCK))
        tl.store(OUT + row[:, None] + channel[None, :], both.to(kind), mask=inside)
    else:
        plane = tl.arange(0, BLOCK)
        first, apart = first_channel(plane, PLANES, PAIRING)
        inside = alive[:, None] & (plane < PLANES)[None, :]
        tl.store(OUT + row[:, None] + first[None, :], a.to(kind), mask=inside)
        tl.store(OUT + row[:, None] + (first + apart)[None, :], b.to(kind), mask=inside)


@triton.jit
@no_type_check
def first_channel(plane, PLANES: tl.constexpr, PAIRING: tl.constexpr):
    """The first channel of a plane, and how far off the second is."""
    half: tl.constexpr = PLANES // 2
    if PAIRING == "halves":
        first = plane
        apart = PLANES
    else:
        first = plane // half * PLANES + plane % half
        apart = half
    return first, apart


@triton.jit
@no_type_check
def copy(
    X, x, OUT, out, alive,
    WIDTH: tl.constexpr, PLANES: tl.constexpr, STILL: tl.constexpr,
):  # fmt: skip
    """Channels that do not turn, as they are."""
    if STILL:
        channel = 2 * PLANES + tl.arange(0, STILL)
        inside = alive[:, None] & (channel < WIDTH)[None, :]
        still = tl.load(X + x[:, None] + channel[None, :], mask=inside, other=0.0)
        tl.store(OUT + out[:, None] + channel[None, :], still, mask=inside)
