"""References for biases from tables."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.buckets import Buckets, SequenceBuckets
from vitpos.embeddings.offsets import FoldedTable, RelativeTable
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
)
from vitpos.specimens import loud, noise, position

HEADS, HEAD_DIM = 2, 16


@contextmanager
def quiet() -> Iterator[None]:
    """What references are warned of is not our concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def said(ours: PositionEmbedding, case: Case) -> Tensor:
    """What ours adds to the logits of all tokens."""
    trunk = ours.trunk
    shape = 1, trunk.heads, case.prefix + case.grid.cells, trunk.head_dim
    site = Site(case.grid, case.layer, case.prefix)
    found = ours.logits(noise(*shape, seed=1), noise(*shape, seed=2), site)
    assert found is not None
    return found


def padded(bias: Tensor, case: Case) -> Tensor:
    """A reference's bias between cells, and nothing for prefix tokens."""
    return F.pad(bias.view(1, -1, *bias.shape[-2:]), (case.prefix, 0, case.prefix, 0))


def relative(name: str, case: Case, **changes: object) -> RelativeTable:
    """Ours, with numbers in every table."""
    ours = position(name, grid=case.trained, prefix=case.prefix, changes=changes)
    return cast(RelativeTable, loud(ours))


def flat(ours: RelativeTable, layer: int) -> Tensor:
    """The table of a layer as most references hold it: [offsets, heads], borders at the end."""
    own = layer if ours.layers > 1 else 0
    table = ours.weight.detach()[own].flatten(1).T
    if ours.borders is None:
        return table
    to, of, among = ours.borders.detach()[own].T
    return torch.cat([table, torch.stack([of, to, among])])


def unflat(ours: RelativeTable, layer: int, outputs: Tensor) -> Tensor:
    """The gradient of ours in the same form."""
    wanted = [ours.weight] + ([] if ours.borders is None else [ours.borders])
    own = layer if ours.layers > 1 else 0
    table, *borders = gradients([outputs], cast(list[Tensor], wanted))
    rows = [table[own].flatten(1).T]
    for border in borders:
        to, of, among = border[own].T
        rows.append(torch.stack([of, to, among]))
    return torch.cat(rows)


def swin_rpb(case: Case) -> Iterator[Answer]:
    """The bias of timm's module and the gradient of its table, on the grid it was made for."""
    from timm.layers import RelPosBias

    ours, theirs = relative("swin_rpb", case), RelPosBias(case.trained, HEADS)
    theirs.relative_position_bias_table = nn.Parameter(flat(ours, case.layer))
    mine, other = said(ours, case), padded(theirs.get_bias(), case)
    yield Answer("logits", mine, other)
    (grad,) = gradients([other], [theirs.relative_position_bias_table])
    yield Answer("gradient of the table", unflat(ours, case.layer, mine), grad)


def swin_resized(case: Case) -> Iterator[Answer]:
    """The table for another grid by timm's bicubic resizing, then its bias."""
    from timm.layers import RelPosBias, resize_rel_pos_bias_table_simple

    ours, theirs = relative("swin_rpb", case), RelPosBias(case.grid, HEADS)
    rows, cols = (2 * side - 1 for side in case.grid)
    table = ours.weight.detach()[case.layer].requires_grad_()
    resized = resize_rel_pos_bias_table_simple(table, case.grid, (HEADS, rows, cols))
    index = theirs.relative_position_index
    bias = resized.flatten(1)[:, index].unflatten(1, 2 * (case.grid.cells,))
    mine, other = said(ours, case), padded(bias, case)
    yield Answer("logits", mine, other)
    (grad,) = gradients([other], [table])
    (own,) = gradients([mine], [ours.weight])
    yield Answer("gradient of the table", own[case.layer], grad)


def maxvit(case: Case) -> Iterator[Answer]:
    """MaxViT's bias in timm's form of it: the same function with offsets from query to key."""
    from timm.layers import RelPosBiasTf

    ours, theirs = relative("swin_rpb", case), RelPosBiasTf(case.trained, HEADS)
    table = ours.weight.detach()[case.layer].flip(1, 2)
    theirs.relative_position_bias_table = nn.Parameter(table)
    mine, other = said(ours, case), padded(theirs.get_bias(), case)
    yield Answer("logits", mine, other)
    (grad,) = gradients([other], [theirs.relative_position_bias_table])
    yield Answer(
        "gradient of the table",
        unflat(ours, case.layer, mine),
        grad.flip(1, 2).flatten(1).T,
    )


