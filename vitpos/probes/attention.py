"""How far attention reaches, how sharp it is, and which way it looks."""

from math import log

import numpy as np
import torch
from torch import Tensor

from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.layers import by_layer, finite, mean
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import Layer, traced


class AttentionDistance:
    """Mean attention distance, entropy and direction of every head, on natural images.

    Weights between cells, prefix tokens left out of queries and keys, are made to sum to one again
    (the papers' code does not, so that what goes to CLS shortens their distances); ``prefix`` is
    the share of the weight of cells that goes to prefix tokens. Means over images and queries, then
    over heads for the numbers:

    ``distance``: ``sum_j a_ij |p_i - p_j|`` in pixels, between the middles of patches;
    ``to_uniform``: the same divided, query by query, by what uniform attention would have, which
    is 1 then, and 0 for attention to oneself; ``entropy``: ``-sum_j a_ij ln a_ij / ln cells``;
    ``direction``: the length in pixels of the mean of ``sum_j a_ij (p_j - p_i)`` of a head, 0 for
    heads that look as much to one side as to the other. ``uniform_distance`` is the distance of
    uniform attention on this grid. Summaries are means over layers.

    Arrays: ``layer<i>/distance``, ``layer<i>/entropy`` [heads]; ``layer<i>/direction`` [heads, 2],
    pixels down and right; ``layer<i>/by_query`` [heads, rows, cols], distance by query.
    """

    name = "attention"
    source = (
        "Dosovitskiy et al. 2021, D.7, https://arxiv.org/abs/2010.11929; Raghu 2021, 2108.08810"
    )

    def why_not(self, subject: Subject) -> str:
        """It needs attention between all cells of one grid."""
        return controls.hidden(subject)

    def measure(self, subject: Subject) -> Found:
        """All layers."""
        looks = looked(subject)
        numbers: dict[str, float] = {}
        arrays: dict[str, np.ndarray] = {}
        for name in ("distance", "to_uniform", "entropy", "direction", "prefix"):
            numbers |= by_layer(name, [float(getattr(x, name).mean()) for x in looks], mean)
        for number, look in enumerate(looks):
            found = {
                "distance": look.distance,
                "entropy": look.entropy,
                "direction": look.way,
                "by_query": look.by_query.unflatten(-1, look.grid),
            }
            for name, x in found.items():
                arrays[f"layer{number}/{name}"] = x.cpu().numpy()
        uniform = float(looks[0].reach.mean())
        return Found(numbers | finite({"uniform_distance": uniform}), arrays)


class Look:
    """Sums over images of one layer, and what follows from them; patches are `side` pixels."""

    def __init__(self, layer: Layer, side: tuple[float, float]) -> None:
        self.grid, device = layer.grid, layer.after.device
        pixels = torch.tensor(side, dtype=torch.float64, device=device)
        self.offsets = -layer.grid.offsets(device).double() * pixels  # from query to key
        self.apart = self.offsets.norm(dim=-1)
        self.reach = self.apart.mean(-1)  # of uniform attention, query by query
        self.images = 0
        self.weights, self.entropies, self.lost = (torch.zeros((), device=device) for _ in range(3))

    def add(self, layer: Layer) -> None:
        """A batch."""
        assert layer.weights is not None
        p, count = layer.site.prefix, len(layer.after)
        _, weights = layer.between_cells()
        self.images += count
        self.weights = self.weights + weights.expand(count, -1, -1, -1).sum(0)
        self.entropies = self.entropies + entropy(weights).expand(count, -1, -1).sum(0)
        to_prefix = layer.weights[..., p:, :p].double().sum(-1).expand(count, -1, -1)
        self.lost = self.lost + to_prefix.sum(0)

    @property
    def by_query(self) -> Tensor:
        """Distance, [heads, cells]."""
        return (self.weights / self.images * self.apart).sum(-1)

    @property
    def distance(self) -> Tensor:
        """Of heads."""
        return self.by_query.mean(-1)

    @property
    def to_uniform(self) -> Tensor:
        """Of heads."""
        return (self.by_query / self.reach).mean(-1)

    @property
    def entropy(self) -> Tensor:
        """Of heads; a single cell has none."""
        return (self.entropies / self.images / log(self.grid.cells)).mean(-1)

    @property
    def way(self) -> Tensor:
        """Where heads look, [heads, 2]."""
        return torch.einsum("hij,ijx->hx", self.weights / self.images, self.offsets) / len(
            self.offsets
        )

    @property
    def direction(self) -> Tensor:
        """How far to one side heads look."""
        return self.way.norm(dim=-1)

    @property
    def prefix(self) -> Tensor:
        """What goes to prefix tokens, of heads."""
        return (self.lost / self.images).mean(-1)


def looked(subject: Subject) -> list[Look]:
    """Every layer on natural images."""
    images = controls.natural(subject)
    found: list[Look] = []
    for layers in traced(subject.model, images, attention=True):
        found = found or [Look(layer, side(images, layer.grid)) for layer in layers]
        for look, layer in zip(found, layers, strict=True):
            look.add(layer)
    return found


def side(images: Tensor, grid: Grid) -> tuple[float, float]:
    """Pixels from one cell to the next, down and right."""
    return images.shape[-2] / grid.rows, images.shape[-1] / grid.cols


def entropy(weights: Tensor) -> Tensor:
    """Of each row, in nats."""
    return torch.special.entr(weights).sum(-1)


PROBE = AttentionDistance()
