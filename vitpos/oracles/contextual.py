"""References for vectors that queries ask, and for attention that is gated by position."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.contextual import AxialVectors, SequenceVectors
from vitpos.embeddings.gated import Gated
from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, SQUARE, Answer, Case, Oracle, cases, gradients, wanted
from vitpos.specimens import loud, noise, position
from vitpos.vit import Attention

HEADS, HEAD_DIM, DEPTH = 2, 16, 2
DIM = HEADS * HEAD_DIM


def strategy(
    name: str, case: Case, std: float = 0.5, changes: Any = None, **of_trunk: Any
) -> PositionEmbedding:
    """Ours, with large random parameters; `changes` are options, `of_trunk` fields of the trunk."""
    told: Any = {"grid": case.trained, "prefix": case.prefix} | of_trunk
    return cast(PositionEmbedding, loud(position(name, changes=changes, **told), 3, std))


def lend(module: nn.Module, **tensors: Tensor) -> None:
    """Give a reference our tensors in place of its parameters, so that gradients come back."""
    for name, tensor in tensors.items():
        delattr(module, name)
        setattr(module, name, tensor)


def compared(
    what: str, ours: Tensor, theirs: Tensor, inputs: dict[str, Tensor]
) -> Iterator[Answer]:
    """A result of both, and its gradients with respect to every input."""
    yield Answer(what, ours, theirs)
    both = zip(*(gradients([x], list(inputs.values())) for x in (ours, theirs)), strict=True)
    for name, (mine, other) in zip(inputs, both, strict=True):
        yield Answer(f"gradient of {name}", mine, other)


def queries(case: Case) -> tuple[Tensor, Tensor]:
    """Queries and keys of all tokens, whose gradients are asked for."""
    tokens = case.prefix + case.grid.cells
    q, k = (wanted(2, HEADS, tokens, HEAD_DIM, seed=i) for i in (1, 2))
    return q, k


def on_cells(q: Tensor, k: Tensor, term: Tensor, prefix: int) -> Tensor:
    """Scaled logits of all tokens with a term on those between cells."""
    scaled = (q * HEAD_DIM**-0.5) @ k.mT
    cells = scaled[:, :, prefix:, prefix:] + term.unflatten(0, (len(q), -1))
    rows = torch.cat([scaled[:, :, prefix:, :prefix], cells], dim=3)
    return torch.cat([scaled[:, :, :prefix], rows], dim=2)


def axial(case: Case, ours: PositionEmbedding, q: Tensor, k: Tensor, theirs: Tensor) -> Any:
    """Logits of ours beside those of a reference, and gradients of tables, queries and keys."""
    vectors = cast(AxialVectors, ours).of_keys
    term = ours.logits(q, k, Site(case.grid, case.layer, case.prefix))
    assert term is not None
    logits = (q * HEAD_DIM**-0.5) @ k.mT + term
    inputs = {"queries": q, "keys": k, "rows": vectors.rows, "columns": vectors.cols}
    return compared("logits", logits, theirs, inputs)


def tables(case: Case, ours: PositionEmbedding) -> tuple[Tensor, Tensor]:
    """Our tables of rows and columns of this layer."""
    vectors = cast(AxialVectors, ours).of_keys
    return vectors.rows[case.layer], vectors.cols[case.layer]


def outermost(table: Tensor, side: int) -> Tensor:
    """A table for another side, with the outermost vectors repeated."""
    far = len(table) // 2
    return table[torch.arange(1 - side, side).clamp(-far, far) + far]


def relative_axial(case: Case) -> Iterator[Answer]:
    """The relative logits of bottleneck attention, by key minus query there."""
    from timm.layers.bottleneck_attn import PosEmbedRel

    ours, (q, k) = strategy("relative_axial", case), queries(case)
    theirs = PosEmbedRel(case.grid, HEAD_DIM, 1.0)
    rows, cols = map(outermost, tables(case, ours), case.grid)
    lend(theirs, height_rel=rows.flip(0), width_rel=cols.flip(0))
    cells = (q[:, :, case.prefix :] * HEAD_DIM**-0.5).flatten(0, 1)
    yield from axial(case, ours, q, k, on_cells(q, k, theirs(cells), case.prefix))


def relative_halo(case: Case) -> Iterator[Answer]:
    """Those of halo attention with one block that is its own window: square grids."""
    from timm.layers.halo_attn import PosEmbedRel

    ours, (q, k) = strategy("relative_axial", case), queries(case)
    theirs = PosEmbedRel(case.grid.rows, case.grid.rows, HEAD_DIM, 1.0)
    rows, cols = tables(case, ours)
    lend(theirs, height_rel=rows.flip(0), width_rel=cols.flip(0))
    cells = (q[:, :, case.prefix :] * HEAD_DIM**-0.5).flatten(0, 1)[:, None]
    yield from axial(case, ours, q, k, on_cells(q, k, theirs(cells)[:, 0], case.prefix))


def decomposed_sam(case: Case) -> Iterator[Answer]:
    """SAM's bias, on other grids too; queries are not scaled."""
    from timm.models.vision_transformer_sam import get_decomposed_rel_pos_bias

    ours, (q, k) = strategy("decomposed_rel", case), queries(case)
    cells = q[:, :, case.prefix :].flatten(0, 1)
    term = get_decomposed_rel_pos_bias(cells, *tables(case, ours), case.grid, case.grid)
    yield from axial(case, ours, q, k, on_cells(q, k, term, case.prefix))


