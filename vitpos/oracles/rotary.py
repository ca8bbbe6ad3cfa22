"""References for rotations: timm, lucidrains' packages, and how new lengths are met."""

import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.directions import Mixed
from vitpos.embeddings.sequences import Sequence
from vitpos.embeddings.stretching import IMAGES
from vitpos.grid import Grid
from vitpos.oracles.base import (
    OBLONG,
    OTHER,
    SAME,
    SQUARE,
    Answer,
    Case,
    Oracle,
    cases,
    gradients,
    wanted,
)
from vitpos.specimens import position

HEADS, HEAD_DIM, DEPTH = 2, 16, 2

Turn = Callable[[Tensor], Tensor]  # of vectors of cells, [batch, heads, cells, head_dim]


def compared(ours: PositionEmbedding, case: Case, turn: Turn) -> Iterator[Answer]:
    """Queries, keys, logits and gradients beside those whose cells are turned by the reference."""
    p, tokens = case.prefix, case.prefix + case.grid.cells
    q, k = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2))
    a, b = ours.heads(q, k, Site(case.grid, case.layer, p))
    c, d = (torch.cat([x[:, :, :p], turn(x[:, :, p:])], dim=2) for x in (q, k))
    yield Answer("queries", a, c)
    yield Answer("keys", b, d)
    yield Answer("logits", a @ b.mT, c @ d.mT)
    names = ["gradient of queries", "gradient of keys"]
    mine, theirs = (gradients([x, y, x @ y.mT], [q, k]) for x, y in ((a, b), (c, d)))
    yield from map(Answer, names, mine, theirs)


def by_timm(embed: Tensor, half: bool = False) -> Turn:
    """The rotation that timm makes of its sines and cosines."""
    from timm.layers import apply_rot_embed_cat

    return lambda x: apply_rot_embed_cat(x, embed, half)


def made(name: str, case: Case, **changes: Any) -> PositionEmbedding:
    """Our strategy with these options."""
    return position(name, grid=case.trained, prefix=case.prefix, changes=changes)


def cat(name: str, changes: dict[str, Any], **options: Any) -> Callable[[Case], Iterator[Answer]]:
    """An oracle of timm's axial rotation with these options."""

    def ask(case: Case) -> Iterator[Answer]:
        from timm.layers import RotaryEmbeddingCat

        given = options | ({"ref_feat_shape": list(case.trained)} if name == "rope2d_eva02" else {})
        theirs = RotaryEmbeddingCat(HEAD_DIM, **given)
        yield from compared(made(name, case, **changes), case, by_timm(theirs.get_embed(case.grid)))

    return ask


def dinov3(coords: str, normalised: str) -> Callable[[Case], Iterator[Answer]]:
    """An oracle of timm's port of DINOv3 for one way to normalise coordinates."""

    def ask(case: Case) -> Iterator[Answer]:
        from timm.layers import RotaryEmbeddingDinoV3

        theirs = RotaryEmbeddingDinoV3(HEAD_DIM, normalize_coords=normalised)
        ours = made("rope_dinov3", case, coords=coords)
        yield from compared(ours, case, by_timm(theirs.get_embed(list(case.grid)), half=True))

    return ask


def periods(case: Case) -> Iterator[Answer]:
    """DINOv3's other spectrum, from a shortest to a longest period."""
    from timm.layers import RotaryEmbeddingDinoV3

    theirs = RotaryEmbeddingDinoV3(HEAD_DIM, temperature=None, min_period=0.5, max_period=9.0)
    changes = {"first": 4 * math.pi, "last": 2 * math.pi / 9, "spacing": "log"}
    ours = made("rope_pixel", case, coords="centre", pairing="halves", **changes)
    yield from compared(ours, case, by_timm(theirs.get_embed(list(case.grid)), half=True))


