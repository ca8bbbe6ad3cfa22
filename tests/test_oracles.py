"""Every strategy computes what its reference in timm computes, gradients included."""

import math

import pytest
import timm.layers
import torch
from networks import noise, position
from timm.models.twins import PosConv
from torch import nn

from vitpos.embeddings.base import Site
from vitpos.grid import Grid

# The trained grid and the grid of the images: as trained, larger, and oblong in both ways.
GRIDS = [
    (Grid(4, 4), Grid(4, 4)),
    (Grid(4, 4), Grid(3, 7)),
    (Grid(3, 5), Grid(3, 5)),
    (Grid(3, 5), Grid(6, 4)),
]
DIM, HEADS, DEPTH, BATCH = 32, 2, 2, 2

on_grids = pytest.mark.parametrize(("trained", "grid"), GRIDS)
with_prefix = pytest.mark.parametrize("prefix", [0, 1, 3])


def close(ours, theirs):
    """Within a relative error of 1e-5 of the largest number."""
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


def weighted(x):
    """A number whose gradient is another one at every element."""
    return (x * noise(*x.shape, seed=7)).sum()


def with_gradients(outputs, inputs):
    """The outputs, and the gradients of a weighted sum of them."""
    return [*outputs, *torch.autograd.grad(sum(map(weighted, outputs)), inputs)]


def same(ours, theirs):
    """All tensors of two lists are close."""
    for a, b in zip(ours, theirs, strict=True):
        close(a, b)


def heads(prefix, grid):
    """Queries and keys that want gradients."""
    shape = BATCH, HEADS, prefix + grid.cells, DIM // HEADS
    return noise(*shape, seed=1).requires_grad_(), noise(*shape, seed=2).requires_grad_()


@on_grids
@with_prefix
def test_learned1d(trained, grid, prefix):
    """The table and its gradient after resizing by `resample_abs_pos_embed`."""
    ours = position("learned1d", grid=trained, prefix=prefix)
    x = noise(BATCH, prefix + grid.cells, DIM)
    slots = torch.cat([torch.zeros(prefix, DIM), ours.weight])[None]
    table = timm.layers.resample_abs_pos_embed(
        slots, grid, trained, num_prefix_tokens=prefix, interpolation="bicubic", antialias=True
    )

    same(
        with_gradients([ours.tokens(x, Site(grid, 0, prefix))], ours.weight),
        with_gradients([x + table], ours.weight),
    )


@on_grids
@with_prefix
def test_sincos2d(trained, grid, prefix):
    """The table of `build_sincos2d_pos_embed` with interleaved sines and cosines, on the cells."""
    ours = position("sincos2d", grid=trained, prefix=prefix)
    x = noise(BATCH, prefix + grid.cells, DIM)
    table = timm.layers.build_sincos2d_pos_embed(grid, dim=DIM, interleave_sin_cos=True)

    close(ours.table(grid), table)
    close(
        ours.tokens(x, Site(grid, 0, prefix)),
        torch.cat([x[:, :prefix], x[:, prefix:] + table], dim=1),
    )


def turned(q, k, embed, prefix):
    """Queries, keys and their logits, with cells turned by timm."""
    q, k = (
        torch.cat(
            [x[:, :, :prefix], timm.layers.apply_rot_embed_cat(x[:, :, prefix:], embed)], dim=2
        )
        for x in (q, k)
    )
    return [q, k, q @ k.mT]


@on_grids
@with_prefix
def test_rope2d(trained, grid, prefix):
    """Queries, keys, logits and gradients of `RotaryEmbeddingCat` in patches, columns first."""
    ours = position("rope2d", grid=trained, prefix=prefix)
    theirs = timm.layers.RotaryEmbeddingCat(
        DIM // HEADS, temperature=100.0, in_pixels=False, grid_indexing="xy"
    )
    q, k = heads(prefix, grid)
    a, b = ours.heads(q, k, Site(grid, 0, prefix))

    same(
        with_gradients([a, b, a @ b.mT], [q, k]),
        with_gradients(turned(q, k, theirs.get_embed(grid), prefix), [q, k]),
    )


@on_grids
@with_prefix
@pytest.mark.parametrize("layer", range(DEPTH))
def test_rope_mixed(trained, grid, prefix, layer):
    """The same for `RotaryEmbeddingMixed` with our frequencies, which learn alike."""
    ours = position("rope_mixed", grid=trained, prefix=prefix)
    theirs = timm.layers.RotaryEmbeddingMixed(DIM, DEPTH, HEADS, grid_indexing="xy")
    theirs.freqs = nn.Parameter(ours.frequencies.detach().flip(0))  # columns first, as timm has it
    q, k = heads(prefix, grid)
    a, b = ours.heads(q, k, Site(grid, layer, prefix))
    ours_all = with_gradients([a, b, a @ b.mT], [q, k, ours.frequencies])
    embed = theirs.get_embed(grid)[layer]
    theirs_all = with_gradients(turned(q, k, embed, prefix), [q, k, theirs.freqs])
    theirs_all[-1] = theirs_all[-1].flip(0)

    same(ours_all, theirs_all)


