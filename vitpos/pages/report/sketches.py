"""Small charts that a page draws by itself, as numbers for its template: dots in a frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 180, 120  # of the frame
LEFT, BOTTOM = 34, 22  # beside it and below


@dataclass(frozen=True)
class Dots:
    """Dots, ticks on both axes, and a dashed line across; all in units of the picture."""

    title: str
    note: str
    alt: str
    dots: tuple[tuple[float, float], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    across: float
    x: str
    y: str
    width: int = LEFT + WIDTH + 8
    height: int = HEIGHT + BOTTOM + 20
    left: int = LEFT
    right: int = LEFT + WIDTH
    top: int = 8
    bottom: int = HEIGHT + 8


def distances(name: str, facts: Mapping[str, Any]) -> Dots | None:
    """Mean attention distance: a dot for each head of each block."""
    pixels: Sequence[Sequence[float]] = facts.get("pixels") or ()
    if not pixels:
        return None
    blocks = facts.get("layers") or list(range(len(pixels)))
    uniform = float(facts["uniform"])
    most = max(uniform, *(value for heads in pixels for value in heads)) * 1.15
    places = {block: number for number, block in enumerate(blocks)}
    dots = [
        (across(places[block], len(blocks)), up(value, 0.0, most))
        for block, heads in zip(blocks, pixels, strict=True)
        for value in heads
    ]
    means = ", ".join(f"{sum(heads) / len(heads):.3g}" for heads in pixels)
    shown = [b for i, b in enumerate(blocks) if i % max(1, len(blocks) // 6) == 0]
    return Dots(
        title="Mean attention distance",
        note="of each head; dashed: attention to all cells alike",
        alt=f"{name}: mean attention distance in pixels, mean of the heads of each block: {means};"
        f" attention to all cells alike would have {uniform:.3g}",
        dots=tuple(dots),
        x_ticks=tuple((across(places[b], len(blocks)), str(b)) for b in shown),
        y_ticks=tuple((up(v, 0.0, most), f"{v:.3g}") for v in (0.0, uniform)),
        across=up(uniform, 0.0, most),
        x="block",
        y="pixels",
    )


def frequencies(name: str, found: Sequence[Any]) -> Dots:
    """Planes of a rotation by how fast they turn along rows and along columns."""
    planes = [plane for layer in found for head in layer for plane in head]
    reach = max((abs(w) for plane in planes for w in plane), default=1.0) * 1.1 or 1.0
    dots = {(scaled(col, reach), up(row, -reach, reach)) for row, col in planes}
    ends = [-reach / 1.1, 0.0, reach / 1.1]
    return Dots(
        title="Frequencies",
        note="of each plane, along rows and columns",
        alt=f"{name}: {len(planes)} planes by radians per row and per column, at most"
        f" {reach / 1.1:.3g}",
        dots=tuple(sorted(dots)),
        x_ticks=tuple((scaled(w, reach), f"{w:.2g}") for w in ends),
        y_ticks=tuple((up(w, -reach, reach), f"{w:.2g}") for w in ends),
        across=up(0.0, -reach, reach),
        x="radians per column",
        y="per row",
    )


def across(number: int, count: int) -> float:
    """The place of a block."""
    return round(LEFT + WIDTH * (number + 0.5) / count, 1)


def scaled(value: float, reach: float) -> float:
    """The place of a number that is zero in the middle."""
    return round(LEFT + WIDTH * (value + reach) / (2 * reach), 1)


def up(value: float, low: float, high: float) -> float:
    """How far from the top."""
    return round(8 + HEIGHT * (1 - (value - low) / (high - low)), 1)
