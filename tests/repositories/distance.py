"""Authors' code of biases that are functions of distance, direction or offset."""

import importlib.util
import sys
from types import SimpleNamespace

import torch
from torch import nn

from repositories.loading import clone, pretending, source
from vitpos.embeddings.base import Site
from vitpos.embeddings.bias import HIDDEN
from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, SQUARE, Answer, Case, Oracle, cases, gradients, wanted
from vitpos.oracles.bias import HEAD_DIM, HEADS, padded, said
from vitpos.oracles.distance import learned, log_spaced, same_gradients, shared_with
from vitpos.specimens import loud, noise, position


def croma(case):
    """CROMA's biases on a square, for numbers of heads that are powers of two and not."""
    module = source("antofuller/CROMA", "use_croma.py")
    for heads in (2, 3, 12, 16):
        ours = position(
            "alibi2d", grid=case.trained, prefix=case.prefix, heads=heads, dim=heads * HEAD_DIM
        )
        theirs = module.get_2dalibi(heads, case.grid.cells)
        yield Answer(f"logits of {heads} heads", said(ours, case), padded(theirs, case))


# As much of a run of the parabolic repository as its ALiBi asks for.
CONFIG = SimpleNamespace(model=SimpleNamespace(num_heads=HEADS))


def parabolic(case):
    """The same in any number of dimensions, at the places of cells."""
    names = tuple(f"pape{name}" for name in ("", ".configs", ".nn", ".nn.positions"))
    base = source("DTU-PAS/parabolic-position-encoding", "pape/nn/positions/base.py")
    with pretending((*names, "pape.nn.positions.base")):
        sys.modules["pape.nn.positions.base"] = base
        sys.modules["pape.configs"].Config = object
        module = source("DTU-PAS/parabolic-position-encoding", "pape/nn/positions/alibi.py")
    theirs = module.ALiBiPositionEncoder(CONFIG)
    theirs.register_model_weights()
    places = case.grid.indices(torch.device("cpu"))[None]
    ours = position("alibi2d", grid=case.trained, prefix=case.prefix)
    yield Answer("logits", said(ours, case), padded(theirs.prepare_positions(places), case))


LOOKS = {  # view, heads: what the authors' configuration calls it
    (180, 6): "halves-none",
    (90, 6): "corners-none",
    (45, 6): "eighths1-none",
    (180, 12): "halves-none",
    (90, 12): "corners-triangles-none",
    (45, 12): "eighths1-eighths2-none",
    (180, 16): "halves-halves-none",
    (90, 16): "corners-triangles-none",
    (45, 16): "eighths1-eighths2-none",
}


def lookhere(case):
    """Which keys are hidden, and the bias of the others in bfloat16, layer by layer."""
    module = source("GreenCUBIC/lookhere", "lookhere.py")
    sys.modules.pop("vision_transformer", None)
    for (view, heads), name in LOOKS.items():
        ours = position(
            "lookhere",
            changes={"view": view},
            grid=case.trained,
            prefix=case.prefix,
            heads=heads,
            dim=heads * HEAD_DIM,
            depth=5,
        )
        config = {"global_slope": 2.0, "layer_slopes": [1.5, 0.5], "head_directions": name}
        theirs = module.create_lh_bias_tensor(config, case.grid, 5, heads)[case.layer]
        other, mine = padded(theirs, case), said(ours, case).bfloat16()
        seen = other > HIDDEN
        yield Answer(f"what {heads} heads see at {view}", (mine > HIDDEN).float(), seen.float())
        mine, other = (x.where(seen, 0).float() for x in (mine, other))
        yield Answer(f"logits of {heads} heads at {view}", mine, other)


def megatron(file):
    """One file of KERPLE's fork of megatron, which imports its neighbours by relative names."""
    neighbours = ("initialize", "mappings", "random", "utils")
    names = ("megatron", "megatron.mpu", *(f"megatron.mpu.{name}" for name in neighbours))
    path = clone("chijames/KERPLE") / "megatron/mpu" / file
    spec = importlib.util.spec_from_file_location("megatron.mpu.layers", path)
    module = importlib.util.module_from_spec(spec)
    with pretending(names):
        spec.loader.exec_module(module)
    return module


