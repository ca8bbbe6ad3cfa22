"""References for vectors of rows and columns."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitpos.oracles.base import Answer, Case, Oracle
from vitpos.oracles.learned import ALL, DIM, SMALLER, TRAINED, beside


def naflex(case: Case) -> Iterator[Answer]:
    """The factorised tables of timm, interpolated linearly."""
    from timm.models.naflexvit import NaFlexEmbeds

    def reference(rows: Tensor, cols: Tensor) -> Tensor:
        told = SimpleNamespace(
            pos_embed_y=rows[None], pos_embed_x=cols[None], pos_embed_ar_preserving=False
        )
        x = torch.zeros(1, case.grid.cells, DIM)
        NaFlexEmbeds._apply_factorized_pos_embed(told, x, [*case.grid])
        return x[0]

    yield from beside("learned2d_add", case, reference)


class Seen(nn.Module):
    """A network that does nothing but remember what came in."""

    def forward(self, x: Tensor, **_: object) -> Tensor:
        self.tokens = x
        return x


def na_vit(case: Case) -> Iterator[Answer]:
    """The network of vit-pytorch up to its transformer, on an image of one pixel per cell."""
    from vit_pytorch.na_vit import NaViT

    def reference(rows: Tensor, cols: Tensor) -> Tensor:
        size = (len(rows), len(cols))
        theirs = NaViT(
            image_size=size,
            patch_size=1,
            num_classes=1,
            dim=DIM,
            depth=1,
            heads=1,
            mlp_dim=1,
            channels=DIM,
        )
        del theirs.pos_embed_height, theirs.pos_embed_width
        theirs.pos_embed_height, theirs.pos_embed_width = rows, cols
        theirs.to_patch_embedding, theirs.transformer = nn.Identity(), Seen()
        theirs([[torch.zeros(DIM, *case.grid)]])
        return theirs.transformer.tokens[0]

    yield from beside("learned2d_add", case, reference, new_grid="extrapolate", rows=7, cols=8)


def axial(name: str) -> Callable[[Case], Iterator[Answer]]:
    """The package of axial embeddings, on the grid they were made for."""

    def ask(case: Case) -> Iterator[Answer]:
        from axial_positional_embedding import AxialPositionalEmbedding

        def reference(rows: Tensor, cols: Tensor) -> Tensor:
            widths = None if name == "learned2d_add" else (rows.shape[-1], cols.shape[-1])
            theirs = AxialPositionalEmbedding(DIM, tuple(case.grid), widths)
            del theirs.weights
            theirs.weights = [rows[None, :, None], cols[None, None]]
            return theirs(torch.zeros(1, case.grid.cells, DIM))[0]

        yield from beside(name, case, reference)

    return ask


def pix2struct(case: Case) -> Iterator[Answer]:
    """Tables that are longer than any grid."""
    from transformers import Pix2StructVisionConfig
    from transformers.models.pix2struct.modeling_pix2struct import Pix2StructVisionEmbeddings

    def reference(rows: Tensor, cols: Tensor) -> Tensor:
        config = Pix2StructVisionConfig(
            hidden_size=DIM, patch_embed_hidden_size=DIM, seq_len=len(rows), dropout_rate=0.0
        )
        theirs = Pix2StructVisionEmbeddings(config)
        theirs.patch_projection = nn.Identity()
        indices = case.grid.indices(rows.device).float()
        patches = torch.cat([indices, torch.zeros(case.grid.cells, DIM)], dim=1)[None]
        weights = {"row_embedder.weight": rows, "column_embedder.weight": cols}
        return torch.func.functional_call(theirs, weights, (patches,))[0]

    yield from beside("learned2d_add", case, reference, new_grid="extrapolate", rows=9, cols=9)


def fifty(rows: Tensor, cols: Tensor) -> dict[str, Tensor]:
    """Our tables as the first entries of tables of 50."""
    tables = {"row_embeddings.weight": rows, "column_embeddings.weight": cols}
    return {name: F.pad(table, (0, 0, 0, 50 - len(table))) for name, table in tables.items()}


def detr(case: Case) -> Iterator[Answer]:
    """DETR's tables as transformers has them."""
    from transformers.models.detr.modeling_detr import DetrLearnedPositionEmbedding

    def reference(rows: Tensor, cols: Tensor) -> Tensor:
        asked = (torch.Size([1, DIM, *case.grid]), "cpu", torch.float32)
        theirs = DetrLearnedPositionEmbedding(DIM // 2)
        found = torch.func.functional_call(theirs, fifty(rows, cols), asked)
        return found[0].flatten(1).T

    yield from beside("learned2d_detr", case, reference, rows=7, cols=8)


def florence2(case: Case) -> Iterator[Answer]:
    """Florence-2's tables, whose order of halves is DETR's."""
    from transformers.models.florence2.modeling_florence2 import (
        Florence2VisionLearnedAbsolutePositionEmbedding2D as Theirs,
    )

    def reference(rows: Tensor, cols: Tensor) -> Tensor:
        vision = SimpleNamespace(max_position_embeddings=50, embed_dim=[DIM])
        theirs = Theirs(SimpleNamespace(vision_config=vision))
        planes = torch.zeros(1, DIM, *case.grid)
        found = torch.func.functional_call(theirs, fifty(rows, cols), (planes,))
        return found[0].flatten(1).T

    changes = {"first": "cols", "new_grid": "extrapolate", "rows": 7, "cols": 8}
    yield from beside("learned2d_cat", case, reference, **changes)


AXIAL = "axial_positional_embedding.AxialPositionalEmbedding"
PIX2STRUCT = "transformers.models.pix2struct.modeling_pix2struct.Pix2StructVisionEmbeddings"
DETR = "transformers.models.detr.modeling_detr.DetrLearnedPositionEmbedding"
FLORENCE2 = (
    "transformers.models.florence2.modeling_florence2"
    ".Florence2VisionLearnedAbsolutePositionEmbedding2D"
)
ORACLES = [
    Oracle("learned2d_add", "timm", "timm.models.naflexvit.NaFlexEmbeds", naflex, ALL),
    Oracle("learned2d_add", "vit-pytorch", "vit_pytorch.na_vit.NaViT", na_vit, SMALLER),
    Oracle("learned2d_add", "axial-positional-embedding", AXIAL, axial("learned2d_add"), TRAINED),
    Oracle("learned2d_add", "transformers", PIX2STRUCT, pix2struct, ALL),
    Oracle("learned2d_cat", "axial-positional-embedding", AXIAL, axial("learned2d_cat"), TRAINED),
    Oracle("learned2d_cat", "transformers", FLORENCE2, florence2, SMALLER),
    Oracle("learned2d_detr", "transformers", DETR, detr, ALL),
]
