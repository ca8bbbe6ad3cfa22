"""Boxes: found in images, compared with one another.

A box is (centre row, centre column, height, width), or by its corners (top, left, bottom, right),
in 0..1 of the canvas. Boxes of no height or width are none: all that are compared have both.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

Boxes = Float[Tensor, "boxes 4"]  # centres and sizes
Corners = Float[Tensor, "boxes 4"]
PerBox = Float[Tensor, " boxes"]
BRIGHT = 32  # of 255: an eighth of white


def extent(
    pixels: UInt8[Tensor, "boxes channels height width"],
) -> Float[Tensor, "boxes 4"]:
    """Top, left, bottom and right, in pixels, of all that is bright; of all, where nothing is."""
    bright = (pixels >= BRIGHT).any(dim=1)
    ends = []
    for axis in (2, 1):  # rows: whether there is something in any of their columns
        seen = bright.any(dim=axis)
        seen = seen | ~seen.any(dim=1, keepdim=True)
        length = seen.shape[1]
        first = seen.int().argmax(dim=1)
        last = length - seen.int().flip(1).argmax(dim=1)
        ends.append((first, last))
    (top, bottom), (left, right) = ends
    return torch.stack((top, left, bottom, right), dim=1).float()


def boxed(corners: Corners) -> Boxes:
    """Centres and sizes."""
    low, high = corners.split(2, dim=1)
    return torch.cat(((low + high) / 2, high - low), dim=1)


def cornered(boxes: Boxes) -> Corners:
    """Corners."""
    centre, size = boxes.split(2, dim=1)
    return torch.cat((centre - size / 2, centre + size / 2), dim=1)


def overlap(boxes: Boxes, others: Boxes) -> tuple[PerBox, PerBox]:
    """Intersection over union of each box with its other, and the generalised one.

    The second is less by the share of the smallest box around both that belongs to neither
    (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630).
    """
    low, high = cornered(boxes).split(2, dim=1)
    other_low, other_high = cornered(others).split(2, dim=1)
    both = (torch.minimum(high, other_high) - torch.maximum(low, other_low)).clamp_min(0).prod(1)
    around = (torch.maximum(high, other_high) - torch.minimum(low, other_low)).prod(1)
    union = (high - low).prod(1) + (other_high - other_low).prod(1) - both
    iou = both / union.clamp_min(TINY)
    return iou, iou - (around - union) / around.clamp_min(TINY)


TINY = 1e-9  # an area: a network may say a box of none
