"""Which pixels a token in the middle depends on."""

import numpy as np
import torch
from torch import Tensor

from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.attention import side
from vitpos.probes.layers import by_layer, last
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import listening
from vitpos.shapes import Images

IMAGES = 64
PASS = 16


class Receptive:
    """The effective receptive field of the token in the middle of the grid, after each block.

    ``G`` is the absolute gradient of the sum of the channels of that token by the pixels, mean over
    colours and 64 natural images. With c the middle of its patch: ``sigma``, the root of half the
    mean of ``|p - c|²`` weighted by G, in pixels (the deviation along an axis of a round bell; a
    moment, not a fit); ``own``, the share of G in its own patch; ``asymmetry``,
    ``sum |G(c + d) - G(c - d)| / sum (G(c + d) + G(c - d))`` over all d for which both are in the
    image, outside its own patch; ``border``, the mean of G in the outermost cells by that in the
    others, without its own patch (left out where there are no others). Summaries are those of the
    last layer. Arrays: ``layer<i>/field`` [height, width], G divided by its sum.
    """

    name = "receptive"
    source = "Luo et al. 2016, https://arxiv.org/abs/1701.04128; Raghu et al. 2021, 2108.08810"

    def why_not(self, subject: Subject) -> str:
        """It needs places."""
        return controls.too_small(subject)

    def measure(self, subject: Subject) -> Found:
        """By the gradients of every layer."""
        seen = fields(subject, subject.images(IMAGES))
        found = [facts(field, grid) for field, grid in seen]
        numbers: dict[str, float] = {}
        for name in ("sigma", "own", "asymmetry", "border"):
            numbers |= by_layer(name, [one[name] for one in found], last)
        arrays: dict[str, np.ndarray] = {}
        for number, (field, _) in enumerate(seen):
            arrays[f"layer{number}/field"] = (field / field.sum()).cpu().numpy()
        return Found(numbers, arrays)


def fields(subject: Subject, images: Images) -> list[tuple[Tensor, Grid]]:
    """G of every layer, [height, width], and the grid of its tokens."""
    total: list[Tensor] = []
    grids: list[Grid] = []
    for part in images.split(PASS):
        pixels = part.clone().requires_grad_()
        with torch.enable_grad(), listening(subject.model) as layers:
            subject.model(pixels)
            found = [gradient(layer.cells[:, layer.grid.middle], pixels) for layer in layers]
        total = found if not total else [a + b for a, b in zip(total, found, strict=True)]
        grids = [layer.grid for layer in layers]
    return list(zip(total, grids, strict=True))


def gradient(token: Tensor, pixels: Tensor) -> Tensor:
    """The absolute gradients of the sum of its channels, summed over images and colours."""
    (found,) = torch.autograd.grad(token.sum(), pixels, retain_graph=True)
    return found.double().abs().sum((0, 1))


def facts(field: Tensor, grid: Grid) -> dict[str, float]:
    """The numbers of one layer."""
    high, wide = side(field, grid)
    row, col = divmod(grid.middle, grid.cols)
    y, x = (torch.arange(n, dtype=torch.float64, device=field.device) for n in field.shape)
    down, right = y + 0.5 - (row + 0.5) * high, x + 0.5 - (col + 0.5) * wide
    away = (down[:, None].abs() >= high / 2) | (right.abs() >= wide / 2)  # not its own patch
    cells = [(y // high == 0) | (y // high == grid.rows - 1)]
    cells += [(x // wide == 0) | (x // wide == grid.cols - 1)]
    outer, square = cells[0][:, None] | cells[1], down[:, None].square() + right.square()
    both = mirrored(torch.ones_like(field), down, right)
    there = mirrored(field, down, right)
    pairs = away & (both > 0)
    return {
        "sigma": float((field * square).sum() / field.sum() / 2) ** 0.5,
        "own": float(field[~away].sum() / field.sum()),
        "asymmetry": float((field - there)[pairs].abs().sum() / (field + there)[pairs].sum()),
        "border": float(field[outer & away].mean() / field[~outer & away].mean()),
    }


def mirrored(field: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """What is at the other side of the middle; 0 outside of the image."""
    found = field
    for axis, at in enumerate((down, right)):
        other = (-at[:, None] - at).abs().argmin(-1)  # the pixel at minus this place, if there is
        exact = (-at - at[other]).abs() < 1e-6
        found = found.index_select(axis, other) * exact.unsqueeze(1 - axis)
    return found


PROBE = Receptive()
