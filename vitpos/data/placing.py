"""Images on larger canvases, and squares out of images: a gather for each, on their device."""

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from vitpos.data.geometry import Pixels

Shown = UInt8[Tensor, "batch channels side side"]
Corners = Int[Tensor, "batch 2"]  # row and column of the upper left pixel


def placed(pixels: Pixels, at: Corners, side: int) -> Shown:
    """Each image alone on a black canvas of `side` by `side` pixels, its upper left one at `at`."""
    height, width = pixels.shape[2:]
    along = torch.arange(side, device=pixels.device)
    y, x = (along - corner[:, None] for corner in at.unbind(1))
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
    places = y.clamp(0, height - 1)[:, :, None] * width + x.clamp(0, width - 1)[:, None]
    places = places.long().flatten(1)[:, None].expand(-1, pixels.shape[1], -1)
    taken = pixels.flatten(2).gather(2, places).unflatten(2, (side, side))
    return taken * inside[:, None]


def laid(canvas: Shown, pixels: Pixels, at: Corners) -> Shown:
    """The canvas with each image on it, which covers what it lies on wherever it is not black."""
    image = placed(pixels, at, canvas.shape[-1])
    return torch.where((image > 0).any(dim=1, keepdim=True), image, canvas)


def cut(pixels: Pixels, at: Corners, side: int) -> Shown:
    """The square of `side` pixels each way whose upper left pixel is at `at`."""
    return placed(pixels, -at, side)