def maxvit_square(case: Case) -> Iterator[Answer]:
    """MaxViT's bias in torchvision's form of it."""
    from torchvision.models.maxvit import RelativePositionalMultiHeadAttention

    ours = relative("swin_rpb", case)
    theirs = RelativePositionalMultiHeadAttention(HEADS * HEAD_DIM, HEAD_DIM, case.trained.cells)
    theirs.relative_position_bias_table = nn.Parameter(flat(ours, case.layer))
    yield Answer("logits", said(ours, case), padded(theirs.get_relative_positional_bias(), case))


def beit(name: str, case: Case) -> Iterator[Answer]:
    """The bias of timm with its three entries for CLS, resized by its own rule for another grid."""
    from timm.layers import RelPosBias

    ours, theirs = relative(name, case), RelPosBias(case.trained, HEADS, prefix_tokens=1)
    theirs.relative_position_bias_table = nn.Parameter(flat(ours, case.layer))
    table = theirs.relative_position_bias_table
    with quiet():
        theirs.set_window_size(case.grid)
    mine, other = said(ours, case), theirs.get_bias()
    yield Answer("logits", mine, other)
    if case.grid == case.trained:
        (grad,) = gradients([other], [table])
        yield Answer("gradient of the table", unflat(ours, case.layer, mine), grad)


def beit_rpb(case: Case) -> Iterator[Answer]:
    """A table for each layer."""
    yield from beit("beit_rpb", case)


def beit_shared_rpb(case: Case) -> Iterator[Answer]:
    """One table for all layers."""
    yield from beit("beit_shared_rpb", case)


def beit_bilinear(case: Case) -> Iterator[Answer]:
    """The bias of transformers, which resizes square tables bilinearly."""
    from transformers import BeitConfig
    from transformers.models.beit.modeling_beit import BeitRelativePositionBias

    ours = relative("beit_rpb", case, resample="bilinear")
    size = tuple(8 * side for side in case.trained)
    config = BeitConfig(
        image_size=size, patch_size=8, num_attention_heads=HEADS, hidden_size=HEADS * HEAD_DIM
    )
    theirs = BeitRelativePositionBias(config)
    theirs.relative_position_bias_table = nn.Parameter(flat(ours, case.layer))
    mine, other = said(ours, case), theirs(case.grid)
    yield Answer("logits", mine, other)
    (grad,) = gradients([other], [theirs.relative_position_bias_table])
    yield Answer("gradient of the table", unflat(ours, case.layer, mine), grad)


def levit_bias(case: Case) -> Iterator[Answer]:
    """The biases of timm's attention and the gradient of its table, resized for another square."""
    from timm.layers import resize_rel_pos_bias_table_levit
    from timm.models.levit import Attention

    ours = position("levit_bias", grid=case.trained, prefix=case.prefix)
    assert isinstance(loud(ours), FoldedTable)
    weight = cast(FoldedTable, ours).weight
    table = weight.detach()[case.layer].flatten(1).requires_grad_()
    size = case.grid.cells, HEADS
    resized = (
        table if case.grid == case.trained else resize_rel_pos_bias_table_levit(table.T, size).T
    )
    theirs = Attention(HEADS * HEAD_DIM, HEAD_DIM, HEADS, resolution=case.grid)
    mine, other = said(ours, case), padded(resized[:, theirs.attention_bias_idxs], case)
    yield Answer("logits", mine, other)
    (grad,) = gradients([other], [table])
    (own,) = gradients([mine], [weight])
    yield Answer("gradient of the table", own[case.layer].flatten(1), grad)


def t5_bucket2d(case: Case) -> Iterator[Answer]:
    """LayoutLMv2's spatial bias for boxes at the cells; it learns by a trick, not by autograd."""
    from transformers import LayoutLMv2Config
    from transformers.models.layoutlmv2.modeling_layoutlmv2 import LayoutLMv2Encoder

    ours = cast(Buckets, loud(position("t5_bucket2d", grid=case.trained, prefix=case.prefix)))
    config = LayoutLMv2Config(
        num_hidden_layers=0,
        num_attention_heads=HEADS,
        rel_2d_pos_bins=ours.buckets,
        max_rel_2d_pos=ours.limit,
    )
    theirs = LayoutLMv2Encoder(config)
    rows, cols = ours.weight.detach()[0].unbind(1)
    theirs.rel_pos_y_bias.weight, theirs.rel_pos_x_bias.weight = map(nn.Parameter, (rows, cols))
    row, col = case.grid.indices(torch.device("cpu")).T
    boxes = torch.stack([col, row, col, row], dim=-1)[None]
    other = padded(theirs._calculate_2d_position_embeddings(boxes), case)
    yield Answer("logits", said(ours, case), other)


