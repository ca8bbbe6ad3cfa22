"""Which waves the rotations of a strategy are made of, and what can be drawn with them."""

from math import pi

import numpy as np
import torch
from torch import Tensor

from vitpos.embeddings.base import Site
from vitpos.embeddings.matrices import Turning
from vitpos.embeddings.polar import Polar
from vitpos.embeddings.rotary import Rotary
from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.layers import by_layer, mean
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import Layer, one
from vitpos.shapes import Waves

STEP = 2.0**-8  # of a cell, for generators of matrices
MIXTURE = 0.8346  # any number that no two planes agree on
ROUNDING = 1e-4  # of the largest singular value
TURNS = 1e-4  # radians by cell: below, it is rounding of a plane that stands still
UNUSED, ALIASED = 4.0, 2.0
Rotation = Rotary | Polar | Turning


class Spectra:
    """Wavelengths of a strategy that turns queries and keys, on the grid of its images.

    A plane turns by ``row * w_row + col * w_col`` radians, in cells; its wavelength is
    ``2 pi / |w|``. Waves are read from the angles around the middle of the grid. Of matrices they
    are those of the generators there: exact where the generators of rows and columns commute, else
    the mean of each over the planes of a mixture of both; ``commutator`` is ``|AB - BA|`` by
    ``|A| |B|``, 0 where they do, left out where a strategy is not made of matrices.

    ``unused``: the share of planes longer than 4 times the longer side of the grid, which hardly
    turn (or stand still); ``aliased``: shorter than 2 cells; ``shortest`` and ``longest`` of those
    that turn at all, in cells; ``delta``: how much of an image that is 1 in the middle cell and 0
    elsewhere is found by least squares with what the logits of a head can be made of: cosines and
    sines of all planes, or for matrices all entries of ``R(middle)^T R(p)``; 1 is all, and no
    constant is added. Means over heads; summaries are means over layers.

    Arrays: ``layer<i>/waves`` [heads, planes, 2], radians by cell along rows and columns;
    ``layer<i>/kernel`` [heads, 2 rows - 1, 2 cols - 1], the mean cosine over planes by offset;
    ``layer<i>/delta`` [heads, rows, cols], the drawing. A strategy that is the same for all heads
    has one.
    """

    name = "spectra"
    source = "Heo et al. 2024, https://arxiv.org/abs/2403.13298"

    def why_not(self, subject: Subject) -> str:
        """It needs rotations."""
        layers = one(subject.model, subject.images(1))
        if not any(rotations(layer) for layer in layers):
            return "nothing is turned by position"
        return controls.too_small(subject)

    @torch.no_grad()
    def measure(self, subject: Subject) -> Found:
        """All layers; of several rotations, planes and drawings are taken together."""
        rows: list[dict[str, float]] = []
        arrays: dict[str, np.ndarray] = {}
        for number, layer in enumerate(one(subject.model, subject.images(1))):
            turning = rotations(layer)
            if not turning:
                rows.append({})
                continue
            grid, site = layer.grid, layer.site._replace(prefix=0, content=None)
            waves = together([waves_of(rotation, site) for rotation in turning])
            drawn = drawing(together([basis_of(rotation, site) for rotation in turning]), grid)
            rows.append(facts(waves, drawn, grid) | {"commutator": commutator(turning, site)})
            arrays[f"layer{number}/waves"] = waves.permute(1, 2, 0).cpu().numpy()
            arrays[f"layer{number}/kernel"] = kernel(waves, grid).cpu().numpy()
            arrays[f"layer{number}/delta"] = drawn.unflatten(-1, grid).cpu().numpy()
        numbers: dict[str, float] = {}
        for name in max(rows, key=len):
            numbers |= by_layer(name, [row.get(name, float("nan")) for row in rows], mean)
        return Found(numbers, arrays)


def rotations(layer: Layer) -> list[Rotation]:
    """Whatever turns vectors in a layer."""
    every = [module for strategy in layer.speakers for module in strategy.modules()]
    return [module for module in every if isinstance(module, Rotary | Polar | Turning)]


def together(parts: list[Tensor]) -> Tensor:
    """What several rotations have, side by side for as many heads as any has."""
    heads = max(part.shape[1] for part in parts)
    return torch.cat([part.expand(-1, heads, -1) for part in parts], dim=-1)


def waves_of(rotation: Rotation, site: Site) -> Waves:
    """Radians by cell of every plane, in float64, [2, heads, planes]."""
    row, col, up, left = middle(site.grid)
    if isinstance(rotation, Turning):
        return planes(*generators(rotation, site))
    angles = rotation.angles(site).double().unflatten(1, site.grid)
    here = angles[:, row, col]
    return torch.stack([here - angles[:, up, col], here - angles[:, row, left]])