def test_rope_mixed_starts_like_timm():
    """The spectrum of lengths is timm's: those of RoPE-Axial, twice, at right angles."""
    ours = position("rope_mixed").frequencies.detach()
    theirs = timm.layers.RotaryEmbeddingMixed(DIM, DEPTH, HEADS, temperature=10.0).freqs.detach()
    first, second = ours.chunk(2, dim=-1)

    close(ours.norm(dim=0), theirs.norm(dim=0))
    assert (first * second).sum(dim=0).abs().max() < 1e-6


@pytest.mark.parametrize("grid", [Grid(4, 4), Grid(3, 5), Grid(5, 2)])
@pytest.mark.parametrize("prefix", [0, 1])
@pytest.mark.parametrize("layer", range(DEPTH))
def test_swin_rpb(grid, prefix, layer):
    """The bias of `RelPosBias` and the gradient of its table, layer by layer."""
    ours = position("swin_rpb", grid=grid, prefix=prefix)
    theirs = timm.layers.RelPosBias(window_size=grid, num_heads=HEADS, prefix_tokens=prefix)
    table = ours.weight.detach()[layer].flatten(1).T
    entries = torch.cat([table, torch.zeros(3 * prefix, HEADS)])  # ours says nothing of CLS
    theirs.relative_position_bias_table = nn.Parameter(entries)
    q, k = heads(prefix, grid)
    bias, grad = with_gradients([ours.logits(q, k, Site(grid, layer, prefix))], ours.weight)
    wanted, table_grad = with_gradients([theirs.get_bias()], theirs.relative_position_bias_table)

    close(bias, wanted)
    close(grad[layer].flatten(1).T, table_grad[: len(table)])
    assert not grad[1 - layer].any()


@pytest.mark.parametrize("grid", [Grid(4, 4), Grid(3, 7), Grid(1, 5)])
@pytest.mark.parametrize("prefix", [0, 2])
def test_peg(grid, prefix):
    """The tokens of `PosConv`, with gradients of tokens, kernels and biases."""
    ours = position("peg", prefix=prefix)
    (conv,) = ours.convs.values()
    theirs = PosConv(DIM, DIM)
    theirs.proj[0].load_state_dict(conv.state_dict())
    x = noise(BATCH, prefix + grid.cells, DIM).requires_grad_()
    cells = theirs(x[:, prefix:], grid)

    same(
        with_gradients([ours.tokens(x, Site(grid, 1, prefix))], [x, conv.weight, conv.bias]),
        with_gradients(
            [torch.cat([x[:, :prefix], cells], dim=1)],
            [x, theirs.proj[0].weight, theirs.proj[0].bias],
        ),
    )


@pytest.mark.parametrize("heads", [2, 3, 4, 8, 12])
@pytest.mark.parametrize("grid", [Grid(4, 4), Grid(3, 5)])
@pytest.mark.parametrize("prefix", [0, 1])
def test_alibi2d(heads, grid, prefix):
    """Minus slope times Euclidean distance, cell by cell, with slopes as the papers say them."""
    ours = position("alibi2d", dim=12 * heads, heads=heads, prefix=prefix)
    bias = ours.logits(*noise(2, 1, heads, prefix + grid.cells, 12), Site(grid, 0, prefix))
    lower = 2 ** math.floor(math.log2(heads))
    # "a geometric sequence that starts at 2^(-8/n) and uses that same value as its ratio"; if n is
    # no power of two, the slopes of the power below, then every other slope of the power above.
    slopes = [(2 ** (-8 / lower)) ** t for t in range(1, lower + 1)]
    slopes += [(2 ** (-4 / lower)) ** t for t in range(1, 2 * lower + 1)][0::2]
    wanted = torch.zeros(1, heads, prefix + grid.cells, prefix + grid.cells)
    for i in range(grid.cells):
        for j in range(grid.cells):
            (row, col), (to_row, to_col) = divmod(i, grid.cols), divmod(j, grid.cols)
            distance = math.sqrt((row - to_row) ** 2 + (col - to_col) ** 2)
            for head in range(heads):
                wanted[0, head, prefix + i, prefix + j] = -slopes[head] * distance

    close(bias, wanted)
