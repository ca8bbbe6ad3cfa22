"""Whether a linear reader finds the place of a token in it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.layers import by_layer, finite, last
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import traced
from vitpos.shapes import Images, Tokens

PENALTY = 1e-6
Where = Float64[Tensor, "cells 2"]


class Decodability:
    """Ridge regression from tokens to (row, column), layer by layer.

    `start` are the tokens that enter the first block, ``layer<i>`` those after block i; prefix
    tokens are left out. The target is ``(row + 1/2) / rows, (column + 1/2) / columns``. Tokens are
    centred and divided by one number, their root mean square over images, cells and channels;
    weights minimise the mean squared error plus 1e-6 times the sum of their squares, solved in
    closed form in float64. Fitted on half of the images, drawn at random, judged on the others.

    ``r2`` is one minus squared error over variance, for rows and for columns, and their mean (of
    the axes that have more than one cell); ``cells`` the mean Euclidean error in cells, which for
    a reader that always says the middle is ``cells_by_guess``. Three kinds of images, each fitted
    and judged by itself: natural ones (``r2``); ``shuffled/r2``, patches in random places; and
    ``constant/r2``, one grey each, up to 256 greys. Without content only the network itself can
    tell places apart; natural images also tell by what usually is where. The summary is that of
    the last layer. Arrays: ``r2``, ``shuffled/r2``, ``constant/r2`` [start and layers].
    """

    name = "decodability"
    source = "Islam et al. 2020, https://arxiv.org/abs/2001.08248 (a linear reader in place of CNN)"

    def why_not(self, subject: Subject) -> str:
        """It needs places, and images to judge on."""
        return controls.too_small(subject) or (
            "" if len(subject.images(2)) > 1 else "there is only one image"
        )

    def measure(self, subject: Subject) -> Found:
        """Natural images and both controls."""
        numbers: dict[str, float] = {}
        arrays: dict[str, np.ndarray] = {}
        kinds: dict[str, Callable[[Subject], Images]] = {
            "": controls.natural,
            "shuffled/": controls.patches_shuffled,
            "constant/": controls.greys,
        }
        for kind, images in kinds.items():
            found = layers(subject, images(subject))
            r2 = [read.r2 for read in found]
            for what, values in ("r2", r2), ("cells", [read.cells for read in found]):
                names = by_layer(what, values, last, start=True)
                numbers |= {placed(name, kind): value for name, value in names.items()}
            arrays[f"{kind}r2"] = np.array(r2)
        return Found(numbers | finite({"cells_by_guess": guess(controls.grid(subject))}), arrays)


class Read(NamedTuple):
    """How well places are read."""

    r2: float
    cells: float


def placed(name: str, kind: str) -> str:
    """``layer3/r2`` of the kind ``shuffled/`` is ``layer3/shuffled/r2``."""
    layer, slash, what = name.rpartition("/")
    return f"{layer}{slash}{kind}{what}"


def layers(subject: Subject, images: Images) -> list[Read]:
    """What is read in the tokens that enter, and after each block."""
    kept: list[list[Tokens]] = []
    grids: list[Grid] = []
    for passed in traced(subject.model, images):
        first = passed[0]
        entering = first.entered[:, first.site.prefix :]
        kept.append([entering, *(layer.cells for layer in passed)])
        grids = [first.grid, *(layer.grid for layer in passed)]
    random = subject.generator("decodability")
    order = torch.randperm(len(images), generator=random).to(images.device)
    half = len(images) // 2
    return [
        read(torch.cat(parts), grid, order[half:], order[:half])
        for parts, grid in zip(zip(*kept, strict=True), grids, strict=True)
    ]


def read(tokens: Tokens, grid: Grid, learn: Tensor, judge: Tensor) -> Read:
    """Fit on some images and judge on others."""
    where = targets(grid, tokens.device)
    x, y = tokens[learn].double().flatten(0, 1), where.repeat(len(learn), 1)
    reader = ridge(x, y)
    error = reader(tokens[judge].double().flatten(0, 1)) - where.repeat(len(judge), 1)
    variance = (where - where.mean(0)).square().mean(0)
    axes = variance > 0
    r2 = 1 - (error.square().mean(0) / variance)[axes].mean()
    return Read(float(r2), float((error * error.new_tensor(grid.sides)).norm(dim=-1).mean()))


def ridge(x: Tensor, y: Tensor, penalty: float = PENALTY) -> Callable[[Tensor], Tensor]:
    """The linear reader of `y` in `x`, rows of samples, as `Decodability` says."""
    size = x.square().mean().sqrt().clamp(min=torch.finfo(x.dtype).tiny)
    centre, mean = x.mean(0), y.mean(0)
    a, b = (x - centre) / size, y - mean
    square = a.mT @ a / len(a) + penalty * torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    weights = torch.linalg.solve(square, a.mT @ b / len(a))
    return lambda new: (new - centre) / size @ weights + mean


def targets(grid: Grid, device: torch.device) -> Where:
    """Row and column of every cell, the image from 0 to 1."""
    return (grid.indices(device).double() + 0.5) / torch.tensor(
        grid.sides, dtype=torch.float64, device=device
    )


def guess(grid: Grid) -> float:
    """The error in cells of always saying the middle."""
    at = grid.indices(torch.device("cpu")).double()
    return float((at - at.mean(0)).norm(dim=-1).mean())


PROBE = Decodability()
