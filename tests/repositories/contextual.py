"""Relative vectors and untied positions beside the code of their authors."""

import sys
from importlib import import_module

import torch
from torch import nn

from repositories.loading import clone, source
from vitpos.embeddings.base import Site
from vitpos.oracles.base import OTHER, SAME, Answer, Oracle, cases, gradients, wanted
from vitpos.oracles.contextual import (
    DIM,
    HEAD_DIM,
    HEADS,
    axial,
    compared,
    lend,
    on_cells,
    queries,
    strategy,
    tables,
)
from vitpos.specimens import loud, noise
from vitpos.vit import Attention

EVERYWHERE = (*SAME, *OTHER)
STUDY = "s-chh/2D-Positional-Encoding-Vision-Transformer"
SQRT_2D = (2 * HEAD_DIM) ** -0.5


def attention_of(qkv, out):
    """Our attention with the projections of a reference."""
    ours = Attention(DIM, HEADS)
    for part in ("weight", "bias"):
        joined = torch.cat([getattr(linear, part) for linear in qkv]).detach()
        setattr(ours.qkv, part, nn.Parameter(joined))
        setattr(ours.out, part, nn.Parameter(getattr(out, part).detach().clone()))
    return ours


def shaw_schh(case):
    """The whole attention of the study, whose columns have the first half of the channels."""
    helpers = source(STUDY, "utils.py")
    module = source(STUDY, "positional_encodings/pos_embed_relative.py", ("utils",))
    module.get_x_positions, module.get_y_positions = (
        helpers.get_x_positions,
        helpers.get_y_positions,
    )
    theirs = loud(module.SelfAttentionWithRelative(DIM, HEADS, 10, 2), std=0.3)
    ours, grid = strategy("shaw_schh", case), case.grid
    attention = attention_of([theirs.queries, theirs.keys, theirs.values], theirs.out_projection)
    at = torch.arange(DIM).unflatten(0, (HEADS, 2, -1)).flip(1).flatten()  # halves change places
    for linear in (theirs.queries, theirs.keys, theirs.values):
        lend(linear, weight=linear.weight[at].detach(), bias=linear.bias[at].detach())
    lend(theirs.out_projection, weight=theirs.out_projection.weight[:, at].detach())
    cells = torch.arange(grid.cells)
    pairs = (ours.of_keys, theirs.query_pos_embedding), (ours.of_values, theirs.value_pos_embedding)
    for vectors, embedding in pairs:
        embedding.x_distances = embedding.generate_relative1D_distances(cells % grid.cols)
        embedding.y_distances = embedding.generate_relative1D_distances(cells // grid.cols)
        rows, cols = (table[case.layer].flip(0) for table in (vectors.rows, vectors.cols))
        edge = vectors.edge[case.layer][None]
        of_rows, of_cols = edge.chunk(2, dim=-1)
        lend(embedding.x_relative_embedding_table, weight=torch.cat([of_cols, cols]))
        lend(embedding.y_relative_embedding_table, weight=torch.cat([of_rows, rows]))
    x = wanted(2, 1 + grid.cells, DIM)
    read = attention(x, ours, Site(grid, case.layer, 1))
    yield from compared("output", read, theirs(x), {"tokens": x, **dict(ours.named_parameters())})


def decomposed_mvit(case):
    """The logits of MViTv2's own code, with at most one prefix token."""
    module = source("facebookresearch/mvit", "mvit/models/attention.py", ("mvit.models.common",))
    ours, (q, k) = strategy("decomposed_rel", case), queries(case)
    scaled = (q * HEAD_DIM**-0.5) @ k.mT
    tell = module.cal_rel_pos_spatial
    theirs = tell(scaled, q, case.prefix > 0, case.grid, case.grid, *tables(case, ours))
    yield from axial(case, ours, q, k, theirs)


def decomposed_sam(case):
    """Those of SAM's own code, on other grids too."""
    sys.path.insert(0, f"{clone('facebookresearch/segment-anything')}")
    try:
        module = import_module("segment_anything.modeling.image_encoder")
    finally:
        sys.path.pop(0)
    ours, (q, k) = strategy("decomposed_rel", case), queries(case)
    cells = q[:, :, case.prefix :].flatten(0, 1)
    nothing = torch.zeros(len(cells), case.grid.cells, case.grid.cells)
    tell = module.add_decomposed_rel_pos
    term = tell(nothing, cells, *tables(case, ours), case.grid, case.grid)
    yield from axial(case, ours, q, k, on_cells(q, k, term, case.prefix))


def irpe(name, method, mode, which, ratio, shared):
    """An oracle for one combination: logits, and what values add, by the modules of the authors."""

    def ask(case):
        module = source("microsoft/Cream", "iRPE/DeiT-with-iRPE/irpe.py")
        config = module.get_rpe_config(ratio, method, mode, shared, int(case.prefix > 0), which)
        ours, grid = strategy(name, case), case.grid
        modules = dict(zip("qkv", module.build_rpe(config, HEAD_DIM, HEADS), strict=True))
        for token in which:
            fill(modules[token], ours, token, case)
        (q, k), v = queries(case), wanted(2, HEADS, case.prefix + grid.cells, HEAD_DIM, seed=3)
        site, scale = Site(grid, case.layer, case.prefix), HEAD_DIM**-0.5
        terms = [modules["k"](q * scale, *grid)]
        if modules["q"] is not None:
            terms.append(modules["q"](k * scale, *grid).transpose(2, 3))
        mine, other = ((q * scale) @ k.mT + x for x in (ours.logits(q, k, site), sum(terms)))
        of_values = {n: p for n, p in ours.named_parameters() if ".v_" in n}
        of_logits = {n: p for n, p in ours.named_parameters() if n not in of_values}
        yield from compared("logits", mine, other, {"queries": q, "keys": k, **of_logits})
        if modules["v"] is not None:
            gather = Read(q, k, other.detach().softmax(-1).requires_grad_())
            wished = gather(v) + modules["v"](gather.weights(), *grid)
            inputs = {"values": v, "weights": gather.weights(), **of_values}
            yield from compared("read", ours.values(v, gather, site), wished, inputs)

    return Oracle(name, "microsoft/Cream", "irpe.build_rpe", ask, cases(EVERYWHERE))


class Read:
    """Attention whose weights are known."""

    def __init__(self, q, k, softmax):
        self.q, self.k, self.softmax = q, k, softmax

    def weights(self):
        """The softmax."""
        return self.softmax

    def __call__(self, v):
        """What each token reads."""
        return self.softmax @ v


def fill(theirs, ours, token, case):
    """Their tables with the lines of ours; buckets that ours has no line for get the nearest."""
    parts = {"rows": theirs.rp_rows, "cols": theirs.rp_cols} if hasattr(theirs, "rp_rows") else {}
    for kind in ours.buckets:
        part = parts.get(kind, theirs)
        table = ours.tables[f"{token}_{kind}"][case.layer]
        lines = lines_of(ours.of(kind), part.num_buckets - int(ours.extra))
        lines = torch.cat([lines, torch.tensor([table.shape[1] - 1])[: int(ours.extra)]])
        if part.mode == "bias":
            lend(part, lookup_table_bias=table[:, lines])
        else:
            found = table[:, lines]
            lend(part, lookup_table_weight=found.mT if part.transposed else found)


def lines_of(buckets, count):
    """For each of their buckets the line of ours."""
    if buckets.kind != "product":
        bucket = torch.arange(count) - count // 2
        return (torch.searchsorted(buckets.known, bucket, right=True) - 1).clamp(min=0)
    side = round(count**0.5)
    pairs = torch.cartesian_prod(torch.arange(side), torch.arange(side)) - side // 2
    rows, cols = (
        axis.clamp(-far, far) + far for axis, far in zip(pairs.T, buckets.reach, strict=True)
    )
    return rows * (2 * buckets.reach[1] + 1) + cols


def tupe(case):
    """Logits between cells and CLS, and the whole attention, of TUPE-A with one prefix token."""
    folder = "fairseq/modules"
    encoder = source(
        "guolinke/TUPE",
        f"{folder}/transformer_sentence_encoder.py",
        ("fairseq", "fairseq.modules"),
    )
    attend = source("guolinke/TUPE", f"{folder}/multihead_attention.py", ("fairseq",))
    ours, tokens = strategy("tupe", case), 1 + case.grid.cells
    told = []
    encoder.LayerNorm = lambda dim, export: nn.LayerNorm(dim)
    encoder.TransformerSentenceEncoderLayer = lambda **given: Heard(told)
    theirs = encoder.TransformerSentenceEncoder(
        0, 5, 1, DIM, DIM, HEADS, max_seq_len=tokens, dropout=0.0
    )
    cells = ours.weight.T.unflatten(-1, case.grid).flatten(1).T
    zero = noise(1, DIM)  # what CLS says of everything it reads: no softmax changes with it
    lend(theirs.pos, weight=torch.cat([zero, ours.of_prefix, cells]))
    lend(theirs.pos_ln, weight=ours.norm.weight, bias=ours.norm.bias)
    lend(theirs.pos_q_linear, weight=ours.to_queries.T, bias=ours.query_bias)
    lend(theirs.pos_k_linear, weight=ours.to_keys.T, bias=ours.key_bias)
    theirs(torch.ones(2, tokens, dtype=torch.long))
    theirs(torch.ones(2, tokens, dtype=torch.long))
    first, again = told
    site = Site(case.grid, case.layer, 1)
    q = noise(1, HEADS, tokens, HEAD_DIM)
    term = ours.logits(q, q, site)[0, :, 1:]
    yield from compared("logits", term, first[:HEADS, 1:], dict(ours.named_parameters()))
    whole = loud(attend.MultiheadAttention(DIM, HEADS, scale_factor=2), std=0.2)
    attention = Attention(DIM, HEADS)
    attention.qkv.weight, attention.qkv.bias = whole.in_proj_weight, whole.in_proj_bias
    attention.out = whole.out_proj
    x = wanted(2, tokens, DIM)
    wished = whole(*[x.transpose(0, 1)] * 3, attn_bias=again)[0].transpose(0, 1)
    read = attention(x, ours, site)
    yield Answer("output", read, wished)
    mine, other = (gradients([y], [x, ours.weight, ours.to_keys]) for y in (read, wished))
    yield from map(Answer, ("gradient of tokens", "of cells", "of keys"), mine, other)


class Heard(nn.Module):
    """A layer that keeps the bias it is told."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def forward(self, x, self_attn_padding_mask, self_attn_bias):
        """The tokens as they are."""
        self.told.append(self_attn_bias)
        return x


PRODUCT = ("product", "contextual")
ORACLES = [
    Oracle("shaw_schh", STUDY, "SelfAttentionWithRelative", shaw_schh, cases(EVERYWHERE, (1,))),
    Oracle(
        "decomposed_rel",
        "facebookresearch/mvit",
        "cal_rel_pos_spatial",
        decomposed_mvit,
        cases(SAME, (0, 1)),
    ),
    Oracle(
        "decomposed_rel",
        "facebookresearch/segment-anything",
        "add_decomposed_rel_pos",
        decomposed_sam,
        cases(EVERYWHERE),
    ),
    irpe("irpe_product_ctx", *PRODUCT, "k", 1.9, True),
    irpe("irpe_product_ctx_qk", *PRODUCT, "qk", 1.9, True),
    irpe("irpe_product_ctx_qkv", *PRODUCT, "qkv", 1.9, True),
    irpe("irpe_product_bias", "product", "bias", "k", 1.9, False),
    irpe("irpe_cross_ctx", "cross", "contextual", "k", 20, True),
    irpe("irpe_euc_ctx", "euc", "contextual", "k", 20, True),
    irpe("irpe_quant_ctx", "quant", "contextual", "k", 33, True),
    Oracle("tupe", "guolinke/TUPE", "TransformerSentenceEncoder", tupe, cases(SAME, (1,))),
]
