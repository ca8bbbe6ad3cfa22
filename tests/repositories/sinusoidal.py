"""Tables of sines and cosines beside their authors' repositories."""

import importlib
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from repositories.loading import clone, source
from vitpos.embeddings.base import Site
from vitpos.oracles.base import OTHER, SAME, Answer, Oracle, cases, gradients
from vitpos.oracles.fourier import learned, weighed
from vitpos.oracles.sinusoidal import DIM, compared, made

# What timm has moved since.
OLD = tuple(f"timm.models.{name}" for name in ("helpers", "layers", "layers.helpers", "registry"))


def moco(case):
    """The table that MoCo v3's network makes for itself, on square grids."""
    network = source("facebookresearch/moco-v3", "vits.py", OLD).VisionTransformerMoCo
    patches = SimpleNamespace(grid_size=tuple(case.grid))
    theirs = SimpleNamespace(patch_embed=patches, embed_dim=DIM, num_tokens=1)
    network.build_2d_sincos_position_embedding(theirs)
    yield from compared(made("sincos2d", case), case, theirs.pos_embed.detach()[0, 1:])


def mae(case):
    """MAE's table, whose code is older than numpy 1.24."""
    module = source("facebookresearch/mae", "util/pos_embed.py")
    module.np = SimpleNamespace(**vars(np) | {"float": float})
    table = torch.from_numpy(module.get_2d_sincos_pos_embed(DIM, case.grid.rows)).float()
    yield from compared(made("sincos2d_mae", case), case, table)


