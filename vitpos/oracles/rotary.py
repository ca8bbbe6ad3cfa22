"""References for rotations."""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.rotary import Mixed
from vitpos.oracles.base import OTHER, SAME, Answer, Case, Oracle, cases, gradients, wanted
from vitpos.specimens import position

HEADS, HEAD_DIM, DEPTH = 2, 16, 2


def compared(
    ours: PositionEmbedding, case: Case, embed: Tensor, half: bool = False
) -> Iterator[Answer]:
    """Queries, keys, logits and gradients beside those that timm turns by `embed`."""
    from timm.layers import apply_rot_embed_cat

    p, tokens = case.prefix, case.prefix + case.grid.cells
    q, k = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2))
    a, b = ours.heads(q, k, Site(case.grid, case.layer, p))
    c, d = (
        torch.cat([x[:, :, :p], apply_rot_embed_cat(x[:, :, p:], embed, half)], dim=2)
        for x in (q, k)
    )
    yield Answer("queries", a, c)
    yield Answer("keys", b, d)
    yield Answer("logits", a @ b.mT, c @ d.mT)
    names = ["gradient of queries", "gradient of keys"]
    mine, theirs = (gradients([x, y, x @ y.mT], [q, k]) for x, y in ((a, b), (c, d)))
    yield from map(Answer, names, mine, theirs)


def rope2d(case: Case) -> Iterator[Answer]:
    """RoPE-ViT's axial rotation as timm has it: in patches, columns first."""
    from timm.layers import RotaryEmbeddingCat

    theirs = RotaryEmbeddingCat(HEAD_DIM, temperature=100.0, in_pixels=False, grid_indexing="xy")
    ours = position("rope2d", grid=case.trained, prefix=case.prefix)
    yield from compared(ours, case, theirs.get_embed(case.grid))


def rope_mixed(case: Case) -> Iterator[Answer]:
    """The same for learned directions, with our frequencies and their gradient."""
    from timm.layers import RotaryEmbeddingMixed

    ours = cast(Mixed, position("rope_mixed", grid=case.trained, prefix=case.prefix))
    theirs = RotaryEmbeddingMixed(HEADS * HEAD_DIM, DEPTH, HEADS, grid_indexing="xy")
    theirs.freqs = nn.Parameter(ours.frequencies.detach().flip(0))  # columns first, in timm
    yield from compared(ours, case, theirs.get_embed(case.grid)[case.layer])
    angles = ours.angles(Site(case.grid, case.layer, 0))
    embed = theirs.get_embed(case.grid)[case.layer]
    (mine,) = gradients([angles.sin(), angles.cos()], [ours.frequencies])
    sines, cosines = (half[..., ::2] for half in embed.chunk(2, dim=-1))
    (other,) = gradients([sines, cosines], [theirs.freqs])
    yield Answer("gradient of frequencies", mine, other.flip(0))


ALL = cases((*SAME, *OTHER))
ORACLES = [
    Oracle("rope2d", "timm", "timm.layers.RotaryEmbeddingCat", rope2d, ALL),
    Oracle("rope_mixed", "timm", "timm.layers.RotaryEmbeddingMixed", rope_mixed, ALL),
]