def kerple(name, kind):
    """The half that KERPLE speaks of, keys before the query, on one row of cells."""

    def ask(case):
        ours = position(name, grid=case.trained, prefix=case.prefix)
        layers = megatron("layers.py")
        theirs = getattr(layers, kind).__new__(getattr(layers, kind))  # its __init__ asks for CUDA
        nn.Module.__init__(theirs)
        theirs.eps, theirs.cached_matrix, theirs.cached_seq_len = 1e-2, None, None
        theirs.wei_a = theirs.wei_p = None
        for a, p in (([0.7, -0.3], [1.3, 0.001]), ([0.004, 0.2], [1.99, 2.5])):
            ours.a.data, ours.p.data = (torch.tensor(x).view(1, 2, 1, 1) for x in (a, p))
            theirs.bias_a, theirs.bias_p = (
                nn.Parameter(x.data[0].clone()) for x in (ours.a, ours.p)
            )
            mine = said(ours, case).tril()
            cells = case.grid.cells
            other = padded(theirs(torch.zeros(1, HEADS, cells, cells)), case).tril()
            yield Answer("logits", mine, other)
            names = "gradient of a", "gradient of p"
            grads = gradients([other], [theirs.bias_a, theirs.bias_p])
            yield from map(
                Answer, names, (x[0] for x in gradients([mine], [ours.a, ours.p])), grads
            )

    return ask


def fire(case):
    """On one row: all of it while the row is shorter than L, then what the last token sees."""
    module = source("mcleish7/arithmetic", "cramming/architectures/embeddings.py")
    for long in (1.25, 0.4):
        ours = loud(
            position("fire", grid=case.trained, prefix=case.prefix, changes={"limit": long})
        )
        ours.multiplier.data.fill_(-0.9)
        ours.c.data.fill_(-0.8)
        limit = ours.limit().item()
        theirs = module.FIRE(HEADS, ours.first[0].out_features, init_L=limit).eval()
        own = [ours.c, ours.multiplier]
        layers = ours.first[case.layer], ours.second[case.layer]
        own += [x for layer in layers for x in layer.parameters()]
        for weight, x in zip((theirs.mlp[0], theirs.mlp[2]), layers, strict=True):
            weight.load_state_dict(x.state_dict())
        theirs.c.data, theirs.L_multiplier.data = (x.data[case.layer].clone() for x in own[:2])
        mine = said(ours, case)
        other = padded(theirs(case.grid.cells, torch.device("cpu")), case)
        if case.grid.cols - 1 > 0.9 * limit:  # the diagonal counts, as for the last token
            mine, other = mine[..., -1:, :], other[..., -1:, :]
        yield Answer(f"logits, L {long}", mine, other)
        asked = [theirs.c, theirs.L_multiplier, *theirs.mlp.parameters()]
        alike = noise(*mine.shape, seed=7)  # makes all weights positive: c is lost in rounding else
        mine, other = mine * alike, other * alike
        c, multiplier, *rest = gradients([mine], own)
        found = [c[case.layer], multiplier[case.layer], *rest]
        yield from map(
            Answer, (f"gradient {i}" for i in range(6)), found, gradients([other], asked)
        )


