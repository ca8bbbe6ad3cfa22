"""Arrays as pictures: sheets of images, heat maps, and the mosaic of position similarities.

Colours are those of `vitpos.palettes`; lines between tiles have one that the palette lacks.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vitpos.palettes import CIVIDIS, GREY, PUOR, WHITE, Palette

__all__ = ["CIVIDIS", "GREY", "PUOR", "WHITE", "Palette", "heat", "mosaic", "samples", "similarity"]

Picture = UInt8[np.ndarray, "height width 3"]
Map = Float[np.ndarray, "rows cols"] | Float[Tensor, "rows cols"]
Maps = Float[np.ndarray, "n rows cols"] | Float[Tensor, "n rows cols"]

TILE = 84  # pixels: below this a tile is hard to read on a screen
SHEET = 1024  # pixels: the longer side of a mosaic of similarities, if its grid allows


def samples(
    images: Float[Tensor, "n c h w"] | UInt8[Tensor, "n c h w"], columns: int
) -> UInt8[np.ndarray, "height width 3"]:
    """A sheet of images, grey or RGB, each enlarged to at least 84 pixels either way.

    Floats are brightness in 0..1 and are cut to that range. A ValueError names another number of
    channels, and a sheet without images or columns.
    """
    if images.shape[1] not in (1, 3):
        raise ValueError(f"a picture has 1 or 3 channels, not {images.shape[1]}")
    if images.is_floating_point():
        images = (images.float().nan_to_num(nan=0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    pixels = images.detach().cpu().permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy()
    return _sheet(_grow(pixels, TILE, min(pixels.shape[1:3])), columns, WHITE)


def heat(values: Map, *, signed: bool) -> UInt8[np.ndarray, "rows cols 3"]:
    """One pixel per value, in the range of the finite values.

    With `signed`, zero is white and both colours reach as far as the largest magnitude; otherwise
    the colours go from the smallest to the largest value. Without any range, all is the middle.
    """
    return _coloured(_array(values), signed)


def mosaic(maps: Maps, columns: int, signed: bool) -> UInt8[np.ndarray, "height width 3"]:
    """Maps side by side in one range, so that equal colours are equal values, all over the sheet.

    For the biases of heads, cosines of rotation angles, or responses of convolutions; each map is
    enlarged until its longer side has at least 84 pixels.
    """
    tiles = _coloured(_array(maps), signed)
    return _sheet(_grow(tiles, TILE, max(tiles.shape[1:3])), columns, _choose(signed).line)


def similarity(
    table: Float[Tensor, "cells dim"], grid: tuple[int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    """How alike the positions are: tile (r, c) shows the cosines of cell (r, c) with all cells.

    The centre of Fig. 7 of Dosovitskiy et al. 2021 (https://arxiv.org/abs/2010.11929), without
    prefix tokens. The range is always -1..1, so that pictures of different runs compare. A cell
    whose vector is zero is like nothing: grey. A ValueError names a table that is not the grid's.
    """
    rows, cols = grid
    if len(table) != rows * cols:
        raise ValueError(f"a grid of {rows} x {cols} has {rows * cols} cells, not {len(table)}")
    vectors = table.detach().cpu().double()
    directions = vectors / vectors.norm(dim=1, keepdim=True)
    cosines = (directions @ directions.mT).unflatten(1, grid).numpy()
    tiles = CIVIDIS.paint(cosines, -1.0, 1.0)
    factor = max(1, SHEET // max(rows * rows, cols * cols))
    return _sheet(_grow(tiles, factor, 1), cols, CIVIDIS.line)


def _array(values: Map | Maps) -> Float[np.ndarray, "*shape"]:
    if isinstance(values, Tensor):
        return values.detach().cpu().double().numpy()
    return values.astype(np.float64)


def _choose(signed: bool) -> Palette:
    return PUOR if signed else CIVIDIS


def _coloured(values: Float[np.ndarray, "*shape"], signed: bool) -> UInt8[np.ndarray, "*shape 3"]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if signed:
        high = max(-low, high)
        low = -high
    return _choose(signed).paint(values, low, high)


def _grow(
    tiles: UInt8[np.ndarray, "n rows cols 3"], goal: int, side: int
) -> UInt8[np.ndarray, "n height width 3"]:
    """Whole pixels, as many as make `side` at least `goal`."""
    factor = max(1, -(-goal // max(1, side)))
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def _sheet(
    tiles: UInt8[np.ndarray, "n rows cols 3"], columns: int, line: tuple[int, int, int]
) -> Picture:
    """Tiles in reading order with one pixel of `line` between them."""
    if columns < 1 or not tiles.size:
        raise ValueError(f"no sheet of {len(tiles)} tiles in {columns} columns")
    columns = min(columns, len(tiles))
    height, width = tiles.shape[1] + 1, tiles.shape[2] + 1
    size = (-(-len(tiles) // columns) * height - 1, columns * width - 1, 3)
    sheet = np.full(size, line, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height - 1, left : left + width - 1] = tile
    return sheet