def mrope(case: Case) -> Iterator[Answer]:
    """Sections of time, rows and columns."""
    from timm.layers import RotaryEmbeddingMRope

    theirs = RotaryEmbeddingMRope(HEAD_DIM, mrope_section=(2, 2, 1))
    ours = made("mrope", case, rows=2, cols=1)
    yield from compared(ours, case, by_timm(theirs.get_embed(list(case.grid)), half=True))


def rope_mixed(case: Case) -> Iterator[Answer]:
    """Learned directions, with our frequencies and their gradient."""
    from timm.layers import RotaryEmbeddingMixed

    ours = cast(Mixed, made("rope_mixed", case))
    theirs = RotaryEmbeddingMixed(HEADS * HEAD_DIM, DEPTH, HEADS, grid_indexing="xy")
    theirs.freqs = nn.Parameter(ours.frequencies.detach().flip(0))  # columns first, in timm
    embed = theirs.get_embed(case.grid)[case.layer]
    yield from compared(ours, case, by_timm(embed))
    angles = ours.angles(Site(case.grid, case.layer, 0))
    (mine,) = gradients([angles.sin(), angles.cos()], [ours.frequencies])
    sines, cosines = (half[..., ::2] for half in embed.chunk(2, dim=-1))
    (other,) = gradients([sines, cosines], [theirs.freqs])
    yield Answer("gradient of frequencies", mine, other.flip(0))


