"""References for tables of sines and cosines."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vitpos.embeddings.additive import Injected
from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, Answer, Case, Oracle, cases, gradients, wanted
from vitpos.shapes import Table
from vitpos.specimens import noise, position

DIM = 32


def made(name: str, case: Case, changes: Mapping[str, Any] | None = None) -> Injected:
    """Our strategy, for the grid that the case was trained on."""
    found = position(name, changes=changes, grid=case.trained, prefix=case.prefix)
    return cast(Injected, found)


def compared(ours: Injected, case: Case, theirs: Tensor) -> Iterator[Answer]:
    """Our table beside theirs, and what both do to tokens, to logits and to the way back."""
    site = Site(case.grid, case.layer, case.prefix)
    yield Answer("table", ours.source.table(site), theirs)
    x = wanted(2, case.prefix + case.grid.cells, DIM)
    mine = ours.tokens(x, site)
    mine, told = ours.inputs(mine, mine, site)
    added = x + F.pad(theirs, (0, 0, case.prefix, 0))
    other = added if ours.inject == "qk" or case.layer == 0 else x
    yield Answer("tokens", mine, other)
    yield Answer("tokens told", told, x if ours.inject == "qk" else other)
    weight = noise(DIM, DIM, seed=3) / DIM
    a, b = (y @ weight @ y.mT for y in (mine, other))
    yield Answer("logits", a, b)
    yield Answer("gradient of tokens", gradients([a], [x])[0], gradients([b], [x])[0])


def timm(name: str, case: Case, *, interleaved: bool) -> Iterator[Answer]:
    """At two temperatures; reversed, it is the table of the transposed grid."""
    from timm.layers import build_sincos2d_pos_embed

    for temperature in (10000.0, 20.0):
        ours = made(name, case, {"temperature": temperature})
        flags = {"temperature": temperature, "interleave_sin_cos": interleaved}
        theirs = build_sincos2d_pos_embed(list(case.grid), DIM, **flags)
        yield from compared(ours, case, theirs)
        reverse = build_sincos2d_pos_embed(list(case.grid), DIM, reverse_coord=True, **flags)
        turned = Grid(case.grid.cols, case.grid.rows)
        yield Answer("table, reversed", ours.source.table(Site(turned, 0, 0)), reverse)


def sincos2d(case: Case) -> Iterator[Answer]:
    """MoCo v3's layout is timm's with sine and cosine interleaved."""
    yield from timm("sincos2d", case, interleaved=True)


def sincos2d_timm(case: Case) -> Iterator[Answer]:
    """Its default."""
    yield from timm("sincos2d_timm", case, interleaved=False)


def sincos2d_simplevit(case: Case) -> Iterator[Answer]:
    """Lucidrains' port of big_vision's table."""
    from vit_pytorch.simple_vit import posemb_sincos_2d

    theirs = posemb_sincos_2d(*case.grid, DIM)
    yield from compared(made("sincos2d_simplevit", case), case, theirs)


def detr(case: Case, *, normalised: bool) -> Table:
    """Half of the channels per axis, channels first."""
    from transformers.models.detr.modeling_detr import DetrSinePositionEmbedding

    theirs = DetrSinePositionEmbedding(DIM // 2, normalize=normalised)
    shape = torch.Size([1, DIM, *case.grid])
    table: Tensor = theirs(shape, torch.device("cpu"), torch.float32)[0]
    return table.flatten(1).T


def sincos2d_detr(case: Case) -> Iterator[Answer]:
    """Counted from one."""
    yield from compared(made("sincos2d_detr", case), case, detr(case, normalised=False))


def sincos2d_detr_normalised(case: Case) -> Iterator[Answer]:
    """As part of a full turn."""
    ours = made("sincos2d_detr_normalised", case)
    yield from compared(ours, case, detr(case, normalised=True))


def from_zero(case: Case) -> Iterator[Answer]:
    """DETR's layout counted from zero is the table of the package positional-encodings."""
    from positional_encodings.torch_encodings import PositionalEncoding2D

    theirs = PositionalEncoding2D(DIM)(torch.zeros(1, *case.grid, DIM))[0].flatten(0, 1)
    yield from compared(made("sincos2d_detr", case, {"coords": "index"}), case, theirs)


def sincos1d(case: Case) -> Iterator[Answer]:
    """In pairs, row by row."""
    from positional_encodings.torch_encodings import PositionalEncoding1D

    theirs = PositionalEncoding1D(DIM)(torch.zeros(1, case.grid.cells, DIM))[0]
    yield from compared(made("sincos1d", case), case, theirs)


def marian(case: Case) -> Iterator[Answer]:
    """All sines, then all cosines."""
    from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

    theirs = MarianSinusoidalPositionalEmbedding(case.grid.cells, DIM).create_weight()
    yield from compared(made("sincos1d", case, {"layout": "halves"}), case, theirs)


def tensor2tensor(case: Case) -> Iterator[Answer]:
    """As in the code of the paper, whose waves reach the temperature; from one."""
    from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding

    changes = {"layout": "halves", "spectrum": "inclusive", "start": 1}
    theirs = M2M100SinusoidalPositionalEmbedding.get_embedding(case.grid.cells + 1, DIM)[1:]
    yield from compared(made("sincos1d", case, changes), case, theirs)


ALL = cases((*SAME, *OTHER), prefixes=(0, 2))
HF = "transformers.models"
ORACLES = [
    Oracle("sincos2d", "timm", "timm.layers.build_sincos2d_pos_embed", sincos2d, ALL),
    Oracle("sincos2d_timm", "timm", "timm.layers.build_sincos2d_pos_embed", sincos2d_timm, ALL),
    Oracle(
        "sincos2d_simplevit",
        "vit-pytorch",
        "vit_pytorch.simple_vit.posemb_sincos_2d",
        sincos2d_simplevit,
        ALL,
    ),
    Oracle(
        "sincos2d_detr",
        "transformers",
        f"{HF}.detr.modeling_detr.DetrSinePositionEmbedding",
        sincos2d_detr,
        ALL,
    ),
    Oracle(
        "sincos2d_detr_normalised",
        "transformers",
        f"{HF}.detr.modeling_detr.DetrSinePositionEmbedding",
        sincos2d_detr_normalised,
        ALL,
    ),
    Oracle(
        "sincos2d_detr",
        "positional-encodings",
        "positional_encodings.torch_encodings.PositionalEncoding2D",
        from_zero,
        ALL,
    ),
    Oracle(
        "sincos1d",
        "positional-encodings",
        "positional_encodings.torch_encodings.PositionalEncoding1D",
        sincos1d,
        ALL,
    ),
    Oracle(
        "sincos1d",
        "transformers",
        f"{HF}.marian.modeling_marian.MarianSinusoidalPositionalEmbedding",
        marian,
        ALL,
    ),
    Oracle(
        "sincos1d",
        "transformers",
        f"{HF}.m2m_100.modeling_m2m_100.M2M100SinusoidalPositionalEmbedding",
        tensor2tensor,
        ALL,
    ),
]
