"""Colour operations of augmentation policies on batches of uint8 images, per sample.

Each takes six numbers a sample, of which it uses what it needs, and gives what the function of
the same purpose in `torchvision.transforms.functional` gives for one image. None reads data
on the host.
"""

import math

import torch
from jaxtyping import Float32, Shaped, UInt8
from torch import Tensor

from vitpos.data.geometry import Pixels

Numbers = Float32[Tensor, "batch 6"]


def brightness(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Between black and the image, and beyond."""
    return blend(pixels, torch.zeros_like(pixels), numbers)


def colour(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Between grey and the image, and beyond."""
    return blend(pixels, grey(pixels), numbers)


def contrast(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Between the mean grey and the image, and beyond."""
    total = grey(pixels).sum((1, 2, 3), keepdim=True)  # whole numbers: exact in any order
    return blend(pixels, total.float() / math.prod(pixels.shape[2:]), numbers)


def sharpness(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Between a blurred image and the image, and beyond; the border stays."""
    if min(pixels.shape[2:]) < 3:
        return pixels
    rows = pixels[:, :, :-2].short() + pixels[:, :, 1:-1] + pixels[:, :, 2:]
    blocks = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    blurred = pixels.clone()
    centre = blurred[:, :, 1:-1, 1:-1]
    centre.copy_(((blocks + 4 * centre.short()) / 13).round())
    return blend(pixels, blurred, numbers)


def posterize(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Keep the leading bits of each pixel."""
    return pixels & column(numbers, 0).to(torch.uint8)


def solarize(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Invert what is at least as bright as the threshold."""
    return torch.where(pixels >= column(numbers, 0), 255 - pixels, pixels)


def autocontrast(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Stretch each channel over the whole range."""
    low = pixels.amin((2, 3), keepdim=True).float()
    high = pixels.amax((2, 3), keepdim=True).float()
    flat = low == high
    low, scale = low.masked_fill(flat, 0), (255 / (high - low)).masked_fill(flat, 1)
    return ((pixels - low) * scale).clamp(0, 255).to(torch.uint8)


def equalize(pixels: Pixels, numbers: Numbers) -> Pixels:
    """Make the values of each channel as frequent as each other, by a table of 256 entries."""
    values = pixels.flatten(2).long()
    counts = values.new_zeros(*values.shape[:2], 256).scatter_add_(
        2, values, torch.ones_like(values)
    )
    below = counts.cumsum(2) - counts
    most = values.amax(2, keepdim=True)  # the brightest value does not count
    step = below.gather(2, most) // 255
    table = ((below + step // 2) // step.clamp_min(1)).clamp_max(255)
    table = torch.where(step == 0, torch.arange(256, device=pixels.device), table)
    return table.gather(2, values).to(torch.uint8).view(pixels.shape)


def grey(pixels: Pixels) -> UInt8[Tensor, "batch 1 height width"]:
    """Luminance as in ITU-R 601."""
    if pixels.shape[1] == 1:
        return pixels
    red, green, blue = pixels.split(1, dim=1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(torch.uint8)


def blend(pixels: Pixels, other: Shaped[Tensor, "..."], numbers: Numbers) -> Pixels:
    """The first number of the image and the second of the other."""
    mixed = column(numbers, 0) * pixels + column(numbers, 1) * other
    return mixed.clamp(0, 255).to(torch.uint8)


def column(numbers: Numbers, index: int) -> Float32[Tensor, "batch 1 1 1"]:
    """One of the six numbers, to spread over images."""
    return numbers[:, index, None, None, None]
