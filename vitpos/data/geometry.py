"""Shift, flip, rotation, scale: each image of a batch is read at places of its own.

Whole offsets (a random crop and a flip) are one integer gather; rotation and scale are one
bilinear warp. Coordinates count pixels from the centre of the image, x to the right, y down.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float32, Float64, Int, UInt8
from torch import Tensor

from vitpos import schema
from vitpos.data.draws import Draws

Pixels = UInt8[Tensor, "batch channels height width"]
Rows = dict[str, Tensor]  # of the tables: those of the samples in a batch
Matrices = Float32[Tensor, "batch 6"]  # (x, y) comes from (a x + b y + c, d x + e y + f)


def fold(places: Int[Tensor, "..."], size: int) -> Int[Tensor, "..."]:
    """Reflect places at the borders; the outermost pixel is not repeated, as in `F.pad`."""
    period = max(2 * size - 2, 1)
    places = places.remainder(period)
    return torch.minimum(places, period - places)


def take(
    pixels: Pixels, y: Int[Tensor, "batch _ _"], x: Int[Tensor, "batch _ _"], fill: str
) -> Pixels:
    """Read each image at rows `y` and columns `x`; `fill` is what lies outside of it."""
    height, width = pixels.shape[2:]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    if fill == "reflect":
        y, x = fold(y, height), fold(x, width)
    places = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    places = places.long().flatten(1)[:, None].expand(-1, pixels.shape[1], -1)
    taken = pixels.flatten(2).gather(2, places).view(pixels.shape)
    return taken if fill == "reflect" else taken * inside[:, None]


def sources(
    matrices: Matrices, height: int, width: int
) -> tuple[Float32[Tensor, "batch {height} {width}"], Float32[Tensor, "batch {height} {width}"]]:
    """Where each pixel comes from, (y, x) from the centre.

    Products and sums are separate operations: fused or batched, their last bit would depend on
    the place of an image in its batch.
    """
    y = torch.arange(height, device=matrices.device)[:, None] - (height - 1) / 2
    x = torch.arange(width, device=matrices.device) - (width - 1) / 2
    a, b, c, d, e, f = matrices[:, :, None, None].unbind(1)
    return (d * x + f) + e * y, (a * x + c) + b * y


def nearest(pixels: Pixels, matrices: Matrices) -> Pixels:
    """Warp each image by its matrix; each pixel is the nearest one, or 0 from outside."""
    height, width = pixels.shape[2:]
    y, x = sources(matrices, height, width)
    y, x = y + (height - 1) / 2, x + (width - 1) / 2
    return take(pixels, y.round().int(), x.round().int(), "zeros")


def bilinear(pixels: Pixels, matrices: Matrices, fill: str) -> Pixels:
    """Warp each image by its matrix, between the four nearest pixels."""
    height, width = pixels.shape[2:]
    y, x = sources(matrices, height, width)
    grid = torch.stack((x * (2 / max(width - 1, 1)), y * (2 / max(height - 1, 1))), dim=3)
    padding = "reflection" if fill == "reflect" else "zeros"
    warped = F.grid_sample(pixels.float(), grid, padding_mode=padding, align_corners=True)
    return warped.round_().to(torch.uint8)


class Crop:
    """Shift by whole pixels (a random crop of the padded image) and flip."""

    def __init__(self, geometry: schema.Geometry) -> None:
        self.geometry = geometry

    def tables(self, draws: Draws) -> Rows:
        return moves(self.geometry, draws)

    def __call__(self, pixels: Pixels, rows: Rows) -> Pixels:
        height, width = pixels.shape[2:]
        y = torch.arange(height, device=pixels.device)
        x = torch.arange(width, device=pixels.device)
        down, right = rows["shift"].unbind(1)
        x = torch.where(rows["flip"][:, None], width - 1 - x, x)
        y, x = y + down[:, None], x + right[:, None]
        return take(pixels, y[:, :, None], x[:, None], self.geometry.fill)


class Warp:
    """Rotate and scale about the centre, then what `Crop` does: one interpolation for all."""

    def __init__(self, geometry: schema.Geometry) -> None:
        self.geometry = geometry

    def tables(self, draws: Draws) -> Rows:
        most = self.geometry
        angle = draws.uniform("rotate", -most.rotate, most.rotate).deg2rad()
        size = draws.uniform("scale", 1 - most.scale, 1 + most.scale)
        return {"warp": self.matrices(angle, size, **moves(most, draws))}

    @staticmethod
    def matrices(
        angle: Float64[Tensor, " samples"],
        size: Float64[Tensor, " samples"],
        shift: Int[Tensor, "samples 2"],
        flip: Tensor,
    ) -> Float32[Tensor, "samples 6"]:
        """From a pixel back to its source: unflip, unshift, unscale, unrotate."""
        cos, sin = angle.cos() / size, angle.sin() / size
        sign = torch.where(flip, -1.0, 1.0)
        down, right = shift.unbind(1)
        x = (cos * sign, sin, cos * right + sin * down)
        y = (-sin * sign, cos, cos * down - sin * right)
        return torch.stack((*x, *y), dim=1).float()

    def __call__(self, pixels: Pixels, rows: Rows) -> Pixels:
        return bilinear(pixels, rows["warp"], self.geometry.fill)


def moves(geometry: schema.Geometry, draws: Draws) -> Rows:
    """`shift` in pixels (down, right) and `flip`: what `Crop` and `Warp` share."""
    shift = draws.integers("shift", -geometry.shift, geometry.shift, 2)
    flip = draws.integers("flip", 0, 1)[:, 0] == 1
    return {"shift": shift.int(), "flip": flip & geometry.flip}


def geometric(geometry: schema.Geometry) -> list[Crop | Warp]:
    """The cheapest way to make these moves: none, a gather or a warp."""
    if geometry.rotate or geometry.scale:
        return [Warp(geometry)]
    return [Crop(geometry)] if geometry.shift or geometry.flip else []
