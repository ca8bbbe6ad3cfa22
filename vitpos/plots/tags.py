"""Names or numbers at points, and the key of the numbers."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vitpos.plots.fronts import Point
from vitpos.plots.labels import Box, around
from vitpos.plots.style import GREY, INK, SMALL

NAMES = 12  # arms whose names stand beside their points; of more, numbers do
MANY = 40  # arms of which all are tagged; of more, those that are not dominated, and the baseline
LETTER, LINE = 0.056, 0.115  # inches: how wide and how high the key's letters are


def tags(panels: Sequence[Sequence[Point]], baseline: str | None) -> dict[str, str]:
    """What stands at the point of each arm that has a tag."""
    points = [point for panel in panels for point in panel]
    names = list(dict.fromkeys(point.label for point in points))
    if len(names) > MANY:
        worth = {p.label for p in points if p.standing != "dominated"} | {baseline}
        names = [name for name in names if name in worth]
    if len(names) <= (NAMES if len(panels) == 1 else NAMES // 2):
        return {name: name for name in names}
    return {name: str(number) for number, name in enumerate(names, start=1)}


def columned(said: Mapping[str, str], width: float) -> list[str]:
    """The numbers with their names, in as many columns as fit; nothing if names stand there."""
    lines = [f"{tag} {name}" for name, tag in said.items() if tag != name]
    across = int(width / (LETTER * max(map(len, lines), default=0) + 0.15))
    rows = ceil(len(lines) / max(1, across))
    return ["\n".join(lines[i : i + rows]) for i in range(0, len(lines), max(1, rows))]


def place(
    figure: Figure,
    axes: Axes,
    points: Sequence[Point],
    said: Mapping[str, str],
    scale: float,
    stairs: Sequence[tuple[float, float]],
) -> None:
    """A tag at each point, none over another; the best arm is first to choose.

    Called when the layout is final: tags are kept apart as they will be seen.
    """
    dots = 72 / figure.dpi
    left, bottom, right, top = np.multiply(axes.get_window_extent().extents, dots)
    frame = (float(left), float(bottom), float(right), float(top))

    def at(x: float, y: float) -> tuple[float, float]:
        found = axes.transData.transform((x, y)) * dots
        return float(found[0]), float(found[1])

    all_lines = [line(at(*one), at(*other)) for one, other in stretches(points, scale, stairs)]
    markers = [at(point.cost / scale, point.mean) for point in points]
    points = [point for point in points if point.label in said]
    where = [at(point.cost / scale, point.mean) for point in points]
    sizes = [size(figure, said[point.label]) for point in points]
    for point, (x, y), (wide, high), corner in zip(
        points, where, sizes, around(where, sizes, frame, markers, all_lines), strict=True
    ):
        if corner is None:
            continue
        middle = corner.x + wide / 2 - x, corner.y + high / 2 - y
        axes.annotate(
            said[point.label],
            (point.cost / scale, point.mean),
            xytext=middle,
            textcoords="offset points",
            ha="center",
            va="center",
            size=SMALL,
            color=GREY if point.standing == "dominated" else INK,
            arrowprops=LEADER if corner.tied else None,
            zorder=6,
        )


LEADER = {"arrowstyle": "-", "linewidth": 0.3, "color": GREY, "shrinkA": 0, "shrinkB": 2}


def stretches(
    points: Sequence[Point], scale: float, stairs: Sequence[tuple[float, float]]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The lines that a picture has: intervals, and the steps of the front."""
    found = []
    for point in points:
        x = point.cost / scale
        if point.interval:
            found.append(((x, point.interval.low), (x, point.interval.high)))
        if point.costs[0] < point.costs[1]:
            low, high = (cost / scale for cost in point.costs)
            found.append(((low, point.mean), (high, point.mean)))
    for (x, y), (to, up) in pairwise(stairs):
        found += [((x, y), (to, y)), ((to, y), (to, up))]
    return found


def line(one: tuple[float, float], other: tuple[float, float]) -> Box:
    """A line along an axis as a thin box."""
    (x, y), (to, up) = one, other
    return min(x, to) - 0.5, min(y, up) - 0.5, max(x, to) + 0.5, max(y, up) + 0.5


def size(figure: Figure, text: str) -> tuple[float, float]:
    """Width and height of a text, in printer's points, with some air."""
    drawn = figure.text(0, 0, text, size=SMALL)
    extent = drawn.get_window_extent()
    drawn.remove()
    return float(extent.width) * 72 / figure.dpi + 1, float(extent.height) * 72 / figure.dpi + 0.5
