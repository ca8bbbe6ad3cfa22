"""Convolutions beside the code of their authors."""

from torch import nn

from repositories.contextual import attention_of
from repositories.loading import source
from vitpos.attention import Attend
from vitpos.embeddings.base import Site
from vitpos.oracles.base import OTHER, SAME, SQUARE, Oracle, cases, wanted
from vitpos.oracles.conditional import between
from vitpos.oracles.contextual import DIM, HEAD_DIM, HEADS, compared, lend, strategy
from vitpos.specimens import loud

LAYERS = ("timm.models.registry", "timm.models.layers")
EINOPS = ("einops", "einops.layers", "einops.layers.torch")
TIMM = (*LAYERS, *EINOPS, "timm.models.vision_transformer", "timm.models.helpers", "timm.data")
SQUARES = ((SQUARE, SQUARE),)


def peg(case):
    """The generator of Twins, by the authors of CPVT."""
    theirs = source("Meituan-AutoML/Twins", "gvt.py", LAYERS).PosCNN(DIM, DIM)
    yield from between(case, "peg", Together(theirs), theirs.proj[0], bare=True)


class Together(nn.Module):
    """Takes rows and columns as one argument."""

    def __init__(self, theirs):
        super().__init__()
        self.theirs = theirs

    def forward(self, x, grid):
        """What the reference says."""
        return self.theirs(x, *grid)


def lepe(case):
    """CSWin's attention over the whole image, which is square and has no prefix tokens."""
    module = source("microsoft/CSWin-Transformer", "models/cswin.py", TIMM)
    theirs = module.LePEAttention(DIM, case.grid.rows, idx=-1, num_heads=HEADS)
    ours = strategy("lepe", case)
    own = ours.conv(case.layer)
    lend(theirs.get_v, weight=own.weight, bias=own.bias)
    tokens = [wanted(2, case.grid.cells, DIM, seed=i) for i in (1, 2, 3)]
    q, k, v = (x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in tokens)
    gather = Attend(q, k, None, HEAD_DIM**-0.5, "sdpa")
    read = ours.values(v, gather, Site(case.grid, case.layer, 0)).transpose(1, 2).flatten(2)
    inputs = dict(zip("qkv", tokens, strict=True)) | {"kernels": own.weight, "biases": own.bias}
    yield from compared("output", read, theirs(tokens), inputs)


def resformer(case):
    """The global table and the whole attention, of a square image with one prefix token."""
    module = source("ruitian12/resformer", "image_classification/models.py", TIMM)
    ours = strategy("resformer", case)
    everywhere, own = module.GlobalPosEmbed(DIM), ours.convs[case.layer]
    lend(everywhere.embed_layer, weight=ours.conv.weight, bias=ours.conv.bias)
    x, site = wanted(2, 1 + case.grid.cells, DIM), Site(case.grid, case.layer, 1)
    inputs = {"tokens": x, "kernels": ours.conv.weight, "biases": ours.conv.bias}
    told = ours.tokens(x, site._replace(layer=0))
    yield from compared("tokens", told, everywhere(x), inputs)
    theirs = loud(module.Attention(DIM, HEADS, qkv_bias=True), std=0.2)
    lend(theirs.get_v, weight=own.weight, bias=own.bias)
    read = attention_of([theirs.qkv], theirs.proj)(x, ours, site)
    inputs = {"tokens": x, "kernels": own.weight, "biases": own.bias}
    yield from compared("output", read, theirs(x), inputs)


ORACLES = [
    Oracle("peg", "Meituan-AutoML/Twins", "PosCNN", peg, cases((*SAME, *OTHER))),
    Oracle("lepe", "microsoft/CSWin-Transformer", "LePEAttention", lepe, cases(SQUARES, (0,))),
    Oracle("resformer", "ruitian12/resformer", "GlobalPosEmbed", resformer, cases(SQUARES, (1,))),
]
