"""What a way to make tokens costs, and what it tells of position before any embedding speaks."""

from copy import deepcopy
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vitpos.grid import Grid
from vitpos.patches.base import Reader

SAME = 1e-9  # of the largest number: in float64 equal vectors differ by less


class Leak(NamedTuple):
    """What tokens tell of an image of one colour, which has nothing else to tell."""

    vectors: int  # different ones
    r2: float  # of rows and columns, read from them by the best linear map; the mean of both


@torch.no_grad()
def leak(patches: Reader, height: int, width: int) -> Leak:
    """How much position there is in the tokens themselves, by the weights that they have now.

    Islam et al. 2020 (https://arxiv.org/abs/2001.08248) ask networks for positions on images of one
    colour. Here the image is one everywhere, the map is fitted to all cells of that image and
    judged by them, and 0 is what a constant would get.
    """
    patches = deepcopy(patches).double().eval()
    image = torch.ones(1, patches.planes, height, width, dtype=torch.float64)
    tokens, grid = patches(image)[0], patches.grid(height, width)
    scale = SAME * float(tokens.abs().max())
    near = torch.cdist(tokens, tokens, p=torch.inf) <= scale
    first = near.to(torch.uint8).argmax(dim=1)  # of those that are the same
    return Leak(len(first.unique()), explained(tokens[first], grid))


def explained(tokens: Float64[Tensor, "cells dim"], grid: Grid) -> float:
    """The share of the variance of rows and columns that a linear map of tokens explains."""
    wanted = grid.indices(tokens.device).double()
    wanted = wanted - wanted.mean(dim=0)
    found = tokens - tokens.mean(dim=0)
    left = wanted - found @ torch.linalg.lstsq(found, wanted, rcond=SAME, driver="gelsd").solution
    whole = wanted.square().sum(dim=0)
    shares = 1 - left.square().sum(dim=0)[whole > 0] / whole[whole > 0]
    return float(shares.mean()) if len(shares) else 0.0


@torch.no_grad()
def operations(patches: Reader, height: int, width: int) -> int:
    """Of one image: a multiplication and an addition are two, as in `vitpos.metrics.cost`."""
    with FlopCounterMode(display=False) as counter:
        patches(torch.ones(1, patches.planes, height, width))
    return int(counter.get_total_flops())
