"""References for learned tables and for the ways to bring them in: LaPE, DETR."""

import dataclasses
from collections.abc import Iterator
from types import SimpleNamespace

import torch
from networks import BACKBONE, loud
from torch import Tensor, nn

from repositories.loading import source
from vitpos.embeddings.base import Site
from vitpos.oracles.base import SAME, Answer, Case, Oracle, cases, gradients, wanted
from vitpos.oracles.factorised import fifty
from vitpos.oracles.learned import beside
from vitpos.specimens import position
from vitpos.vit import Block

DIM, HEADS, DEPTH = BACKBONE.dim, BACKBONE.heads, BACKBONE.depth
LAPE, DETR = "Ingrid725/LaPE", "facebookresearch/detr"
JOIN = {"input": "basic", "shared": "share", "every_layer": "unshare", "lape": "LaPE"}
NAMES = {
    "norm1": "norm1",
    "attention.qkv": "attn.qkv",
    "attention.out": "attn.proj",
    "norm2": "norm2",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}


class Given(nn.Module):
    """Hands on what it was made with, whatever it is asked."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x = x

    def forward(self, _: Tensor) -> Tensor:
        return self.x


def lape_network(case: Case, join: str, cells: Tensor) -> nn.Module:
    """The authors' network on patches that are given, the CLS token being zero."""
    module = source(LAPE, "vision_transformer.py")
    theirs = module.VisionTransformer(
        img_size=(2 * case.grid.rows, 2 * case.grid.cols),
        patch_size=2,
        embed_dim=DIM,
        depth=DEPTH,
        num_heads=HEADS,
        mlp_ratio=BACKBONE.mlp_ratio,
        qkv_bias=True,
        join_type=join,
    )
    loud(theirs, std=0.2)
    nn.init.zeros_(theirs.cls_token)
    theirs.patch_embed, theirs.norm = Given(cells), nn.Identity()
    return theirs


def joined(inject: str):
    """Their network with one join type, and ours with the switch that means it."""

    def ask(case: Case) -> Iterator[Answer]:
        changes = {"inject": inject, "prefix": "learned"}
        cells = wanted(2, case.grid.cells, DIM)
        theirs = lape_network(case, JOIN[inject], cells)
        ours = position("learned1d", grid=case.grid, prefix=1, changes=changes)
        blocks = nn.ModuleList(Block(BACKBONE, 0.0) for _ in range(DEPTH))
        copied(ours, blocks, theirs)
        x = torch.cat([torch.zeros(2, 1, DIM), cells], dim=1)
        for layer, block in enumerate(blocks):
            site = Site(case.grid, layer, 1)
            x = block(ours.tokens(x, site), ours, site)
        last = []
        theirs.norm.register_forward_hook(lambda module, before, after: last.append(after))
        theirs(torch.empty(2, 3, 1, 1))
        yield Answer("last tokens", x, last[0])
        yield from learned(ours, theirs, cells, x, last[0])

    return ask


def tables(theirs: nn.Module) -> list[Tensor]:
    """The authors' tables, with the slot of CLS first: one, or one per layer."""
    names = ["pos_embed"] if hasattr(theirs, "pos_embed") else [f"pos_embed{i}" for i in (0, 1)]
    return [getattr(theirs, name) for name in names]


def copied(ours, blocks: nn.ModuleList, theirs: nn.Module) -> None:
    """Give ours all numbers of theirs."""
    with torch.no_grad():
        for i, table in enumerate(tables(theirs)):
            ours.slots[i].copy_(table[0, :1])
            ours.sources[i].weight.copy_(table[0, 1:])
        for mine, other in zip(ours.norms, theirs.blocks, strict=False):
            mine.load_state_dict(other.pe_norm.state_dict())
    for mine, other in zip(blocks, theirs.blocks, strict=True):
        for a, b in NAMES.items():
            mine.get_submodule(a).load_state_dict(other.get_submodule(b).state_dict())


