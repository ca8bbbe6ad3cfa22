"""References for polar positions."""

from collections.abc import Iterator
from math import pi
from typing import cast

import torch
from torch import Tensor

from vitpos.embeddings.base import Site
from vitpos.embeddings.polar import Polar
from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, Answer, Case, Oracle, cases, gradients, wanted
from vitpos.specimens import noise, position

HEADS, HEAD_DIM = 2, 16


def ours(name: str, case: Case, **changes: object) -> Polar:
    """The strategy with phases all over the turn, of which some are held at its ends."""
    found = cast(Polar, position(name, changes=changes, grid=case.trained, prefix=case.prefix))
    with torch.no_grad():
        found.phases.copy_((noise(*found.phases.shape, seed=3) - 1) * pi)
    return found


def placed(grid: Grid, prefix: int) -> Tensor:
    """Row and column of every token, 0 for those of the prefix."""
    at = grid.indices(torch.device("cpu")).float()
    return torch.cat([torch.zeros(prefix, 2), at])


def compared(
    mine: Polar, case: Case, q: Tensor, k: Tensor, c: Tensor, d: Tensor, bias: Tensor
) -> Iterator[Answer]:
    """Logits and gradients; the order of cosines and sines within a query is free."""
    a, b = mine.heads(q, k, Site(case.grid, case.layer, case.prefix))
    yield Answer("logits", a @ b.mT, c @ d.mT)
    (theirs_q, theirs_k, theirs_bias) = gradients([c @ d.mT], [q, k, bias])
    (mine_q, mine_k, mine_bias) = gradients([a @ b.mT], [q, k, mine.phases])
    yield Answer("gradient of queries", mine_q, theirs_q)
    yield Answer("gradient of keys", mine_k, theirs_k)
    phases = mine.phases[case.layer]
    held = (phases > 0) | (phases < -2 * pi)  # where the reference does not learn
    yield Answer("gradient of phases", mine_bias[case.layer].masked_fill(held, 0.0), theirs_bias)


def inputs(case: Case) -> tuple[Tensor, Tensor]:
    """Queries and keys."""
    tokens = case.prefix + case.grid.cells
    q, k = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2))
    return q, k


def pope(case: Case) -> Iterator[Answer]:
    """Columns come first in the package."""
    from PoPE_pytorch import AxialPoPE

    mine = ours("pope", case, theta=50.0)
    theirs = AxialPoPE(HEAD_DIM, heads=HEADS, axial_dims=(HEAD_DIM // 2, HEAD_DIM // 2), theta=50.0)
    theirs.bias.data.copy_(mine.phases[case.layer])
    q, k = inputs(case)
    embed = theirs(placed(case.grid, case.prefix).flip(-1))
    c, d = AxialPoPE.apply_pope_to_qk(embed, q, k)
    yield from compared(mine, case, q, k, c, d, theirs.bias)


def pope_golden(case: Case) -> Iterator[Answer]:
    """Rows come first, as in the package's own transformer."""
    from vit_pytorch.vit_nd_pope import GoldenGatePoPENd, apply_polar_pos_emb

    mine = ours("pope_golden", case, slowest=0.2, fastest=2.0, still=0.25)
    theirs = GoldenGatePoPENd(2, HEADS, HEAD_DIM, min_freq=0.2, max_freq=2.0, p_zero_freqs=0.25)
    theirs.learned_bias.data.copy_(mine.phases[case.layer])
    q, k = inputs(case)
    angles, bias = theirs(placed(case.grid, case.prefix)[None])
    c, d = apply_polar_pos_emb(q, angles), apply_polar_pos_emb(k, angles + bias)
    site = Site(case.grid, case.layer, case.prefix)
    yield Answer("angles", mine.angles(site), angles[0])
    yield from compared(mine, case, q, k, c, d, theirs.learned_bias)


ALL = cases((*SAME, *OTHER))
ORACLES = [
    Oracle("pope", "PoPE-pytorch", "PoPE_pytorch.AxialPoPE", pope, ALL),
    Oracle(
        "pope_golden", "vit-pytorch", "vit_pytorch.vit_nd_pope.GoldenGatePoPENd", pope_golden, ALL
    ),
]
