"""References for learned tables.

Each is asked for the vectors of the cells, made from copies of our tables; tokens and the gradient
of every table are compared as well.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitpos.embeddings.additive import Injected
from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, Answer, Case, Oracle, cases, gradients
from vitpos.specimens import loud, noise, position

DIM = 32


def beside(
    name: str, case: Case, reference: Callable[..., Tensor], **changes: Any
) -> Iterator[Answer]:
    """Vectors of cells, tokens and gradients beside what `reference` makes of the same tables."""
    ours = cast(
        Injected, loud(position(name, grid=case.trained, prefix=case.prefix, changes=changes))
    )
    site, p = Site(case.grid, 0, case.prefix), case.prefix
    weights: list[Tensor] = list(ours.parameters())
    copies = [weight.detach().clone().requires_grad_() for weight in weights]
    table, other = ours.vectors(site), reference(*copies)
    yield Answer("table", table, other)
    x = noise(2, p + case.grid.cells, DIM)
    told = torch.cat([x[:, :p], x[:, p:] + other], dim=1)
    yield Answer("tokens", ours.added(x, site), told)
    mine, theirs = gradients([table], weights), gradients([other], copies)
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        yield Answer(f"gradient of table {i}", a, b)


def flat(planes: Tensor) -> Tensor:
    """From [dim, rows, cols] to [cells, dim]."""
    return planes.flatten(1).T


def timm_resample(case: Case) -> Iterator[Answer]:
    """The whole table resized by timm's function."""
    from timm.layers import resample_abs_pos_embed

    def reference(weight: Tensor) -> Tensor:
        return resample_abs_pos_embed(
            weight[None], [*case.grid], [*case.trained], num_prefix_tokens=0
        )[0]

    yield from beside("learned1d", case, reference)


def timm_vit(case: Case) -> Iterator[Answer]:
    """The network of timm with slots for CLS and registers, on images of any size."""
    from timm.models.vision_transformer import VisionTransformer

    p, trained, grid = case.prefix, case.trained, case.grid
    theirs = VisionTransformer(
        img_size=(2 * trained.rows, 2 * trained.cols),
        patch_size=2,
        embed_dim=DIM,
        depth=1,
        num_heads=2,
        num_classes=0,
        class_token=p > 0,
        global_pool="token" if p else "avg",
        reg_tokens=max(0, p - 1),
        no_embed_class=False,
        dynamic_img_size=True,
    )
    changes = {"prefix": "learned"}
    ours = cast(Injected, loud(position("learned1d", grid=trained, prefix=p, changes=changes)))
    weights = [w for w in (ours.slots, ours.source.get_parameter("weight")) if w is not None]
    theirs.pos_embed = nn.Parameter(torch.cat([w.flatten(0, -2) for w in weights]).detach()[None])
    tokens = [t for t in (theirs.cls_token, theirs.reg_token) if t is not None]
    cells = noise(2, *grid, DIM)
    bare = torch.cat([*(t.expand(2, -1, -1) for t in tokens), cells.flatten(1, 2)], dim=1)
    mine = ours.tokens(bare.detach(), Site(grid, 0, p))
    other = theirs._pos_embed(cells)
    yield Answer("tokens", mine, other)
    got = torch.cat([g.flatten(0, -2) for g in gradients([mine], [*weights])])
    yield Answer("gradient of slots and table", got, gradients([other], [theirs.pos_embed])[0][0])


def hf_vit(case: Case) -> Iterator[Answer]:
    """Bicubic without antialias; the class knows square training grids only."""
    from transformers import ViTConfig
    from transformers.models.vit.modeling_vit import ViTEmbeddings

    def reference(weight: Tensor) -> Tensor:
        side = 2 * case.trained.rows
        theirs = ViTEmbeddings(ViTConfig(hidden_size=DIM, image_size=side, patch_size=2))
        del theirs.position_embeddings
        theirs.position_embeddings = F.pad(weight, (0, 0, 1, 0))[None]
        embeddings = torch.empty(1, 1 + case.grid.cells, DIM)
        rows, cols = case.grid
        return theirs.interpolate_pos_encoding(embeddings, 2 * rows, 2 * cols)[0, 1:]

    yield from beside("learned1d", case, reference, antialias=False)


