"""References for Fourier features and perceptrons of coordinates."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitpos.embeddings.base import Site
from vitpos.embeddings.fourier import Gaussian
from vitpos.embeddings.projected import (
    Axes,
    Bands,
    CoordinateMLP,
    LearnedFourier,
    Perceptron,
    Projected,
)
from vitpos.grid import Grid
from vitpos.oracles.base import OTHER, SAME, Answer, Case, Oracle, cases, gradients
from vitpos.oracles.sinusoidal import DIM, compared, made
from vitpos.shapes import Places, Table


def middles(grid: Grid) -> Places:
    """Rows and columns of the middles of cells, the image from 0 to 1."""
    rows, cols = ((torch.arange(side) + 0.5) / side for side in grid)
    return torch.cartesian_prod(rows, cols).T


def learned(mine: Table, theirs: Table, pairs: Sequence[tuple[Tensor, Tensor]]) -> Iterator[Answer]:
    """Gradients of the parameters of a table; pairs are ours and theirs."""
    a = gradients([mine], [ours for ours, _ in pairs])
    b = gradients([theirs], [other for _, other in pairs])
    for i, (ours, other) in enumerate(zip(a, b, strict=True)):
        yield Answer(f"gradient of parameter {i}", ours, other.reshape(ours.shape))


def copied(theirs: nn.Parameter, ours: Tensor) -> None:
    """Give a parameter of the reference our number."""
    theirs.data = ours.detach().reshape(theirs.shape).clone()


def weighed(ours: nn.Module, theirs: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Make a layer of the reference ours; its weight and bias beside ours."""
    for name in ("weight", "bias"):
        copied(theirs.get_parameter(name), ours.get_parameter(name))
    return [(ours.get_parameter(n), theirs.get_parameter(n)) for n in ("weight", "bias")]


