"""How rotations meet a grid of another size: the switch `new_grid` of rotary strategies.

===============  =================================================================================
``extrapolate``  cells keep their size, angles go on growing
``pi``           coordinates are squeezed or stretched to those of the trained grid ("position
                 interpolation", Chen et al. 2023, https://arxiv.org/abs/2306.15595)
``ntk``          the shortest wave stays, the longest grows with the grid, those between in
                 proportion on a log scale: for the spectrum ``theta ** -(2 k / d)`` the same as
                 another theta, ``theta * ratio ** (d / (d - 2))`` (bloc97 2023, "NTK-aware")
``yarn``         waves that fit the trained grid at least `fits` times stay, those that fit it less
                 than `part` times grow with the grid, those between partly, on a log scale; logits
                 get warmer, by ``0.1 ln ratio + 1`` on queries and keys (Peng et al. 2023,
                 https://arxiv.org/abs/2309.00071)
===============  =================================================================================

The ramp of YaRN is the one of its authors' code; the formula in the paper is linear in how often a
wave fits. Its limits for text (32 and 1 waves in 4,096 tokens) would stretch every wave of an 8 x 8
grid; those here are set for images. ``pi`` is not about waves, and is done by `Coordinates`.
"""

from math import log
from typing import NamedTuple

import torch

from vitpos.grid import Grid
from vitpos.shapes import Depths, Waves

RULES = ("extrapolate", "pi", "ntk", "yarn")


class Ramp(NamedTuple):
    """How often a wave fits the trained grid where it begins to be kept, and where it is."""

    part: float
    fits: float


IMAGES = Ramp(0.25, 1.0)


def stretched(
    waves: Waves, trained: Grid, grid: Grid, cell: tuple[float, float], rule: str
) -> Waves:
    """The waves for images of `grid`, axis by axis; `cell` is the size of a trained cell."""
    if rule in ("extrapolate", "pi") or grid == trained:
        return waves
    ratio = waves.new_tensor([n / t for n, t in zip(grid, trained, strict=True)])[:, None, None]
    if rule == "ntk":
        return waves * ratio ** -depth(waves)
    extent = waves.new_tensor([n * c for n, c in zip(trained, cell, strict=True)])[:, None, None]
    stays = kept(waves.abs() * extent / (2 * torch.pi), IMAGES)
    return waves * (stays + (1 - stays) / ratio)


def kept(fits: Waves, ramp: Ramp) -> Waves:
    """1 for waves that fit often enough to stay as they are, 0 for those that are stretched."""
    part = (fits / ramp.part).clamp(min=1)  # a wave that does not turn stays still in any case
    return (part.log() / log(ramp.fits / ramp.part)).clamp(max=1)


def depth(waves: Waves) -> Depths:
    """0 for the shortest wave of a head, 1 for its longest, on a log scale; both axes alike."""
    length = waves.norm(dim=0, keepdim=True)
    turning = length > 0
    size = length.where(turning, 1).log()
    high = size.where(turning, -torch.inf).amax(-1, keepdim=True)
    low = size.where(turning, torch.inf).amin(-1, keepdim=True)
    span = (high - low).where(high > low, 1)
    return ((high - size) / span).where(turning, 0)


def temper(trained: Grid, grid: Grid, rule: str) -> float:
    """What queries and keys are multiplied by; 1 but for ``yarn`` on a larger grid."""
    ratio = (grid.cells / trained.cells) ** 0.5
    return 0.1 * log(ratio) + 1 if rule == "yarn" and ratio > 1 else 1.0
