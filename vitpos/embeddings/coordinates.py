"""Where cells are, in the unit that a strategy counts in, on any grid and under augmentation.

Three switches of every strategy that works with coordinates. `coords` is the unit:

=============  ====================================================  ==========================
``index``      0, 1, 2 ...                                           RoPE-ViT, MAE
``index1``     1, 2, 3 ...                                           DETR, Llama 4
``centre``     middles of cells, the image from -1 to 1              DINOv3, SAM
``unit``       middles of cells, the image from 0 to 1               ComRoPE
``corner``     first cell -1, last cell 1                            CoordConv
``corner01``   first cell 0, last cell 1                             LieRE
``fraction``   index divided by the number of cells                  NaViT
``turn``       ``index1`` as part of a full turn, 0 to 2 pi          DETR, normalised
``aspect``     as ``centre``, in units of the longer side            HDiT
``longer``     the same, but the first cell where ``centre`` has it  DINOv3 (max)
``shorter``    as ``longer``, in units of the shorter side           DINOv3 (min)
=============  ====================================================  ==========================

`new_grid` is what another grid than the trained one does to it: ``extrapolate`` goes on with cells
of the same size, ``rescale`` fits the new grid into the extent of the trained one ("position
interpolation"). `augment` moves the coordinates while training: `shift` of each axis by up to a
part of half the image, then `jitter` (each axis) and `rescale` (both) by up to a factor,
log-uniform (DINOv3, https://arxiv.org/abs/2508.10104), and `local`: every cell by up to so many
cells (CAPE, ComRoPE).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, pi

import torch

from vitpos.embeddings.base import Site
from vitpos.grid import Grid
from vitpos.shapes import Places
from vitpos.switches import COORDS

AUGMENT = ("shift", "jitter", "rescale", "local")


@dataclass(frozen=True)
class Coordinates:
    """Rows and columns of every cell; `ValueError` names a switch that is not known."""

    trained: Grid
    kind: str
    new_grid: str
    augment: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.kind not in COORDS:
            raise ValueError(f"coords is one of {', '.join(COORDS)}, not {self.kind!r}")
        if self.new_grid not in ("extrapolate", "rescale"):
            raise ValueError(f"new_grid is extrapolate or rescale, not {self.new_grid!r}")
        if set(self.augment) != set(AUGMENT):
            raise ValueError(f"augment has {', '.join(AUGMENT)}, not {', '.join(self.augment)}")

    def __call__(self, site: Site, device: torch.device) -> Places:
        """In float32, of the cells of `site.grid`, moved by `site.draws` if there are any."""
        at = site.grid.indices(device).to(torch.float32).T
        axes = [self.axis(axis, i, site) for i, axis in enumerate(at)]
        return torch.stack(axes)

    def axis(self, index: torch.Tensor, i: int, site: Site) -> torch.Tensor:
        """Coordinates along axis `i` of cells with these indices."""
        scale, origin = self.affine(i, site.grid)
        if site.draws is not None and any(self.moves().values()):
            index = self.moved(index, i, site)
        return index * scale + origin

    def affine(self, i: int, grid: Grid) -> tuple[float, float]:
        """``coordinate = index * scale + origin`` along axis `i`."""
        side, trained = grid[i], self.trained[i]
        rescale = self.new_grid == "rescale"
        span = side if rescale else trained  # cells that make up the whole image
        whole = grid if rescale else self.trained
        longest = max(whole)
        steps = max(1, side - 1)  # from the first cell to the last
        reach = 1.0 if rescale else side / trained
        match self.kind:
            case "index":
                return (trained / side if rescale else 1.0), 0.0
            case "index1":
                step = trained / side if rescale else 1.0
                return step, step
            case "centre":
                return 2 / span, 1 / span - 1
            case "unit":
                return 1 / span, 0.5 / span
            case "corner":
                return 2 * reach / steps, -1.0
            case "corner01":
                return reach / steps, 0.0
            case "fraction":
                return 1 / span, 0.0
            case "turn":
                step = 2 * pi / (span + 1e-6)
                return step, step
            case "longer" | "shorter":
                reference = longest if self.kind == "longer" else min(whole)
                return 2 / reference, 1 / reference - 1
            case _:
                return 2 / longest, (1 - span) / longest

    def moves(self) -> dict[str, float]:
        """The parts of the augmentation, 0 where off; factors as logarithms."""
        factors = {name: log(self.augment[name]) for name in ("jitter", "rescale")}
        return {"shift": self.augment["shift"], **factors, "local": self.augment["local"]}

    def moved(self, index: torch.Tensor, i: int, site: Site) -> torch.Tensor:
        """Indices after one draw: shifted, then stretched around the middle of the image."""
        assert site.draws is not None
        draws = 2 * site.draws.to(index) - 1  # uniform in -1..1
        moves, side = self.moves(), site.grid[i]
        middle = (side - 1) / 2
        stretch = (moves["jitter"] * draws[i, 1] + moves["rescale"] * draws[0, 2]).exp()
        shifted = index - middle + moves["shift"] * draws[i, 0] * side / 2
        return middle + shifted * stretch + moves["local"] * draws[i, 3:]
