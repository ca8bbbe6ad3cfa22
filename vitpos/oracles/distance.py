"""References for biases that are functions of distance or of offsets."""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from vitpos.embeddings.base import Site
from vitpos.embeddings.continuous import Dynamic, LogSpaced
from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, SQUARE, Answer, Case, Oracle, cases, gradients, wanted
from vitpos.oracles.bias import HEAD_DIM, HEADS, padded, quiet, said
from vitpos.specimens import loud, position

HIDDEN = 512


def alibi1d(case: Case) -> Iterator[Answer]:
    """x-transformers' bias over cells row by row, for numbers of heads with and without a root."""
    with quiet():
        from x_transformers.x_transformers import AlibiPositionalBias

    for heads in (HEADS, 3, 8, 12):
        ours = position(
            "alibi1d", grid=case.trained, prefix=case.prefix, heads=heads, dim=heads * HEAD_DIM
        )
        theirs = AlibiPositionalBias(heads)
        cells = case.grid.cells
        yield Answer(
            f"logits of {heads} heads", said(ours, case), padded(theirs(cells, cells), case)
        )


def log_spaced(case: Case, **changes: object) -> LogSpaced:
    """Ours, with numbers in every layer."""
    ours = position("swinv2_cpb", grid=case.trained, prefix=case.prefix, changes=changes)
    return cast(LogSpaced, loud(ours, std=0.3))


def learned(ours: LogSpaced, layer: int) -> list[Tensor]:
    """The weights of a layer."""
    first = cast(nn.Linear, ours.first[layer])
    return [first.weight, first.bias, ours.second]


def shared_with(theirs: nn.Linear, last: nn.Linear, ours: LogSpaced, layer: int) -> list[Tensor]:
    """Give a reference the weights of ours, and return them as its own."""
    weight, bias, second = (x.detach().clone() for x in learned(ours, layer))
    theirs.weight, theirs.bias = nn.Parameter(weight), nn.Parameter(bias)
    last.weight = nn.Parameter(second[layer])
    return [theirs.weight, theirs.bias, last.weight]


def same_gradients(
    ours: list[Tensor], layer: int, mine: Tensor, other: Tensor, theirs: list[Tensor]
) -> Iterator[Answer]:
    """Those of the three weights of a layer, and of tokens and of the scale if they are asked."""
    weight, bias, second, *more = gradients([mine], ours)
    names = "W1", "b1", "W2", "tokens", "scale"
    own = weight, bias, second[layer], *more[:1], *(x[layer] for x in more[1:])
    for name, a, b in zip(names, own, gradients([other], theirs), strict=False):
        yield Answer(f"gradient of {name}", a, b)


def swinv2_cpb(case: Case) -> Iterator[Answer]:
    """The bias of timm's perceptron and its gradients; timm drops out hidden units in training."""
    from timm.layers import RelPosMlp

    for new_grid in ("extrapolate", "rescale"):
        ours = log_spaced(case, new_grid=new_grid)
        trained = case.trained if new_grid == "extrapolate" else (0, 0)
        theirs = RelPosMlp(
            case.grid, HEADS, hidden_dim=HIDDEN, mode="swin", pretrained_window_size=trained
        ).eval()
        weights = shared_with(theirs.mlp.fc1, theirs.mlp.fc2, ours, case.layer)
        mine, other = said(ours, case), padded(theirs.get_bias(), case)
        yield Answer(f"logits, {new_grid}", mine, other)
        yield from same_gradients(learned(ours, case.layer), case.layer, mine, other, weights)


def swinv2_cosine(case: Case) -> Iterator[Answer]:
    """The softmax of transformers' cosine attention with its bias, and gradients."""
    from transformers import Swinv2Config
    from transformers.models.swinv2.modeling_swinv2 import Swinv2SelfAttention

    ours = log_spaced(case, cosine=True)
    dim, cells = HEADS * HEAD_DIM, case.grid.cells
    config = Swinv2Config(attention_probs_dropout_prob=0.0)
    theirs = Swinv2SelfAttention(config, dim, HEADS, case.grid, case.trained).eval()
    mlp = theirs.continuous_position_bias_mlp
    weights = shared_with(mlp[0], mlp[2], ours, case.layer)
    warmth = ours.warmth
    assert warmth is not None
    theirs.logit_scale = nn.Parameter(warmth.detach()[case.layer].clone())
    x = wanted(2, cells, dim)
    q, k = (
        layer(x).unflatten(-1, (HEADS, HEAD_DIM)).transpose(1, 2)
        for layer in (theirs.query, theirs.key)
    )
    site = Site(case.grid, case.layer, 0)
    a, b = ours.heads(q, k, site)
    logits = a @ b.mT * HEAD_DIM**-0.5 + ours.logits(a, b, site)
    mine, other = logits.softmax(-1), theirs(x, output_attentions=True)[1]
    yield Answer("attention", mine, other)
    own, others = [*learned(ours, case.layer), x, warmth], [*weights, x, theirs.logit_scale]
    yield from same_gradients(own, case.layer, mine, other, others)


def dpb(case: Case) -> Iterator[Answer]:
    """vit-pytorch's perceptron, which serves one head, and its gradients."""
    from vit_pytorch.crossformer import DynamicPositionBias

    found = position("dpb", grid=case.trained, prefix=case.prefix, heads=1)
    ours = cast(Dynamic, loud(found))
    theirs = DynamicPositionBias(ours.trunk.dim // 4)
    first, *norms, a, b, c = cast(list[nn.Module], ours.perceptrons[case.layer])
    layers = [first, norms[0], a, norms[1], b, norms[2], c]
    order: list[Tensor] = [weight for layer in layers for weight in layer.parameters()]
    for other_weight, weight in zip(theirs.parameters(), order, strict=True):
        other_weight.data.copy_(weight.data)
    rows, cols = (torch.arange(1.0 - side, side) for side in case.grid)
    table = theirs(torch.cartesian_prod(rows, cols))
    numbers = case.grid.offset_numbers(table.device)
    mine, other = said(ours, case), padded(table[numbers][None], case)
    yield Answer("logits", mine, other)
    names = [f"gradient of weight {i}" for i in range(len(order))]
    yield from map(
        Answer, names, gradients([mine], order), gradients([other], list(theirs.parameters()))
    )


ALL = cases((*SAME, *OTHER))
ORACLES = [
    Oracle(
        "alibi1d",
        "x-transformers",
        "x_transformers.x_transformers.AlibiPositionalBias",
        alibi1d,
        cases((*SAME, OTHER[0])),
    ),
    Oracle("swinv2_cpb", "timm", "timm.layers.RelPosMlp", swinv2_cpb, ALL),
    Oracle(
        "swinv2_cpb",
        "transformers",
        "transformers.models.swinv2.modeling_swinv2.Swinv2SelfAttention",
        swinv2_cosine,
        cases((*SAME, *OTHER, (SQUARE, Grid(8, 8))), (0,)),
    ),
    Oracle("dpb", "vit-pytorch", "vit_pytorch.crossformer.DynamicPositionBias", dpb, ALL),
]