def detr(case):
    """The first and the usual form of DETR's table, for an image without padding."""
    module = source(
        "facebookresearch/detr", "models/position_encoding.py", ("util", "util.misc")
    ).PositionEmbeddingSine
    image = SimpleNamespace(
        tensors=torch.zeros(1, 3, *case.grid), mask=torch.zeros(1, *case.grid, dtype=torch.bool)
    )
    for name, normalised in (("sincos2d_detr", False), ("sincos2d_detr_normalised", True)):
        theirs = module(DIM // 2, normalize=normalised)(image)[0].flatten(1).T
        yield from compared(made(name, case), case, theirs)


def resformer(case):
    """What ResFormer adds once, but for its convolution."""
    theirs = source("ruitian12/resformer", "image_classification/models.py", OLD).GlobalPosEmbed(
        DIM
    )
    theirs.embed_layer = nn.Identity()
    table = theirs(torch.zeros(1, 1 + case.grid.cells, DIM))[0, 1:]
    yield from compared(made("sincos2d_detr_normalised", case), case, table)


def lape(case):
    """LaPE's tables: of one dimension, where CLS is 0, and of two, columns first."""
    module = source("Ingrid725/LaPE", "vision_transformer.py", OLD)
    module.to_2tuple = lambda side: (side, side)
    network = module.VisionTransformer
    size = {"img_size": 8 * case.grid.rows, "patch_size": 8, "embed_dim": DIM, "depth": 0}
    one = network(**size, pe="1D_sin").pos_embed.detach()[1:]
    yield from compared(made("sincos1d", case, {"start": 1}), case, one)
    two = network(**size, pe="2D_sin").pos_embed.detach()[0, 1:]
    yield from compared(made("sincos2d", case, {"layout": "col_pairs"}), case, two)


@contextmanager
def package(repository):
    """A clone as a place to import from, and forget."""
    before = set(sys.modules)
    sys.path.insert(0, str(clone(repository)))
    try:
        yield importlib.import_module
    finally:
        sys.path.pop(0)
        for name in set(sys.modules) - before:
            if name.startswith("segment_anything"):
                del sys.modules[name]


def sam(case):
    """The table of image tokens in SAM, with our random matrix; it takes columns first."""
    with package("facebookresearch/segment-anything") as load:
        module = load("segment_anything.modeling.prompt_encoder")
    ours = made("fourier_fixed", case)
    theirs = module.PositionEmbeddingRandom(DIM // 2)
    drawn = ours.source.waves().flip(0) / (2 * torch.pi)
    theirs.positional_encoding_gaussian_matrix = drawn
    yield from compared(ours, case, theirs(tuple(case.grid)).flatten(1).T)


def cape(case):
    """A port of the listing in CAPE's paper; moved by the same random numbers, too."""
    network = source("gcambara/cape", "cape/cape.py").CAPE2d
    ours = made("cape", case)
    theirs = network(DIM, batch_first=True).eval()
    image = torch.zeros(1, *case.grid, DIM)
    yield from compared(ours, case, theirs.compute_pos_emb(image)[0].flatten(0, 1))
    draws = torch.rand(2, 3 + case.grid.cells, generator=torch.Generator().manual_seed(1))
    site = Site(case.grid, 0, 0, draws)
    augment = {"shift": 0.0, "jitter": 1.0, "rescale": 1.4, "local": 0.5}
    ours = made("cape", case, {"augment": augment})
    theirs = network(DIM, max_local_shift=0.5, max_global_scaling=1.4, batch_first=True).train()
    numbers = [draws[0, 3:], draws[1, 3:], draws[0, 2]]
    with drawing(numbers):
        table = theirs.compute_pos_emb(image)[0].flatten(0, 1)
    yield Answer("table, moved", ours.source.table(site), table)


@contextmanager
def drawing(numbers):
    """`uniform_` gives these numbers in turn, stretched to what it is asked for."""
    left, original = list(numbers), torch.Tensor.uniform_

    def uniform_(self, low, high):
        return self.copy_(left.pop(0).view(self.shape) * (high - low) + low)

    torch.Tensor.uniform_ = uniform_
    try:
        yield
    finally:
        torch.Tensor.uniform_ = original


def elliptic(case):
    """The authors' script for a tiny network, with our parameters, and their gradients."""
    module = source(WEIERSTRASS, "W_Ti.py")
    ours = made("weierstrass", case)
    mine = ours.source
    theirs = module.WEFPositionalEncoding(DIM, device=torch.device("cpu"))
    layer, norm = theirs.projection
    pairs = [*weighed(mine.out, layer), *weighed(mine.norm, norm)]
    tokens = torch.zeros(1, 1 + case.grid.cells, DIM)
    first, second, third = (theirs(tokens, *case.grid)[0, 1:] for _ in range(3))
    site = Site(case.grid, case.layer, case.prefix)
    yield from learned(mine.table(site), first, pairs)
    a = gradients([mine.table(site)], [mine.log_alpha, mine.period, mine.gain])
    b = gradients([second], [theirs.log_alpha_scale, theirs.alpha_learn, theirs.pos_scale])
    yield Answer("gradient of single numbers", torch.stack(a), torch.cat([x.view(1) for x in b]))
    yield from compared(ours, case, third)


WEIERSTRASS = "1131230221/Weierstrass-Elliptic-Function-Positional-Encoding"
ALL = cases((*SAME, *OTHER), prefixes=(0, 2))
FEW = cases((*SAME, *OTHER), prefixes=(1,), depth=1)
SQUARE = tuple(case for case in ALL if case.grid.rows == case.grid.cols)
ORACLES = [
    Oracle("sincos2d", "facebookresearch/moco-v3", "vits.VisionTransformerMoCo", moco, SQUARE),
    Oracle(
        "sincos2d_mae",
        "facebookresearch/mae",
        "util.pos_embed.get_2d_sincos_pos_embed",
        mae,
        SQUARE,
    ),
    Oracle(
        "sincos2d_detr_normalised",
        "facebookresearch/detr",
        "models.position_encoding.PositionEmbeddingSine",
        detr,
        ALL,
    ),
    Oracle(
        "sincos2d_detr_normalised",
        "ruitian12/resformer",
        "models.GlobalPosEmbed",
        resformer,
        SQUARE,
    ),
    Oracle("sincos1d", "Ingrid725/LaPE", "vision_transformer.VisionTransformer", lape, SQUARE),
    Oracle(
        "fourier_fixed",
        "facebookresearch/segment-anything",
        "segment_anything.modeling.prompt_encoder.PositionEmbeddingRandom",
        sam,
        ALL,
    ),
    Oracle("cape", "gcambara/cape", "cape.CAPE2d", cape, ALL),
    Oracle("weierstrass", WEIERSTRASS, "W_Ti.WEFPositionalEncoding", elliptic, FEW),
]
