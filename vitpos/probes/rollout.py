"""What reaches the pooled token through all layers of attention."""

from math import log

import torch
from torch import Tensor

from vitpos.probes import controls
from vitpos.probes.attention import entropy, side
from vitpos.probes.layers import finite
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import Layer, traced

SHOWN = 8


class Rollout:
    """Attention rollout with the identity, nothing discarded.

    Of each layer ``A = (mean over heads + identity) / 2``, rows made to sum to one (they do but for
    rounding), prefix tokens included; ``R = A_last ... A_1``. (Vision Transformers leave the
    identity out of their description; much code discards the smallest weights. Ours has the one and
    does not do the other.) The map of an image is the row of the CLS token, or the mean row of all
    cells if those are pooled, over cells, made to sum to one.

    ``entropy`` is that of the map, by ``ln cells``, mean over natural images: 1 is uniform.
    ``distance`` and ``to_uniform`` are as in the probe `attention`, for the rows and columns of R
    that belong to cells: how far information comes, in pixels and relative to uniform. Arrays:
    ``map`` [rows, cols], the mean over images; ``maps`` [8, rows, cols], of the first images.
    """

    name = "rollout"
    source = "Abnar & Zuidema 2020, https://arxiv.org/abs/2005.00928"

    def why_not(self, subject: Subject) -> str:
        """It needs attention between all cells of one grid, the same in all layers."""
        if reason := controls.hidden(subject):
            return reason
        (layers,) = traced(subject.model, subject.images(1))
        same = {(layer.grid, layer.site.prefix) for layer in layers}
        return "" if len(same) == 1 else "layers have different grids"

    def measure(self, subject: Subject) -> Found:
        """On natural images."""
        images = controls.natural(subject)
        maps, between = [], torch.zeros(())
        for layers in traced(subject.model, images, attention=True):
            p, rolled = layers[0].site.prefix, rollout(layers)
            cells = normal(rolled[:, p:, p:])
            between = between.to(cells) + cells.sum(0)
            seen = rolled[:, 0] if subject.model.pool == "cls" else rolled[:, p:].mean(1)
            maps.append(normal(seen[:, p:]))
        grid, found = layers[0].grid, torch.cat(maps)
        pixels = torch.tensor(side(images, grid), dtype=torch.float64, device=images.device)
        apart = (grid.offsets(images.device).double() * pixels).norm(dim=-1)
        by_query = (between / len(images) * apart).sum(-1)
        numbers = {
            "entropy": float(entropy(found).mean()) / log(grid.cells),
            "distance": float(by_query.mean()),
            "to_uniform": float((by_query / apart.mean(-1)).mean()),
        }
        tiles = found.unflatten(-1, grid).cpu().numpy()
        return Found(finite(numbers), {"map": tiles.mean(0), "maps": tiles[:SHOWN]})


def rollout(layers: list[Layer]) -> Tensor:
    """R of every image, [images, tokens, tokens], in float64."""
    rolled: Tensor | None = None
    for layer in layers:
        assert layer.weights is not None
        mean = layer.weights.double().mean(1).expand(len(layer.after), -1, -1)
        one = torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)
        step = normal((mean + one) / 2)
        rolled = step if rolled is None else step @ rolled
    assert rolled is not None
    return rolled


def normal(rows: Tensor) -> Tensor:
    """Rows that sum to one."""
    return rows / rows.sum(-1, keepdim=True)


PROBE = Rollout()
