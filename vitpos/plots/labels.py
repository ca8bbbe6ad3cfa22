"""Names that do not overlap: along the side of a picture, or around points within it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]  # left, bottom, right, top
Array = npt.NDArray[np.float64]
BEADS = 16  # places on the line from a point to its name at which something may be in the way
NEAR, FAR = 6.0, 70.0  # from its point: a name needs no line to it; is no longer looked for
CLEAR = 3.0  # how much nearer to its own point than to others a name is, if there is room
LINE, CROSSED, PASSED, STRANGE = 10.0, 12.0, 4.0, 15.0  # what it costs if it is not as it should


class Place(NamedTuple):
    """The lower left corner of a name, and whether it needs a line to its point."""

    x: float
    y: float
    tied: bool


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near as can be to those wanted, in their order, at least `gap` apart.

    Between `low` and `high` if they fit in there, else evenly filling it. Least squares, by pooling
    neighbours that collide (Ayer et al. 1955, An empirical distribution function for sampling with
    incomplete information).
    """
    count = len(wanted)
    if count > 1 and gap * (count - 1) >= high - low:
        gap = (high - low) / (count - 1)
    order = sorted(range(count), key=lambda i: wanted[i])
    pools: list[list[float]] = []  # sum, number
    for place, index in enumerate(order):
        pools.append([wanted[index] - gap * place, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, number = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + number]
    level = [total / number for total, number in pools for _ in range(int(number))]
    found = [0.0] * count
    for place, index in enumerate(order):
        within = min(max(level[place], low), high - gap * (count - 1))
        found[index] = within + gap * place
    return found


def around(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    markers: Sequence[tuple[float, float]],
    lines: Sequence[Box] = (),
) -> list[Place | None]:
    """Where the names of points go; None if there is no room.

    All in the same unit, that of a printer's point. No name lies on another name or on one of the
    `markers`, of which the points are some. To be nearer to another of them than to its own, to lie
    on a line of the picture (`lines`) or of another name, or to have its own line across a name or
    marker costs as much as a longer way. Names come in the order given.
    """
    spots = np.array(markers, float).reshape(-1, 2)
    dots = np.hstack([spots - 3.5, spots + 3.5])
    drawn, taken = np.array(lines, float).reshape(-1, 4), np.empty((0, 4))
    found = list[Place | None]()
    for point, size in zip(np.array(points, float).reshape(-1, 2), sizes, strict=True):
        away, boxes = candidates(point, size)
        inside = (boxes[:, :2] >= frame[:2]).all(1) & (boxes[:, 2:] <= frame[2:]).all(1)
        free = inside & ~hits(boxes, taken).any(1) & ~hits(boxes, dots).any(1)
        if not free.any():
            found.append(None)
            continue
        away, boxes = away[free], boxes[free]
        others = ~hits(dots, np.append(point - 1, point + 1)[None]).any(1)
        strange = np.any(gaps(spots[others], boxes) <= gaps(point[None], boxes) + CLEAR, 1)
        tied = strange | (away > NEAR)
        wires = beads(point, boxes)
        price = away + STRANGE * strange + LINE * hits(boxes, drawn).sum(1)
        price += tied * CROSSED * through(wires, taken)
        price += tied * PASSED * through(wires, dots[others])
        best = int(price.argmin())
        taken = np.vstack([taken, boxes[best]])
        if tied[best]:
            drawn = np.vstack([drawn, np.hstack([wires[best] - 0.5, wires[best] + 0.5])])
        found.append(Place(float(boxes[best, 0]), float(boxes[best, 1]), bool(tied[best])))
    return found


def candidates(point: Array, size: tuple[float, float]) -> tuple[Array, Array]:
    """How far boxes of this size around a point are from it, the nearest first, and the boxes."""
    ways = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    steps = np.geomspace(5, FAR, 13)
    away, way = (grid.ravel() for grid in np.meshgrid(steps, ways, indexing="ij"))
    half = np.array(size) / 2
    middles = point + np.stack([np.cos(way), np.sin(way)], 1) * (away[:, None] + half)
    return away, np.hstack([middles - half, middles + half])


def hits(boxes: Array, others: Array) -> npt.NDArray[np.bool_]:
    """Whether each of the boxes overlaps each of the others."""
    one, other = boxes[:, None], others[None]
    apart = (one[..., :2] >= other[..., 2:]) | (other[..., :2] >= one[..., 2:])
    return np.asarray(~apart.any(-1))


def gaps(points: Array, boxes: Array) -> Array:
    """How far each box is from each point."""
    nearest = np.clip(points[None], boxes[:, None, :2], boxes[:, None, 2:])
    return np.asarray(np.linalg.norm(nearest - points[None], axis=-1))


def beads(point: Array, boxes: Array) -> Array:
    """Places on the line from a point to each box."""
    to = np.clip(point, boxes[:, :2], boxes[:, 2:])
    ways: Any = (np.arange(BEADS) + 0.5) / BEADS
    return np.asarray(point + (to - point)[:, None] * ways[:, None])


def through(wires: Array, boxes: Array) -> npt.NDArray[np.int_]:
    """Through how many of the boxes each line goes."""
    inner = (wires[:, :, None] > boxes[:, :2]) & (wires[:, :, None] < boxes[:, 2:])
    return np.sum(np.any(np.all(inner, -1), 1), -1)