def decomposed_mvit(case: Case) -> Iterator[Answer]:
    """MViTv2's logits, with at most one prefix token."""
    from timm.models.mvitv2 import cal_rel_pos_type

    ours, (q, k) = strategy("decomposed_rel", case), queries(case)
    scaled = (q * HEAD_DIM**-0.5) @ k.mT
    size = list(case.grid)
    theirs = cal_rel_pos_type(scaled, q, case.prefix > 0, size, size, *tables(case, ours))
    yield from axial(case, ours, q, k, theirs)


def decomposed_transformers(case: Case) -> Iterator[Answer]:
    """The whole attention of SAM, without prefix tokens."""
    from transformers.models.sam.configuration_sam import SamVisionConfig
    from transformers.models.sam.modeling_sam import SamVisionAttention

    ours, x = strategy("decomposed_rel", case), wanted(2, case.grid.cells, DIM)
    config = SamVisionConfig(hidden_size=DIM, num_attention_heads=HEADS, image_size=64)
    theirs = loud(SamVisionAttention(config, window_size=0), std=0.2).eval()
    rows, cols = tables(case, ours)
    lend(theirs, rel_pos_h=rows, rel_pos_w=cols)
    attention = Attention(DIM, HEADS)
    attention.qkv, attention.out = cast(Any, theirs).qkv, cast(Any, theirs).proj
    read, _ = theirs(x.unflatten(1, case.grid))
    vectors = cast(AxialVectors, ours).of_keys
    yield from compared(
        "output",
        attention(x, ours, Site(case.grid, case.layer, 0)),
        read.flatten(1, 2),
        {"tokens": x, "rows": vectors.rows, "columns": vectors.cols},
    )


def relative_key(case: Case) -> Iterator[Answer]:
    """A whole attention over the sequence whose keys have vectors, by key minus query there."""
    from transformers.models.wav2vec2_bert.configuration_wav2vec2_bert import Wav2Vec2BertConfig
    from transformers.models.wav2vec2_bert.modeling_wav2vec2_bert import Wav2Vec2BertSelfAttention

    for clip in (None, 4):
        changes = {"clip": clip, "values": False}
        ours = cast(SequenceVectors, strategy("shaw1d", case, changes=changes))
        steps, x = ours.of_keys.steps, wanted(2, case.grid.cells, DIM)
        config = Wav2Vec2BertConfig(
            hidden_size=DIM,
            num_attention_heads=HEADS,
            position_embeddings_type="relative_key",
            left_max_position_embeddings=steps.shape[1] // 2,
            right_max_position_embeddings=steps.shape[1] // 2,
        )
        theirs = cast(Any, loud(Wav2Vec2BertSelfAttention(config), std=0.2)).eval()
        lend(theirs.distance_embedding, weight=steps[case.layer].flip(0))
        attention = Attention(DIM, HEADS)
        for part in ("weight", "bias"):
            joined = [
                getattr(made, part) for made in (theirs.linear_q, theirs.linear_k, theirs.linear_v)
            ]
            setattr(attention.qkv, part, nn.Parameter(torch.cat(joined).detach()))
        attention.out = theirs.linear_out
        read = attention(x, ours, Site(case.grid, case.layer, 0))
        what = "output" if clip is None else "output, clipped"
        yield from compared(what, read, theirs(x)[0], {"tokens": x, "steps": steps})


