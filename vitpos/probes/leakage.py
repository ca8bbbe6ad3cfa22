"""What borders and padding tell a network on an image without content."""

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.decodability import targets
from vitpos.probes.layers import by_layer, last
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import traced
from vitpos.shapes import Tokens

SAME = 1e-4


class Leakage:
    """How many different tokens there are on a constant image, and what place they tell.

    Two tokens are the same if no channel differs by more than 1e-4 of the root mean square of the
    layer; ``distinct`` counts what is left, on the grey of 16 from black to white that has most of
    them. ``r2`` is the share of the variance of (row, column) that is explained by knowing to which
    of these kinds a token belongs: 0 for one kind, 1 if all differ, and all that any reader can
    find. A depthwise 3 x 3 convolution with zero padding makes 9 kinds (corners, edges, inside), a
    patch embedding without overlap one. `start` are the tokens that enter the first block; the
    summary is that of the last layer.

    Arrays, each [start and layers, rows, cols] where all layers have one grid, else by layer:
    ``kinds``, the number of the kind of each cell; ``deviation``, how far each is from the mean
    token, as a share of the root mean square norm.
    """

    name = "leakage"
    source = (
        "Islam et al. 2020, https://arxiv.org/abs/2001.08248; Alsallakh et al. 2021, 2010.02178"
    )

    def why_not(self, subject: Subject) -> str:
        """It needs places."""
        return controls.too_small(subject)

    def measure(self, subject: Subject) -> Found:
        """All layers on all greys."""
        (layers,) = traced(subject.model, controls.constant(subject))
        first = layers[0]
        looked = [(first.entered[:, first.site.prefix :], first.grid)]
        looked += [(layer.cells, layer.grid) for layer in layers]
        numbers: list[tuple[float, float]] = []
        arrays: dict[str, np.ndarray] = {}
        for label, (tokens, grid) in zip(labels(len(looked)), looked, strict=True):
            found = most(tokens)
            numbers.append((float(found.max()) + 1, explained(found, grid)))
            arrays[f"{label}/kinds"] = found.unflatten(0, grid).cpu().numpy()
            arrays[f"{label}/deviation"] = deviation(tokens).unflatten(0, grid).cpu().numpy()
        counts, r2 = zip(*numbers, strict=True)
        return Found(
            by_layer("distinct", counts, last, start=True) | by_layer("r2", r2, last, start=True),
            arrays,
        )


def labels(count: int) -> list[str]:
    """Of the tokens that enter and of the layers."""
    return ["start", *(f"layer{i}" for i in range(count - 1))]


def most(tokens: Tokens) -> Int64[Tensor, " cells"]:
    """The kinds of tokens of that image which has most of them."""
    size = tokens.double().square().mean().sqrt()
    found = [kinds(image.double(), SAME * float(size)) for image in tokens]
    return max(found, key=lambda one: int(one.max()))


def kinds(tokens: Tensor, within: float) -> Int64[Tensor, " cells"]:
    """The number of the kind of each token; a kind is all that is like its first token."""
    found = torch.full((len(tokens),), -1, dtype=torch.int64, device=tokens.device)
    count = 0
    while bool((found < 0).any()):
        first = tokens[int((found < 0).nonzero()[0, 0])]
        like = (tokens - first).abs().amax(-1) <= within
        found = torch.where(like & (found < 0), count, found)
        count += 1
    return found


def explained(kind: Int64[Tensor, " cells"], grid: Grid) -> float:
    """The share of the variance of places between the kinds."""
    where = targets(grid, kind.device)
    where = where - where.mean(0)
    axes = where.square().sum(0) > 0
    member = torch.nn.functional.one_hot(kind).double()
    means = (member.mT @ where) / member.sum(0)[:, None]
    between = (member @ means).square().sum(0) / where.square().sum(0)
    return float(between[axes].mean())


def deviation(tokens: Tokens) -> Tensor:
    """How far the token of each cell is from the mean token, over images."""
    x = tokens.double()
    size = x.square().sum(-1).mean().sqrt().clamp(min=torch.finfo(x.dtype).tiny)
    return (x - x.mean(1, keepdim=True)).square().sum(-1).mean(0).sqrt() / size


PROBE = Leakage()