def fourier_fixed(case: Case) -> Iterator[Answer]:
    """SAM as in transformers, with our random matrix; it takes columns first."""
    from transformers.models.sam.modeling_sam import SamPositionalEmbedding

    ours = made("fourier_fixed", case)
    theirs = SamPositionalEmbedding(SimpleNamespace(scale=1.0, num_pos_feats=DIM // 2))
    drawn = cast(Gaussian, ours.source).waves().flip(0) / (2 * torch.pi)
    copied(theirs.positional_embedding, drawn)
    table = theirs(middles(case.grid).flip(0).T[None, None])[0, 0].detach()
    yield from compared(ours, case, table)


def fourier_perceiver(case: Case) -> Iterator[Answer]:
    """The features of transformers, and our linear layer."""
    from transformers.models.perceiver import modeling_perceiver as perceiver

    ours = made("fourier_perceiver", case)
    source = cast(Bands, ours.source)
    places = perceiver.build_linear_positions(case.grid).flatten(0, 1)
    features = perceiver.generate_fourier_features(places[None], 8, case.trained)[0]
    yield from projected(source, case, features)
    yield from compared(ours, case, F.linear(features, source.out.weight, source.out.bias))


def projected(source: Projected, case: Case, features: Tensor) -> Iterator[Answer]:
    """Our features beside theirs, and the gradients of the layer behind them."""
    site = Site(case.grid, case.layer, case.prefix)
    mine = source.features(source.coordinates(site, torch.device("cpu")))
    yield Answer("features", mine, features)
    out = nn.Linear(source.out.in_features, DIM)
    yield from learned(source.table(site), out(features), weighed(source.out, out))


def fourier_embed(case: Case) -> Iterator[Answer]:
    """The same features in timm, of one resolution for both axes, band by band."""
    from timm.layers import FourierEmbed

    source = cast(Bands, made("fourier_perceiver", case).source)
    theirs = FourierEmbed(max_res=case.trained.rows, num_bands=8)
    found = theirs(torch.zeros(1, 1, *case.grid))[0, :, 1:]  # behind the image
    place, sines, cosines = found.unflatten(-1, (-1, 2)).split([1, 8, 8], dim=1)
    parts = [part.mT.flatten(1) for part in (place, sines, cosines)]
    yield from projected(source, case, torch.cat(parts, dim=-1))


def fourier_learned(case: Case) -> Iterator[Answer]:
    """One group of two coordinates, with our waves and layers."""
    from learnable_fourier_positional_encoding import LearnableFourierPositionalEncoding

    ours = made("fourier_learned", case)
    source = cast(LearnedFourier, ours.source)
    theirs = LearnableFourierPositionalEncoding(1, 2, 384, 32, DIM, 1.0)
    copied(theirs.Wr.weight, source.waves.T)
    pairs = weighed(source.hidden, theirs.mlp[0]) + weighed(source.out, theirs.mlp[2])
    places, site = 2 * middles(case.grid).T[:, None] - 1, Site(case.grid, case.layer, case.prefix)
    yield from learned(source.table(site), theirs(places), pairs)
    (mine,) = gradients([source.table(site)], [source.waves])
    (other,) = gradients([theirs(places)], [theirs.Wr.weight])
    yield Answer("gradient of waves", mine, other.T)
    yield from compared(ours, case, theirs(places))


def xcit_fourier(case: Case) -> Iterator[Answer]:
    """timm's, with our layer as its convolution."""
    from timm.models.xcit import PositionalEncodingFourier

    ours = made("xcit_fourier", case)
    source = cast(Axes, ours.source)
    theirs = PositionalEncodingFourier(32, DIM)
    pairs = weighed(source.out, theirs.token_projection)
    site = Site(case.grid, case.layer, case.prefix)
    first, second = (theirs(1, *case.grid)[0].flatten(1).T for _ in range(2))
    yield from learned(source.table(site), first, pairs)
    yield from compared(ours, case, second)


def coord_mlp(case: Case) -> Iterator[Answer]:
    """Lucidrains' continuous axial embedding, which counts in indices."""
    from axial_positional_embedding import ContinuousAxialPositionalEmbedding

    ours = made("coord_mlp", case, {"coords": "index", "new_grid": "extrapolate"})
    theirs = ContinuousAxialPositionalEmbedding(DIM, 2, mlp_depth=2, mlp_expansion=64 / DIM)
    source = cast(CoordinateMLP, ours.source)
    pairs = []
    for net, other in zip(source.perceptrons, theirs.mlps, strict=True):
        layers = [*cast(Perceptron, net).layers, cast(Perceptron, net).out]
        for mine, layer in zip(layers, other[::2], strict=True):
            pairs += weighed(mine, layer)
    site = Site(case.grid, case.layer, case.prefix)
    yield from learned(source.table(site), theirs(case.grid, flatten=True), pairs)
    yield from compared(ours, case, theirs(case.grid, flatten=True))


ALL = cases((*SAME, *OTHER), prefixes=(0, 2))
SQUARE = tuple(case for case in ALL if case.trained.rows == case.trained.cols)
HF = "transformers.models"
ORACLES = [
    Oracle(
        "fourier_fixed",
        "transformers",
        f"{HF}.sam.modeling_sam.SamPositionalEmbedding",
        fourier_fixed,
        ALL,
    ),
    Oracle(
        "fourier_perceiver",
        "transformers",
        f"{HF}.perceiver.modeling_perceiver.generate_fourier_features",
        fourier_perceiver,
        ALL,
    ),
    Oracle("fourier_perceiver", "timm", "timm.layers.FourierEmbed", fourier_embed, SQUARE),
    Oracle(
        "fourier_learned",
        "learnable-fourier-positional-encoding",
        "learnable_fourier_positional_encoding.LearnableFourierPositionalEncoding",
        fourier_learned,
        ALL,
    ),
    Oracle(
        "xcit_fourier",
        "timm",
        "timm.models.xcit.PositionalEncodingFourier",
        xcit_fourier,
        ALL,
    ),
    Oracle(
        "coord_mlp",
        "axial-positional-embedding",
        "axial_positional_embedding.ContinuousAxialPositionalEmbedding",
        coord_mlp,
        ALL,
    ),
]
