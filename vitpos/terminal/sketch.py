"""Small pictures made of characters: half blocks in colour, shades, or plain ASCII."""

import os
import sys
from enum import Enum

import numpy as np
from jaxtyping import Float

from vitpos.palettes import CIVIDIS, PUOR, Palette

SHADES, LETTERS = " ░▒▓█", " .:-=+*#%@"
BROKEN = "?"  # not a number
WIDTH = 60  # columns that a picture takes where nobody says how many there are
ZOOM = 24  # columns that a single small map is enlarged to
Map = Float[np.ndarray, "rows cols"]


class Style(Enum):
    """What the output can show."""

    COLOUR = "half blocks of 256 colours"
    SHADES = "block characters"
    ASCII = "letters"


def style(*, plain: bool) -> Style:
    """What standard output takes: colours only on a terminal that did not refuse them."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        f"▀{SHADES}".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Style.ASCII
    if plain:
        return Style.ASCII
    dull = "NO_COLOR" in os.environ or os.environ.get("TERM") in ("dumb", None)
    return Style.COLOUR if sys.stdout.isatty() and not dull else Style.SHADES


def sketch(maps: list[Map], how: Style, width: int = WIDTH) -> list[str]:
    """Maps side by side, as many as fit, in one range; below them what that range is."""
    step = max(1, -(-max(maps[0].shape[1], maps[0].shape[0]) // (WIDTH // 2)))
    small = [np.asarray(values, np.float64)[::step, ::step] for values in maps]
    zoom = enlarged(small, how, width)
    room = max(1, (width + 2) // (zoom * small[0].shape[1] + 2))
    shown = small[:room]
    finite = np.concatenate([values[np.isfinite(values)] for values in small] or [np.zeros(1)])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0 < high:  # zero is in the middle
        high = max(-low, high)
        low = -high
    if how is Style.COLOUR:
        tiles = [coloured(values, low, high, zoom) for values in shown]
    else:
        tiles = [shaded(values, low, high, how) for values in shown]
    rows = ["  ".join(parts).rstrip(" ") for parts in zip(*tiles, strict=True)]
    low, high = low + 0.0, high + 0.0  # no minus before a zero
    more = f", {len(shown)} of {len(maps)}" if len(shown) < len(maps) else ""
    return [*rows, f"{scale(low, high, how)}{more}"]


def enlarged(maps: list[Map], how: Style, width: int) -> int:
    """Columns of a cell: two, or in colour as many more as all maps have room for."""
    rows, cols = maps[0].shape
    most = ZOOM // max(rows, cols) if how is Style.COLOUR else 2
    fits = [z for z in range(2, most + 1, 2) if len(maps) * (cols * z + 2) <= width + 2]
    return max(fits, default=2)


def scale(low: float, high: float, how: Style) -> str:
    """The range, beside its marks."""
    marks = LETTERS if how is Style.ASCII else SHADES
    if how is Style.COLOUR:
        marks = "".join(coloured(np.linspace(low, high, 8)[None], low, high, 1))
        return f"{low:.3g} {marks} {high:.3g}"
    return f"{low:.3g} [{marks}] {high:.3g}"


def shaded(values: Map, low: float, high: float, how: Style) -> list[str]:
    """Two characters a cell, darker ones for less; question marks for what is not a number."""
    marks = LETTERS if how is Style.ASCII else SHADES
    span = high - low
    level = (values - low) / span if span > 0 else np.full_like(values, 0.5)
    chosen = np.nan_to_num(level * len(marks)).astype(int).clip(0, len(marks) - 1)
    chosen = np.where(np.isnan(values), len(marks), chosen)
    return ["".join(2 * f"{marks}{BROKEN}"[i] for i in row) for row in chosen]


def coloured(values: Map, low: float, high: float, zoom: int) -> list[str]:
    """Two pixels in each character, the upper in its ink and the lower in its ground."""
    palette: Palette = PUOR if low < 0 < high else CIVIDIS
    colours = palette.paint(values.repeat(zoom, 0).repeat(zoom, 1), low, high).astype(int)
    codes = (colours * 5 + 127) // 255 @ np.array([36, 6, 1]) + 16  # a cube of 6 x 6 x 6
    codes = np.concatenate([codes, codes[-1:]]) if len(codes) % 2 else codes
    return [
        "".join(
            f"\x1b[38;5;{upper};48;5;{lower}m▀" for upper, lower in zip(top, below, strict=True)
        )
        + "\x1b[0m"
        for top, below in zip(codes[::2], codes[1::2], strict=True)
    ]