def middle(grid: Grid) -> tuple[int, int, int, int]:
    """Row and column in the middle, and those before, where there are any."""
    row, col = grid.rows // 2, grid.cols // 2
    return row, col, max(0, row - 1), max(0, col - 1)


def generators(rotation: Turning, site: Site) -> tuple[Tensor, Tensor]:
    """How the matrices change by cell along rows and columns in the middle, antisymmetric."""
    row, col, up, left = middle(site.grid)
    places = rotation.places(site, device(rotation)).unflatten(1, site.grid)
    here = places[:, row, col]
    steps = STEP * torch.stack([here - places[:, up, col], here - places[:, row, left]])
    moved = torch.cat([here + steps, here - steps]).mT.contiguous()  # [2, 4]
    ahead_row, ahead_col, back_row, back_col = matrices(rotation, moved, site.layer).unbind(1)
    found = [(a @ b.mT) / (2 * STEP) for a, b in ((ahead_row, back_row), (ahead_col, back_col))]
    by_row, by_col = ((x - x.mT) / 2 for x in found)
    return by_row, by_col


def device(rotation: Turning) -> torch.device:
    """Where its numbers are."""
    return next(x.device for x in [*rotation.parameters(), *rotation.buffers()])


def matrices(rotation: Turning, places: Tensor, layer: int) -> Tensor:
    """The matrix of every place, [heads, places, head_dim, head_dim], in float64."""
    trunk = rotation.trunk
    basis = torch.eye(trunk.head_dim, device=places.device)[:, None, None]
    wide = basis.expand(-1, trunk.heads, places.shape[1], -1).contiguous()
    return rotation.turn(places, layer)(wide).permute(1, 2, 3, 0).double()


def planes(by_row: Tensor, by_col: Tensor) -> Waves:
    """How fast each plane turns with the row and with the column."""
    mixed = by_row + MIXTURE * by_col  # in which two planes are equal only if they are in both
    vectors = torch.linalg.eigh(1j * mixed).eigenvectors
    found = [
        (vectors.mH @ (1j * x) @ vectors).diagonal(dim1=-2, dim2=-1).real for x in (by_row, by_col)
    ]
    half = found[0].shape[-1] // 2  # eigenvalues come in pairs of opposite signs, in order
    return torch.stack(found)[..., :half]


def commutator(turning: list[Rotation], site: Site) -> float:
    """Of the generators of rows and columns, mean over heads and strategies made of matrices."""
    found = []
    for rotation in turning:
        if isinstance(rotation, Turning):
            a, b = generators(rotation, site)
            sizes = [x.flatten(1).norm(dim=-1) for x in (a @ b - b @ a, a, b)]
            found.append(sizes[0] / (sizes[1] * sizes[2]))
    return float(torch.cat(found).mean()) if found else float("nan")


def basis_of(rotation: Rotation, site: Site) -> Tensor:
    """What the logits of a query in the middle can be made of, [cells, heads, functions]."""
    at = site.grid.middle
    if isinstance(rotation, Turning):
        places = rotation.places(site, device(rotation))
        found = matrices(rotation, places, site.layer)
        return (found[:, at, None].mT @ found).flatten(2).transpose(0, 1)
    angles = rotation.angles(site).double()
    angles = (angles - angles[:, at, None]).transpose(0, 1)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def drawing(basis: Tensor, grid: Grid) -> Tensor:
    """The point in the middle as well as it can be drawn, [heads, cells]."""
    point = basis.new_zeros(grid.cells)
    point[grid.middle] = 1
    left, sizes, _ = torch.linalg.svd(basis.transpose(0, 1), full_matrices=False)
    left = left * (sizes > ROUNDING * sizes[..., :1])[..., None, :]
    return (left @ (left.mT @ point)[..., None]).squeeze(-1)


def facts(waves: Waves, drawn: Tensor, grid: Grid) -> dict[str, float]:
    """The numbers of one layer."""
    size = waves.norm(dim=0)
    turns = size > TURNS
    lengths = (2 * pi / size.where(turns, 1)).where(turns, torch.inf)
    own = drawn[:, grid.middle]  # of a projection, the square of its length
    return {
        "unused": float((lengths > UNUSED * max(grid)).double().mean()),
        "aliased": float((lengths < ALIASED).double().mean()),
        "shortest": float(lengths.min()),
        "longest": float(lengths[turns].max()) if bool(turns.any()) else float("nan"),
        "delta": float(own.mean()),
    }


def kernel(waves: Waves, grid: Grid) -> Tensor:
    """The mean cosine over planes by offset, [heads, 2 rows - 1, 2 cols - 1]."""
    down, right = (
        torch.arange(1 - side, side, dtype=waves.dtype, device=waves.device) for side in grid
    )
    rows, cols = waves[:, :, None, None]  # [heads, 1, 1, planes]
    return (rows * down[:, None, None] + cols * right[:, None]).cos().mean(-1)


PROBE = Spectra()
