"""How rotations meet a grid of another size: the switch `new_grid` of rotary strategies.

===============  =================================================================================
``extrapolate``  cells keep their size, angles go on growing
``pi``           all waves get longer with the grid ("position interpolation", Chen et al. 2023,
                 https://arxiv.org/abs/2306.15595)
``ntk``          the shortest wave stays, the longest grows with the grid, those between in
                 proportion on a log scale: for the spectrum ``theta ** -(2 k / d)`` the same as
                 another theta, ``theta * ratio ** (d / (d - 2))`` (bloc97 2023, "NTK-aware")
``yarn``         waves that fit the trained grid at least `FITS` times stay, those that fit it less
                 than `PART` times grow with the grid; logits get warmer, by ``0.1 ln ratio + 1``
                 on queries and keys (Peng et al. 2023, https://arxiv.org/abs/2309.00071)
===============  =================================================================================

YaRN's limits for text (32 and 1 waves in 4,096 tokens) would stretch every wave of an 8 x 8 grid;
ours are set for images.
"""

from math import log

import torch
from jaxtyping import Float
from torch import Tensor

from vitpos.grid import Grid
from vitpos.shapes import Waves

RULES = ("extrapolate", "pi", "ntk", "yarn")
PART, FITS = 0.25, 1.0


def stretched(waves: Waves, trained: Grid, grid: Grid, rule: str) -> Waves:
    """The waves for images of `grid`, axis by axis."""
    if rule == "extrapolate" or grid == trained:
        return waves
    ratio = waves.new_tensor([n / t for n, t in zip(grid, trained, strict=True)])[:, None, None]
    match rule:
        case "pi":
            return waves / ratio
        case "ntk":
            return waves * ratio ** -depth(waves)
        case _:
            fits = waves.abs() * waves.new_tensor(trained)[:, None, None] / (2 * torch.pi)
            stays = ((fits - PART) / (FITS - PART)).clamp(0, 1)
            return waves * (stays + (1 - stays) / ratio)


def depth(waves: Waves) -> Float[Tensor, "1 #heads planes"]:
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