def swinv2_cpb(case):
    """Cosine attention with its bias in Swin's window, the size of these images."""
    module = source("microsoft/Swin-Transformer", "models/swin_transformer_v2.py")
    ours = log_spaced(case, cosine=True)
    dim, warmth = HEADS * HEAD_DIM, ours.warmth
    theirs = module.WindowAttention(dim, case.grid, HEADS, pretrained_window_size=case.trained)
    weights = shared_with(theirs.cpb_mlp[0], theirs.cpb_mlp[2], ours, case.layer)
    theirs.logit_scale = nn.Parameter(warmth.detach()[case.layer].clone())
    x = wanted(2, case.grid.cells, dim)
    bias = torch.cat([theirs.q_bias, torch.zeros(dim), theirs.v_bias])
    packed = nn.functional.linear(x, theirs.qkv.weight, bias)
    q, k, v = packed.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
    site = Site(case.grid, case.layer, 0)
    a, b = ours.heads(q, k, site)
    attention = (a @ b.mT * HEAD_DIM**-0.5 + ours.logits(a, b, site)).softmax(-1)
    mine = theirs.proj((attention @ v).transpose(1, 2).flatten(2))
    other = theirs(x)
    yield Answer("tokens", mine, other)
    own, others = [*learned(ours, case.layer), x, warmth], [*weights, x, theirs.logit_scale]
    yield from same_gradients(own, case.layer, mine, other, others)


def dpb(case):
    """CrossFormer's perceptron within its attention, for the released width."""
    module = source("cheerss/CrossFormer", "models/crossformer.py")
    dim = 64
    ours = loud(
        position("dpb", changes={"reduction": 16}, grid=case.trained, prefix=case.prefix, dim=dim)
    )
    theirs = module.Attention(dim, case.grid, HEADS)
    first, *norms, a, b, c = ours.perceptrons[case.layer]
    own = [x for y in (first, norms[0], a, norms[1], b, norms[2], c) for x in y.parameters()]
    asked = list(theirs.pos.parameters())
    for weight, x in zip(asked, own, strict=True):
        weight.data = x.detach().clone()
    table, index = theirs.pos(theirs.biases), theirs.relative_position_index
    mine, other = said(ours, case), padded(table[index].permute(2, 0, 1), case)
    yield Answer("logits", mine, other)
    names = (f"gradient {i}" for i in range(len(own)))
    yield from map(Answer, names, gradients([mine], own), gradients([other], asked))


SQUARES = ((SQUARE, SQUARE), (SQUARE, Grid(6, 6)))
ROWS = ((Grid(1, 9), Grid(1, 9)), (Grid(1, 5), Grid(1, 12)))
ALL = (*SAME, *OTHER)
ORACLES = [
    Oracle(
        "alibi2d", "antofuller/CROMA", "use_croma.py get_2dalibi", croma, cases(SQUARES, (0, 1))
    ),
    Oracle(
        "alibi2d",
        "DTU-PAS/parabolic-position-encoding",
        "pape/nn/positions/alibi.py ALiBiPositionEncoder",
        parabolic,
        cases(ALL, (0, 1)),
    ),
    Oracle(
        "lookhere",
        "GreenCUBIC/lookhere",
        "lookhere.py create_lh_bias_tensor",
        lookhere,
        tuple(Case(*g, p, i) for g, p, i in zip(ALL, (0, 1, 1, 3), (0, 1, 4, 3), strict=True)),
    ),
    Oracle(
        "kerple_log",
        "chijames/KERPLE",
        "megatron/mpu/layers.py ParallelKerpleLog",
        kerple("kerple_log", "ParallelKerpleLog"),
        cases(ROWS, (0, 1)),
    ),
    Oracle(
        "kerple_power",
        "chijames/KERPLE",
        "megatron/mpu/layers.py ParallelKerplePower",
        kerple("kerple_power", "ParallelKerplePower"),
        cases(ROWS, (0, 1)),
    ),
    Oracle(
        "fire",
        "mcleish7/arithmetic",
        "cramming/architectures/embeddings.py FIRE",
        fire,
        cases(ROWS, (0, 1)),
    ),
    Oracle(
        "swinv2_cpb",
        "microsoft/Swin-Transformer",
        "models/swin_transformer_v2.py WindowAttention",
        swinv2_cpb,
        cases(ALL, (0,)),
    ),
    Oracle(
        "dpb", "cheerss/CrossFormer", "models/crossformer.py Attention", dpb, cases(ALL, (0, 1))
    ),
]