def vit_1d(case: Case) -> Iterator[Answer]:
    """A network of sequences, whose shorter inputs get the beginning of the table."""
    from vit_pytorch.vit_1d import ViT

    class Seen(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            self.tokens = x
            return x

    def reference(weight: Tensor) -> Tensor:
        cells = len(weight)
        theirs = ViT(
            seq_len=cells, patch_size=1, num_classes=1, dim=DIM, depth=1, heads=1, mlp_dim=1
        )
        del theirs.pos_embedding
        theirs.pos_embedding = F.pad(weight, (0, 0, 1, 0))[None]
        theirs.to_patch_embedding = nn.Identity()
        theirs.transformer = Seen()
        theirs(torch.zeros(1, case.grid.cells, DIM))
        return theirs.transformer.tokens[0, 1:]

    yield from beside("learned_sequence", case, reference, new_grid="extrapolate")


def torch_linear(case: Case) -> Iterator[Answer]:
    """A sequence that torch interpolates."""

    def reference(weight: Tensor) -> Tensor:
        return F.interpolate(weight.T[None], case.grid.cells, mode="linear")[0].T

    yield from beside("learned_sequence", case, reference)


def torch_lookup(case: Case) -> Iterator[Answer]:
    """What torch looks up by one number per entry of a table with 7 rows and 6 columns."""

    def reference(weight: Tensor) -> Tensor:
        entries = torch.tensor(
            [row * 6 + col for row in range(case.grid.rows) for col in range(case.grid.cols)]
        )
        return F.embedding(entries, flat(weight))

    yield from beside("learned2d", case, reference, rows=7, cols=6)


def naflex(name: str, sampled: bool) -> Callable[[Case], Iterator[Answer]]:
    """A table of timm of its own size, resized, or sampled at every cell."""

    def ask(case: Case) -> Iterator[Answer]:
        from timm.models.naflexvit import NaFlexEmbeds

        def reference(weight: Tensor) -> Tensor:
            told = SimpleNamespace(
                pos_embed=weight.permute(1, 2, 0)[None],
                pos_embed_ar_preserving=False,
                pos_embed_interp_mode="bilinear",
                pos_embed_align_corners=False,
                pos_embed_antialias=True,
            )
            x = torch.zeros(1, case.grid.cells, DIM)
            if sampled:
                coords = case.grid.indices(x.device)[None]
                NaFlexEmbeds._apply_learned_naflex_pos_embed_grid_sample(told, x, coords)
            else:
                NaFlexEmbeds._apply_learned_pos_embed(told, x, [*case.grid])
            return x[0]

        changes = {"new_grid": "rescale", "antialias": not sampled}
        yield from beside(name, case, reference, **changes)

    return ask


def siglip2(case: Case) -> Iterator[Answer]:
    """The 16 x 16 table of SigLIP 2 on each image."""
    from transformers.models.siglip2.modeling_siglip2 import Siglip2VisionEmbeddings

    def reference(weight: Tensor) -> Tensor:
        return Siglip2VisionEmbeddings.resize_positional_embeddings(
            weight.permute(1, 2, 0), torch.tensor([case.grid]), case.grid.cells
        )[0]

    yield from beside("learned_naflex", case, reference)


def hiera(case: Case) -> Iterator[Answer]:
    """Hiera of timm, whose grids are whole windows."""
    from timm.models.hiera import Hiera

    def reference(coarse: Tensor, inside: Tensor) -> Tensor:
        told = SimpleNamespace(
            pos_embed=coarse[None],
            pos_embed_win=inside[None],
            mask_spatial_shape=[side // 2 for side in case.grid],
        )
        return Hiera._pos_embed(told, torch.zeros(1, case.grid.cells, DIM))[0]

    yield from beside("window_abs", case, reference, rows=3, cols=4)


def sam2(case: Case) -> Iterator[Answer]:
    """SAM 2, which stretches without antialias."""
    from transformers.models.sam2.modeling_sam2 import Sam2HieraDetModel

    def reference(coarse: Tensor, inside: Tensor) -> Tensor:
        told = SimpleNamespace(pos_embed=coarse[None], pos_embed_window=inside[None])
        return Sam2HieraDetModel._get_pos_embed(told, case.grid)[0].flatten(0, 1)

    yield from beside("window_abs", case, reference, antialias=False)


PREFIXES = (0, 1, 3)
TRAINED, ALL = cases(SAME, depth=1), cases((*SAME, *OTHER), depth=1)
SQUARES = cases(((Grid(4, 4), Grid(4, 4)), (Grid(4, 4), Grid(3, 7))), depth=1)
SMALLER = cases((*SAME, (Grid(4, 4), Grid(3, 5)), (Grid(3, 5), Grid(2, 6))), depth=1)
WHOLE = cases(
    ((Grid(4, 4), Grid(4, 4)), (Grid(4, 4), Grid(2, 8)), (Grid(2, 6), Grid(6, 4))), depth=1
)
VIT = "timm.models.vision_transformer.VisionTransformer._pos_embed"
NAFLEX = "timm.models.naflexvit.NaFlexEmbeds"
TWO = "transformers.models.siglip2.modeling_siglip2.Siglip2VisionEmbeddings"
SAM2 = "transformers.models.sam2.modeling_sam2.Sam2HieraDetModel._get_pos_embed"
HF_VIT = "transformers.models.vit.modeling_vit.ViTEmbeddings.interpolate_pos_encoding"
ORACLES = [
    Oracle("learned1d", "timm", "timm.layers.resample_abs_pos_embed", timm_resample, ALL),
    Oracle("learned1d", "timm", VIT, timm_vit, ALL),
    Oracle("learned1d", "transformers", HF_VIT, hf_vit, SQUARES),
    Oracle("learned_sequence", "vit-pytorch", "vit_pytorch.vit_1d.ViT", vit_1d, SMALLER),
    Oracle("learned_sequence", "torch", "torch.nn.functional.interpolate", torch_linear, ALL),
    Oracle("learned2d", "torch", "torch.nn.functional.embedding", torch_lookup, SMALLER),
    Oracle("learned2d", "timm", NAFLEX, naflex("learned2d", sampled=True), ALL),
    Oracle("learned_naflex", "timm", NAFLEX, naflex("learned_naflex", sampled=False), ALL),
    Oracle("learned_naflex", "transformers", TWO, siglip2, ALL),
    Oracle("window_abs", "timm", "timm.models.hiera.Hiera._pos_embed", hiera, WHOLE),
    Oracle("window_abs", "transformers", SAM2, sam2, WHOLE),
]
