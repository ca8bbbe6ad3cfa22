"""Where cells are, in the unit that a strategy counts in, on any grid and under augmentation.

Three switches of every strategy that works with coordinates. `coords` is the unit:

=============  ====================================================  ===========================
``index``      0, 1, 2 ...                                           RoPE-ViT, MAE
``index1``     1, 2, 3 ...                                           DETR, Llama 4
``centre``     middles of cells, the image from -1 to 1              DINOv3, SAM
``unit``       middles of cells, the image from 0 to 1               ComRoPE
``corner``     first cell -1, last cell 1                            CoordConv, Perceiver, CAPE
``corner01``   first cell 0, last cell 1                             LieRE
``fraction``   index divided by the number of cells                  NaViT
``turn``       ``index1`` as part of a full turn, 0 to 2 pi          DETR, normalised
``aspect``     middles of cells, the longer side from -1 to 1,       HDiT
               the other in the same unit, around 0
``longer``     as ``aspect``, but both sides start like ``centre``   DINOv3 (max)
``shorter``    as ``longer``, in units of the shorter side           DINOv3 (min)
=============  ====================================================  ===========================

A single row or column is where its first cell is. DINOv3's released models use ``centre``.

`new_grid` is what another grid than the trained one does to it: ``extrapolate`` goes on with cells
of the same size, ``rescale`` fits the new grid into the extent of the trained one ("position
interpolation"). With ``corner01`` the first cell stays 0 and the last becomes the ratio of the
sides, as in LieRE's code, which changes the size of cells a little.

`augment` moves the coordinates while training: `shift` of each axis by up to a part of half the
image, then `jitter` (each axis) and `rescale` (both) by up to a factor, log-uniform, around the
middle of the image (DINOv3, https://arxiv.org/abs/2508.10104); `local` shifts every cell by up to
so many cells, before it is stretched (CAPE, https://arxiv.org/abs/2106.03143). One draw per pass
holds for all images of a batch and all layers.
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
                return 2 / max(1, span - 1), -1.0
            case "corner01":
                return (1.0 if rescale else side / trained) / max(1, side - 1), 0.0
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
        """Indices after one draw: shifted, then stretched around the middle of the image.

        The draws are the shift, the jitter and the rescaling (of the first axis, for both), and
        one for every cell.
        """
        assert site.draws is not None
        draws = 2 * site.draws.to(index) - 1  # uniform in -1..1
        moves, side = self.moves(), site.grid[i]
        middle = (side - 1) / 2
        stretch = (moves["jitter"] * draws[i, 1] + moves["rescale"] * draws[0, 2]).exp()
        shift = moves["shift"] * draws[i, 0] * side / 2 + moves["local"] * draws[i, 3:]
        return middle + (index - middle + shift) * stretch
