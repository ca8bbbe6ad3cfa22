"""Names that do not overlap: along the side of a picture, or around points within it."""

from collections.abc import Sequence
from itertools import product
from math import cos, hypot, pi, sin
from typing import NamedTuple

Box = tuple[float, float, float, float]  # left, bottom, right, top
NEAR, FAR = 6.0, 70.0  # from its point: a name needs no line to it; is no longer looked for
LINE, CROSSED = 10.0, 12.0  # what it costs to lie on a line, and to be crossed by one
CLEAR, STRANGE = 3.0, 15.0  # how much nearer than others its point must be; what it costs if not


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
    dots = [(x - 3.5, y - 3.5, x + 3.5, y + 3.5) for x, y in markers]
    taken, wires, found = list[Box](), list[Box](), list[Place | None]()
    for (x, y), size in zip(points, sizes, strict=True):
        best: tuple[float, Box, bool] | None = None
        others = [dot for dot in dots if not overlap(dot, (x - 1, y - 1, x + 1, y + 1))]
        for away, box in candidates(x, y, *size):
            if best and best[0] <= away:
                break
            if not inside(box, frame) or hits(box, taken) or hits(box, dots):
                continue
            strange = any(p != (x, y) and gap(p, box) <= gap((x, y), box) + CLEAR for p in markers)
            tied = strange or away > NEAR
            beads = wire(x, y, box) if tied else []
            crossed = sum(hits(bead, taken) + 0.3 * hits(bead, others) for bead in beads)
            price = away + LINE * (hits(box, lines) + hits(box, wires))
            price += CROSSED * crossed + STRANGE * strange
            if best is None or price < best[0]:
                best = price, box, tied
        if best:
            taken.append(best[1])
            wires += wire(x, y, best[1])
        found.append(Place(best[1][0], best[1][1], best[2]) if best else None)
    return found


def gap(point: tuple[float, float], box: Box) -> float:
    """How far a box is from a point."""
    to = min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])
    return hypot(to[0] - point[0], to[1] - point[1])


def wire(x: float, y: float, box: Box) -> list[Box]:
    """Beads on the line from a point to its name."""
    to = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
    count = int(hypot(to[0] - x, to[1] - y) / 4)
    ways = [(bead + 0.5) / count for bead in range(count)]
    beads = [(x + (to[0] - x) * way, y + (to[1] - y) * way) for way in ways]
    return [(a - 0.5, b - 0.5, a + 0.5, b + 0.5) for a, b in beads]


def hits(box: Box, others: Sequence[Box]) -> int:
    """How many of the others a box overlaps."""
    return sum(overlap(box, other) for other in others)


def candidates(x: float, y: float, width: float, height: float) -> list[tuple[float, Box]]:
    """Boxes around a point, the nearest first, with how far they are away."""
    found = []
    ways = [2 * pi * turn / 16 for turn in range(16)]
    for away, way in product([5.0 * 1.25**step for step in range(14)], ways):
        middle = x + cos(way) * (away + width / 2), y + sin(way) * (away + height / 2)
        left, bottom = middle[0] - width / 2, middle[1] - height / 2
        found.append((away, (left, bottom, left + width, bottom + height)))
    return [candidate for candidate in found if candidate[0] < FAR]


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes have an area in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def inside(box: Box, frame: Box) -> bool:
    """Whether a box lies within another."""
    return frame[0] <= box[0] and frame[1] <= box[1] and box[2] <= frame[2] and box[3] <= frame[3]
