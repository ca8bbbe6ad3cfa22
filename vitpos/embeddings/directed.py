"""Attention that looks one way: biases that hide part of the image from a head.

`VIEWS` are the published sets of views. A head that looks up sees the rows above and its own; one
that looks into a corner sees a quarter of the plane; triangles are the quarters between diagonals;
eighths are halves of triangles. Borders belong to a view, and a cell always sees itself.
"""

from math import ceil

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.bias import HIDDEN, Biased, spread
from vitpos.shapes import Bias

HALVES = ("up", "down", "left", "right")
CORNERS = ("up left", "up right", "down left", "down right")
TRIANGLES = ("above", "below", "before", "after")
EIGHTHS = ("above left", "below left", "before up", "after up")
OTHER_EIGHTHS = ("above right", "below right", "before down", "after down")

VIEWS = {180: (HALVES,), 90: (CORNERS, TRIANGLES), 45: (EIGHTHS, OTHER_EIGHTHS)}
UNDIRECTED = (2**-2, 2**-4, 2**-6, 2**-8)  # slopes of heads that look everywhere


class LookHere(Biased):
    """Heads look in fixed directions, and less at what is far (Fuller et al. 2024, LookHere).

    https://arxiv.org/abs/2405.13985: ALiBi's distance, Euclidean, times `slope`, times a slope of
    the head, times one of the layer that goes from `first` to `last` in even steps; keys outside
    the view of a head are hidden. `view` is the field of view in degrees: 180, 90 or 45. Prefix
    tokens see all and are seen by all. There is nothing to learn.

    Views come in fours, with slopes 1/2, 1/4 ... for each further four of one kind; about a third
    of the heads look everywhere. Exact as published for 12 heads, and as the authors' code builds
    ``halves-none``, ``corners-none`` and ``eighths1-none`` for 6 heads, ``halves-halves-none``,
    ``corners-triangles-none`` and ``eighths1-eighths2-none`` for 16. For other numbers of heads
    the rule is ours: as many fours as come closest to two thirds of the heads, at least one; less
    than four heads look in the first directions of the four.
    """

    def __init__(
        self, trunk: Trunk, *, view: int, slope: float, first: float, last: float, prefix: str
    ) -> None:
        super().__init__(trunk, prefix=prefix)
        if view not in VIEWS:
            raise ValueError(f"view is one of {', '.join(map(str, VIEWS))} degrees, not {view}")
        if min(slope, first, last) < 0:
            raise ValueError("slope, first and last must not be negative: far would be near")
        self.looks = looks(trunk.heads, VIEWS[view])
        step = (last - first) / max(1, trunk.depth - 1)
        self.scales = [slope * (first + layer * step) for layer in range(trunk.depth)]
        self.slopes = Constant(torch.tensor([slope for _, slope in self.looks])[:, None, None])

    @override
    def bias(self, site: Site) -> Bias:
        slopes = self.slopes()
        rows, cols = (torch.arange(side - 1, -side, -1, device=slopes.device) for side in site.grid)
        down, right = rows[:, None].float(), cols.float()  # key minus query
        apart = torch.hypot(down, right)
        found = -self.scales[site.layer] * slopes * apart
        seen = torch.stack([sees(direction, down, right) for direction, _ in self.looks])
        return spread(found.where(seen, HIDDEN), site.grid)


def looks(heads: int, kinds: tuple[tuple[str, ...], ...]) -> list[tuple[str, float]]:
    """Where each head looks, "" for everywhere, and its slope."""
    fours = max(1, round(heads / 6))
    found: list[tuple[str, float]] = []
    for i, kind in enumerate(kinds):
        for t in range(ceil((fours - i) / len(kinds))):
            found += [(direction, 2.0 ** -(t + 1)) for direction in kind]
    found = found[:heads]
    rest = heads - len(found)
    return found + [("", UNDIRECTED[4 * i // max(4, rest)]) for i in range(rest)]


def sees(
    direction: str, down: Float[Tensor, "rows 1"], right: Float[Tensor, " cols"]
) -> Bool[Tensor, "rows cols"]:
    """Whether a key so many cells down and right is within a view."""
    inside = {
        "up": down <= 0,
        "down": down >= 0,
        "left": right <= 0,
        "right": right >= 0,
        "above": right.abs() <= -down,
        "below": right.abs() <= down,
        "before": down.abs() <= -right,
        "after": down.abs() <= right,
    }
    found = torch.ones(len(down), len(right), dtype=torch.bool, device=down.device)
    for word in direction.split():
        found = found & inside[word]
    return found
