"""Coded arrays as small pictures inside a page: a pixel a number, which the browser enlarges.

PNGs with a palette of 253 colours, as many below as above the middle, so that zero stays white;
one more is for what is not a number, and one for the gaps between tiles, which are transparent.
"""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vitpos.pages.coded import MISSING, STEPS, Coded
from vitpos.palettes import CIVIDIS, GREY, PUOR, WHITE

LAST, NAN, GAP = 252, 253, 254  # the highest colour, and the two that stand for no number
TILES = 8  # of a sheet each way: of more, some are shown

Sheet = UInt8[np.ndarray, "down across rows cols"]


@dataclass(frozen=True)
class Painted:
    """A picture, and the range of its colours.

    `pixels` are numbers of colours in `palette`, or, if that is "own", red, green and blue. On the
    page each is a square of `zoom` pixels.
    """

    pixels: UInt8[np.ndarray, "rows cols"] | UInt8[np.ndarray, "rows cols 3"]
    zoom: int
    palette: str  # signed, plain, own
    low: float
    high: float

    @property
    def width(self) -> int:
        """On the page."""
        return self.zoom * self.pixels.shape[1]

    @property
    def height(self) -> int:
        """On the page."""
        return self.zoom * self.pixels.shape[0]

    @cached_property
    def uri(self) -> str:
        """The picture as an address that holds it."""
        if self.palette == "own":
            return png(Image.fromarray(self.pixels))
        image = Image.new("P", self.pixels.shape[::-1])
        image.frombytes(self.pixels.tobytes())
        image.putpalette(colours(self.palette).tobytes())
        return png(image, GAP)

    def rgb(self) -> UInt8[np.ndarray, "rows cols 3"]:
        """The same on white paper."""
        if self.palette == "own":
            return self.pixels
        known = colours(self.palette).copy()
        known[GAP] = WHITE
        return known[self.pixels]


def tiles(similarity: Coded, grid: tuple[int, int], wide: int) -> Painted:
    """How alike all cells are: a tile for each cell, in which it is compared with all."""
    rows, cols = grid
    every = similarity.codes.reshape(rows, cols, rows, cols)
    return sheet(every[np.ix_(some(rows), some(cols))], similarity, wide, "plain")


def mosaic(values: Coded, wide: int) -> Painted:
    """Maps [down, across, rows, cols] in one range; white is zero where numbers have signs."""
    return sheet(values.codes, values, wide, "signed" if values.low < 0 else "plain")


def plain(values: Coded, wide: int) -> Painted:
    """The same in the colours of magnitudes, whatever the sign: for cosines."""
    return sheet(values.codes, values, wide, "plain")


def some(count: int, most: int = TILES) -> list[int]:
    """At most so many of the first numbers, from the first to the last."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def sheet(codes: Sheet, of: Coded, wide: int, palette: str) -> Painted:
    """Tiles with a pixel between them, about `wide` pixels across on the page."""
    down, across, rows, cols = codes.shape
    levels = np.rint(codes * (LAST / STEPS)).astype(np.uint8)
    found = np.full((down, rows + 1, across, cols + 1), GAP, np.uint8)
    found[:, :-1, :, :-1] = np.where(codes == MISSING, NAN, levels).transpose(0, 2, 1, 3)
    flat = found.reshape(down * (rows + 1), across * (cols + 1))[:-1, :-1]
    zoom = max(1, round(wide / flat.shape[1]))
    return Painted(np.ascontiguousarray(flat), zoom, palette, of.low, of.high)


@cache
def colours(palette: str) -> UInt8[np.ndarray, "colours 3"]:
    """All of a palette, and grey for no number and for gaps."""
    places = np.linspace(-1.0, 1.0, LAST + 1)
    ramp = (PUOR if palette == "signed" else CIVIDIS).paint(places, -1.0, 1.0)
    return np.concatenate([ramp, np.array([GREY, GREY], np.uint8)])


def swatch(found: Coded, grid: tuple[int, int], wide: int) -> Painted:
    """Cells in colours of their own, [cells, 3]."""
    pixels = np.ascontiguousarray(found.codes.reshape(*grid, 3))
    return Painted(pixels, max(1, round(wide / grid[1])), "own", 0.0, 0.0)


def png(image: Image.Image, transparent: int | None = None) -> str:
    """A picture as an address that holds it."""
    buffer = BytesIO()
    more = {} if transparent is None else {"transparency": transparent}
    image.save(buffer, format="PNG", optimize=True, **more)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
