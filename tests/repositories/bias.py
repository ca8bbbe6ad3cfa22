"""Authors' code of biases from tables."""

from torch import nn

from repositories.loading import source
from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.oracles.base import SAME, SQUARE, Answer, Oracle, cases, gradients
from vitpos.oracles.bias import HEAD_DIM, HEADS, flat, padded, relative, said, unflat
from vitpos.specimens import loud, noise, position


def beit(name):
    """BEiT's module with its three numbers for CLS."""

    def ask(case):
        module = source("microsoft/unilm", "beit/modeling_finetune.py")
        ours, theirs = relative(name, case), module.RelativePositionBias(case.trained, HEADS)
        theirs.relative_position_bias_table = nn.Parameter(flat(ours, case.layer))
        mine, other = said(ours, case), theirs()[None]
        yield Answer("logits", mine, other)
        (grad,) = gradients([other], [theirs.relative_position_bias_table])
        yield Answer("gradient of the table", unflat(ours, case.layer, mine), grad)

    return ask


def swin_rpb(case):
    """The bias within a window of Swin that is as large as the image."""
    module = source("microsoft/Swin-Transformer", "models/swin_transformer.py", PRETEND)
    ours = relative("swin_rpb", case)
    theirs = module.WindowAttention(HEADS * HEAD_DIM, case.trained, HEADS)
    table, index = flat(ours, case.layer).requires_grad_(), theirs.relative_position_index
    mine, other = said(ours, case), padded(table[index].permute(2, 0, 1), case)
    yield Answer("logits", mine, other)
    (grad,) = gradients([other], [table])
    yield Answer("gradient of the table", unflat(ours, case.layer, mine), grad)


def levit_bias(case):
    """LeViT's numbers and their places in its attention, on a square."""
    module = source("facebookresearch/LeViT", "levit.py", ("utils",))
    ours = loud(position("levit_bias", grid=case.trained, prefix=case.prefix))
    theirs = module.Attention(
        HEADS * HEAD_DIM, HEAD_DIM, HEADS, activation=nn.Hardswish, resolution=case.grid.rows
    )
    table = nn.Parameter(ours.weight.detach()[case.layer].flatten(1))
    theirs.attention_biases = table
    mine, other = said(ours, case), padded(table[:, theirs.attention_bias_idxs], case)
    yield Answer("logits", mine, other)
    (grad,), (own,) = gradients([other], [table]), gradients([mine], [ours.weight])
    yield Answer("gradient of the table", own[case.layer].flatten(1), grad)


def lape_rpb(case):
    """LaPE's attention with a normed bias after a CLS token, on a square: its tokens."""
    module = source("Ingrid725/LaPE", "vision_transformer.py")
    ours = loud(position("lape_rpb", grid=case.trained, prefix=1))
    theirs = module.RPE_Attention(
        HEADS * HEAD_DIM, HEADS, join_type="LN", num_patches=case.grid.cells
    )
    table = nn.Parameter(ours.weight.detach()[case.layer].flatten(1).T)
    gain, shift = (x.detach()[case.layer].flatten().clone() for x in (ours.gain, ours.shift))
    theirs.relative_position_bias_table = table
    theirs.pe_norm.weight, theirs.pe_norm.bias = nn.Parameter(gain), nn.Parameter(shift)
    x = noise(2, 1 + case.grid.cells, HEADS * HEAD_DIM)
    q, k, v = theirs.qkv(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
    bias = ours.logits(q, k, Site(case.grid, case.layer, 1))
    attention = (q @ k.mT * HEAD_DIM**-0.5 + bias).softmax(-1)
    mine, other = theirs.proj((attention @ v).transpose(1, 2).flatten(2)), theirs(x)
    yield Answer("tokens", mine, other)
    own = gradients([mine], [ours.weight, ours.gain, ours.shift])
    grads = gradients([other], [table, theirs.pe_norm.weight, theirs.pe_norm.bias])
    yield Answer("gradient of the table", own[0][case.layer].flatten(1).T, grads[0])
    yield Answer("gradient of gains", own[1][case.layer].flatten(), grads[1])
    yield Answer("gradient of shifts", own[2][case.layer].flatten(), grads[2])


PRETEND = ("kernels", "kernels.window_process", "kernels.window_process.window_process")
SQUARES = ((SQUARE, SQUARE), (Grid(5, 5), Grid(5, 5)))
ORACLES = [
    *(
        Oracle(
            name,
            "microsoft/unilm",
            "beit/modeling_finetune.py RelativePositionBias",
            beit(name),
            cases(SAME, (1,)),
        )
        for name in ("beit_rpb", "beit_shared_rpb")
    ),
    Oracle(
        "swin_rpb",
        "microsoft/Swin-Transformer",
        "models/swin_transformer.py WindowAttention",
        swin_rpb,
        cases(SAME, (0, 1)),
    ),
    Oracle(
        "levit_bias",
        "facebookresearch/LeViT",
        "levit.py Attention",
        levit_bias,
        cases(SQUARES, (0, 1)),
    ),
    Oracle(
        "lape_rpb",
        "Ingrid725/LaPE",
        "vision_transformer.py RPE_Attention",
        lape_rpb,
        cases(SQUARES, (1,)),
    ),
]