def t5_bucket1d(case: Case) -> Iterator[Answer]:
    """T5's own bias over cells row by row, and the gradient of its table."""
    from transformers import T5Config
    from transformers.models.t5.modeling_t5 import T5Attention

    ours = loud(position("t5_bucket1d", grid=case.trained, prefix=case.prefix))
    weight = cast(SequenceBuckets, ours).weight
    theirs = T5Attention(T5Config(num_heads=HEADS), has_relative_attention_bias=True)
    theirs.relative_attention_bias.weight = nn.Parameter(weight.detach()[0].T)
    cells = case.grid.cells
    mine = said(cast(PositionEmbedding, ours), case)
    other = padded(theirs.compute_bias(cells, cells), case)
    yield Answer("logits", mine, other)
    (grad,) = gradients([other], [theirs.relative_attention_bias.weight])
    (own,) = gradients([mine], [weight])
    yield Answer("gradient of the table", own[0].T, grad)


def t5_other(case: Case) -> Iterator[Answer]:
    """The same bias in x-transformers."""
    with quiet():
        from x_transformers.x_transformers import RelativePositionBias

    ours = loud(position("t5_bucket1d", grid=case.trained, prefix=case.prefix))
    weight = cast(SequenceBuckets, ours).weight
    theirs = RelativePositionBias(scale=1.0, heads=HEADS)
    theirs.relative_attention_bias.weight = nn.Parameter(weight.detach()[0].T)
    other = padded(theirs(case.grid.cells, case.grid.cells), case)
    yield Answer("logits", said(cast(PositionEmbedding, ours), case), other)


ALL = cases((*SAME, *OTHER))
LARGE = (SQUARE, Grid(6, 6))
ORACLES = [
    Oracle("swin_rpb", "timm", "timm.layers.RelPosBias", swin_rpb, cases(SAME)),
    Oracle(
        "swin_rpb",
        "timm",
        "timm.layers.resize_rel_pos_bias_table_simple",
        swin_resized,
        cases((*OTHER, (OBLONG, Grid(2, 3)))),
    ),
    Oracle("swin_rpb", "timm", "timm.layers.RelPosBiasTf", maxvit, cases(SAME)),
    Oracle(
        "swin_rpb",
        "torchvision",
        "torchvision.models.maxvit.RelativePositionalMultiHeadAttention",
        maxvit_square,
        cases(SAME[:1]),
    ),
    Oracle(
        "beit_rpb",
        "timm",
        "timm.layers.RelPosBias",
        beit_rpb,
        cases((*SAME, *OTHER, LARGE, (Grid(6, 4), OBLONG)), (1,)),
    ),
    Oracle(
        "beit_rpb",
        "transformers",
        "transformers.models.beit.modeling_beit.BeitRelativePositionBias",
        beit_bilinear,
        cases((SAME[0], OTHER[0], LARGE), (1,)),
    ),
    Oracle("beit_shared_rpb", "timm", "timm.layers.RelPosBias", beit_shared_rpb, cases(SAME, (1,))),
    Oracle("levit_bias", "timm", "timm.models.levit.Attention", levit_bias, cases((*SAME, LARGE))),
    Oracle(
        "t5_bucket2d",
        "transformers",
        "transformers.models.layoutlmv2.modeling_layoutlmv2.LayoutLMv2Encoder",
        t5_bucket2d,
        cases((*SAME, *OTHER, (SQUARE, Grid(12, 20))), (0, 1)),
    ),
    Oracle(
        "t5_bucket1d",
        "transformers",
        "transformers.models.t5.modeling_t5.T5Attention",
        t5_bucket1d,
        cases((*SAME, *OTHER, (SQUARE, Grid(12, 20))), (0, 1)),
    ),
    Oracle(
        "t5_bucket1d",
        "x-transformers",
        "x_transformers.x_transformers.RelativePositionBias",
        t5_other,
        ALL,
    ),
]