def learned(ours, theirs: nn.Module, cells: Tensor, a: Tensor, b: Tensor) -> Iterator[Answer]:
    """Gradients of tables, of norms of tables and of patches."""
    sources = [source.weight for source in ours.sources]
    norms = list(ours.norms.parameters())
    mine = gradients([a], [cells, ours.slots, *sources, *norms])
    n = len(sources)
    of_tables = [torch.cat([s, w]) for s, w in zip(mine[1], mine[2 : 2 + n], strict=True)]
    pe_norms = [p for name, p in theirs.named_parameters() if "pe_norm" in name]
    other = gradients([b], [cells, *tables(theirs), *pe_norms])
    yield Answer("gradient of patches", mine[0], other[0])
    for x, y in zip(of_tables, other[1 : 1 + n], strict=True):
        yield Answer("gradient of a table", x, y[0])
    for x, y in zip(mine[2 + n :], other[1 + n :], strict=True):
        yield Answer("gradient of a norm", x, y)


def detr_table(case: Case) -> Iterator[Answer]:
    """The authors' learned embedding, half columns and half rows."""
    module = source(DETR, "models/position_encoding.py", pretend=("util", "util.misc"))

    def reference(rows: Tensor, cols: Tensor) -> Tensor:
        theirs = module.PositionEmbeddingLearned(DIM // 2)
        names = {"row_embeddings.weight": "row_embed.weight"}
        names["column_embeddings.weight"] = "col_embed.weight"
        weights = {names[name]: table for name, table in fifty(rows, cols).items()}
        images = SimpleNamespace(tensors=torch.zeros(1, DIM, *case.grid))
        return torch.func.functional_call(theirs, weights, (images,))[0].flatten(1).T

    yield from beside("learned2d_detr", case, reference)


def detr_layer(case: Case) -> Iterator[Answer]:
    """A pre-norm layer of DETR's encoder that is told the table, tokens first in its tensors."""
    module = source(DETR, "models/transformer.py")
    hidden = round(BACKBONE.mlp_ratio * DIM)
    theirs = module.TransformerEncoderLayer(DIM, HEADS, hidden, 0.0, "gelu", True)
    loud(theirs, std=0.2)
    ours = loud(position("learned2d_detr", grid=case.grid, prefix=case.prefix))
    block = Block(dataclasses.replace(BACKBONE, depth=1), 0.0)
    with torch.no_grad():
        block.attention.qkv.weight.copy_(theirs.self_attn.in_proj_weight)
        block.attention.qkv.bias.copy_(theirs.self_attn.in_proj_bias)
    couples = {"norm1": "norm1", "norm2": "norm2", "mlp.0": "linear1", "mlp.2": "linear2"}
    for a, b in (couples | {"attention.out": "self_attn.out_proj"}).items():
        block.get_submodule(a).load_state_dict(theirs.get_submodule(b).state_dict())
    site = Site(case.grid, 0, case.prefix)
    x = wanted(2, case.prefix + case.grid.cells, DIM)
    table = nn.functional.pad(ours.vectors(site), (0, 0, case.prefix, 0))
    a, b = block(x, ours, site), theirs(x.transpose(0, 1), pos=table[:, None]).transpose(0, 1)
    yield Answer("tokens", a, b)
    names = ["tokens", "rows", "columns"]
    both = (gradients([y], [x, ours.source.rows, ours.source.cols]) for y in (a, b))
    for name, mine, other in zip(names, *both, strict=True):
        yield Answer(f"gradient of {name}", mine, other)


CLS = cases(SAME, prefixes=(1,), depth=1)
ANY = cases(SAME, depth=1)
MODULES = "models.position_encoding.PositionEmbeddingLearned"
LAYER = "models.transformer.TransformerEncoderLayer.forward_pre"
ORACLES = [
    *(
        Oracle("learned1d", LAPE, f"VisionTransformer, join_type {JOIN[i]}", joined(i), CLS)
        for i in JOIN
    ),
    Oracle("learned2d_detr", DETR, MODULES, detr_table, ANY),
    Oracle("learned2d_detr", DETR, LAYER, detr_layer, ANY),
]