def lucid(name: str, **options: Any) -> Callable[[Case], Iterator[Answer]]:
    """An oracle of lucidrains' axial frequencies, rows first."""

    def ask(case: Case) -> Iterator[Answer]:
        from rotary_embedding_torch import RotaryEmbedding, apply_rotary_emb

        theirs = RotaryEmbedding(HEAD_DIM // 2, cache_if_possible=False, **options)
        angles = theirs.get_axial_freqs(*case.grid).flatten(0, 1)
        ours = made(name, case, layout="rows_cols")
        yield from compared(ours, case, lambda x: apply_rotary_emb(angles, x))

    return ask


def rvt(case: Case) -> Iterator[Answer]:
    """The rotary ViT that pixel frequencies come from; it knows square grids only."""
    from vit_pytorch.rvt import AxialRotaryEmbedding, rotate_every_two

    def turn(x: Tensor) -> Tensor:
        sines, cosines = AxialRotaryEmbedding(HEAD_DIM)(x)
        return x * cosines + rotate_every_two(x) * sines

    yield from compared(made("rope_pixel", case), case, turn)


def rope1d(case: Case) -> Iterator[Answer]:
    """RoFormer's rotation by lucidrains."""
    from rotary_embedding_torch import RotaryEmbedding

    theirs = RotaryEmbedding(HEAD_DIM, cache_if_possible=False)
    yield from compared(made("rope1d", case), case, theirs.rotate_queries_or_keys)


def golden(case: Case) -> Iterator[Answer]:
    """Directions by a low-discrepancy sequence."""
    from vit_pytorch.vit_nd_rotary import GoldenGateRoPENd

    theirs = GoldenGateRoPENd(2, HEADS, HEAD_DIM, 1.0, 20.0, 0.25)
    rows, cols = (-1 + (2 * torch.arange(side) + 1) / side for side in case.grid)
    places = torch.cartesian_prod(rows, cols).expand(2, -1, -1)
    ours = made("rope_golden", case, still=0.25)
    yield from compared(ours, case, lambda x: theirs(x, places))


def longer(rule: str, theirs: str) -> Callable[[Case], Iterator[Answer]]:
    """An oracle of how transformers meets another length, by its name there."""

    def ask(case: Case) -> Iterator[Answer]:
        from transformers import LlamaConfig
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

        trained, cells = case.trained.cells, case.grid.cells
        given: dict[str, Any] = {"rope_type": theirs, "rope_theta": 10000.0}
        given["factor"] = 1.0 if theirs == "dynamic" else cells / trained
        if theirs == "yarn":
            ramp = {"beta_slow": IMAGES.part, "beta_fast": IMAGES.fits, "truncate": False}
            given |= {"original_max_position_embeddings": trained, **ramp}
        config = LlamaConfig(
            hidden_size=HEADS * HEAD_DIM,
            num_attention_heads=HEADS,
            max_position_embeddings=trained,
            rope_parameters=given,
        )
        waves, gain = ROPE_INIT_FUNCTIONS[theirs](config, torch.device("cpu"), seq_len=cells)
        ours = cast(Sequence, made("rope1d", case, new_grid=rule))
        site = Site(case.grid, case.layer, 0)
        yield Answer("angles", ours.angles(site)[0], torch.arange(cells)[:, None] * waves)
        x = wanted(1, HEADS, cells, HEAD_DIM)
        long, _ = ours.heads(x, x, site)
        yield Answer("attention factor", long.norm() / x.norm(), torch.tensor(gain))

    return ask


ALL = cases((*SAME, *OTHER))
GROWN = cases(((SQUARE, Grid(3, 7)), (OBLONG, Grid(6, 4)), (SQUARE, SQUARE)), (0,), depth=1)
EVEN = cases(((SQUARE, SQUARE), (OBLONG, Grid(5, 5))))
CAT, PATCHES = "timm.layers.RotaryEmbeddingCat", {"in_pixels": False}
PIXELS = {"in_pixels": True, "max_res": 10}
LUCID = "rotary_embedding_torch.RotaryEmbedding.get_axial_freqs"
DINO = "timm.layers.RotaryEmbeddingDinoV3"
ROPE_INIT = "transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS"
XY = cat("rope2d", {}, temperature=100.0, grid_indexing="xy", **PATCHES)
EVA = cat("rope2d_eva02", {}, temperature=10000.0, **PATCHES)
LINEAR = cat("rope_pixel", {}, linear_bands=True, **PIXELS)
LOG = cat("rope_pixel", {"spacing": "log"}, linear_bands=False, **PIXELS)
ORACLES = [
    Oracle("rope2d", "timm", CAT, XY, ALL),
    Oracle("rope2d", "rotary-embedding-torch", LUCID, lucid("rope2d", theta=100), ALL),
    Oracle("rope2d_eva02", "timm", CAT, EVA, ALL),
    Oracle("rope_pixel", "timm", CAT, LINEAR, ALL),
    Oracle("rope_pixel", "timm", f"{CAT} (log bands)", LOG, ALL),
    Oracle("rope_pixel", "timm", f"{DINO} (periods)", periods, ALL),
    Oracle("rope_pixel", "vit-pytorch", "vit_pytorch.rvt.AxialRotaryEmbedding", rvt, EVEN),
    Oracle(
        "rope_pixel", "rotary-embedding-torch", LUCID, lucid("rope_pixel", freqs_for="pixel"), ALL
    ),
    Oracle("rope_dinov3", "timm", DINO, dinov3("centre", "separate"), ALL),
    Oracle("rope_dinov3", "timm", f"{DINO} (max)", dinov3("longer", "max"), ALL),
    Oracle("rope_dinov3", "timm", f"{DINO} (min)", dinov3("shorter", "min"), ALL),
    Oracle("mrope", "timm", "timm.layers.RotaryEmbeddingMRope", mrope, ALL),
    Oracle("rope_mixed", "timm", "timm.layers.RotaryEmbeddingMixed", rope_mixed, ALL),
    Oracle("rope_golden", "vit-pytorch", "vit_nd_rotary.GoldenGateRoPENd", golden, ALL),
    Oracle("rope1d", "rotary-embedding-torch", "RotaryEmbedding", rope1d, ALL),
    Oracle("rope1d", "transformers", f"{ROPE_INIT}[linear]", longer("pi", "linear"), GROWN),
    Oracle("rope1d", "transformers", f"{ROPE_INIT}[dynamic]", longer("ntk", "dynamic"), GROWN),
    Oracle("rope1d", "transformers", f"{ROPE_INIT}[yarn]", longer("yarn", "yarn"), GROWN),
]