def gpsa(case: Case) -> Iterator[Answer]:
    """The whole gated attention of ConViT; its offsets of an oblong grid are made here."""
    from timm.models.convit import GPSA

    ours = cast(Gated, strategy("gpsa", case, std=0.1))
    theirs = cast(Any, loud(GPSA(DIM, HEADS, qkv_bias=True), std=0.2)).eval()
    theirs.rel_indices = offsets(case.grid)
    weight, gates = ours.weight[case.layer], ours.gates[case.layer]
    # There: columns, rows, squares, of key minus query.
    lend(theirs.pos_proj, weight=torch.stack([-weight[:, 1], -weight[:, 0], weight[:, 2]], dim=-1))
    lend(theirs, gating_param=gates)
    attention = Attention(DIM, HEADS)
    for part in ("weight", "bias"):
        joined = torch.cat([getattr(theirs.qk, part), getattr(theirs.v, part)])
        setattr(attention.qkv, part, nn.Parameter(joined.detach()))
    attention.out = theirs.proj
    x = wanted(2, case.grid.cells, DIM)
    read = attention(x, ours, Site(case.grid, case.layer, 0))
    inputs = {"tokens": x, "weight": ours.weight, "gates": ours.gates}
    yield from compared("output", read, theirs(x), inputs)


def offsets(grid: Grid) -> Tensor:
    """Columns, rows and squared distances from every query to every key."""
    found = torch.zeros(1, grid.cells, grid.cells, 3)
    for i in range(grid.cells):
        for j in range(grid.cells):
            (row, col), (to_row, to_col) = divmod(i, grid.cols), divmod(j, grid.cols)
            down, right = to_row - row, to_col - col
            found[0, i, j] = torch.tensor([right, down, right**2 + down**2], dtype=noise(1).dtype)
    return found


TRAINED, EVERYWHERE = cases(SAME), cases((*SAME, *OTHER))
ORACLES = [
    Oracle(
        "relative_axial",
        "timm",
        "timm.layers.bottleneck_attn.PosEmbedRel",
        relative_axial,
        EVERYWHERE,
    ),
    Oracle(
        "relative_axial",
        "timm",
        "timm.layers.halo_attn.PosEmbedRel",
        relative_halo,
        cases(((SQUARE, SQUARE),)),
    ),
    Oracle(
        "decomposed_rel",
        "timm",
        "timm.models.vision_transformer_sam.get_decomposed_rel_pos_bias",
        decomposed_sam,
        EVERYWHERE,
    ),
    Oracle(
        "decomposed_rel",
        "timm",
        "timm.models.mvitv2.cal_rel_pos_type",
        decomposed_mvit,
        cases(SAME, prefixes=(0, 1)),
    ),
    Oracle(
        "decomposed_rel",
        "transformers",
        "transformers.models.sam.modeling_sam.SamVisionAttention",
        decomposed_transformers,
        cases((*SAME, *OTHER), prefixes=(0,)),
    ),
    Oracle(
        "shaw1d",
        "transformers",
        "transformers.models.wav2vec2_bert.modeling_wav2vec2_bert.Wav2Vec2BertSelfAttention",
        relative_key,
        cases((*SAME, *OTHER), prefixes=(0,)),
    ),
    Oracle("gpsa", "timm", "timm.models.convit.GPSA", gpsa, cases((*SAME, *OTHER), prefixes=(0,))),
]
