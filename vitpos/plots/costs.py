"""Accuracy against what it costs, with the front of those that nothing cheaper beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)

from vitpos.plots import looks
from vitpos.plots.fronts import Point, staircase, unit
from vitpos.plots.labels import Box, around
from vitpos.plots.looks import COLUMN, FAINT, GREY, INK, LOOKS, PAGE, SMALL

NAMES = 12  # arms whose names stand beside their points; of more, numbers do
WIDE = 10  # the dearest is so many times the cheapest: the axis is logarithmic
BLUE = LOOKS[0].colour
STANDINGS = {  # colour of the edge, of the face, and what the legend says
    "front": (BLUE, BLUE, "on the front"),
    "open": (BLUE, "white", "interval reaches the front"),
    "dominated": (GREY, FAINT, "dominated"),
}


@dataclass(frozen=True)
class Panel:
    """The arms of one condition, the best first."""

    title: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Frame:
    """What stands around them."""

    title: str
    caption: str
    cost: str
    y: str
    percent: bool
    direction: str


def picture(panels: Sequence[Panel], baseline: str | None, frame: Frame) -> Figure:
    """A pair of axes per condition, and below them what the points are and who they are."""
    names = list(dict.fromkeys(p.label for panel in panels for p in panel.points))
    few = len(names) <= NAMES and len(panels) == 1
    tags = {name: name if few else str(i) for i, name in enumerate(names, start=1)}
    across = min(2, len(panels))
    width = COLUMN if across == 1 and len(names) <= 2 * NAMES else PAGE
    down = ceil(len(panels) / across)
    tall = 2.6 if width == COLUMN or across > 1 else 3.6
    who = [] if few else [f"{tag} {name}" for name, tag in tags.items()]
    columns, rows = columned(who, width)
    below = 0.34 + 0.115 * rows
    made = looks.figure(width, tall * down + below, frame.title, frame.caption)
    FigureCanvasAgg(made)
    grid = made.add_gridspec(down + 1, across, height_ratios=[tall] * down + [below])
    biggest = max(p.costs[1] for panel in panels for p in panel.points)
    scale, x = unit(frame.cost, biggest)
    drawn = []
    for place, panel in enumerate(panels):
        axes = made.add_subplot(grid[divmod(place, across)])
        draw(axes, panel, baseline, frame, scale)
        axes.set(xlabel=x, ylabel=frame.y, title="")
        axes.set_title(panel.title, loc="left")
        drawn.append(axes)
    key(made.add_subplot(grid[down, :]), panels, baseline, columns, rows)
    made.draw_without_rendering()
    made.set_layout_engine("none")
    for axes, panel in zip(drawn, panels, strict=True):
        name(made, axes, panel, tags, scale)
    return made


def draw(axes: Axes, panel: Panel, baseline: str | None, frame: Frame, scale: float) -> None:
    """Points with their intervals, the front as stairs."""
    front = [(cost / scale, mean) for cost, mean in staircase(panel.points, frame.direction)]
    costs = [p.cost / scale for p in panel.points]
    if front:
        ends = [*front, (max(costs), front[-1][1])]
        axes.step(*zip(*ends, strict=True), where="post", color=BLUE, linewidth=0.8, zorder=1)
    for point in panel.points:
        edge, face, _ = STANDINGS[point.standing]
        errors: dict[str, Any] = {"xerr": reach(point.cost, point.costs, scale)}
        if point.interval:
            errors["yerr"] = reach(point.mean, point.interval)
        axes.errorbar(
            point.cost / scale,
            point.mean,
            **errors,
            color=edge,
            elinewidth=0.6,
            marker="D" if point.label == baseline else "o",
            markersize=4,
            markerfacecolor=face,
            markeredgewidth=0.8,
            zorder=3 if point.standing == "front" else 2,
            label=point.label if not point.label.startswith("_") else f" {point.label}",
        )
    if frame.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    if costs and max(costs) >= WIDE * min(costs) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.margins(0.08)


def reach(middle: float, ends: Sequence[float], scale: float = 1) -> list[list[float]]:
    """From a number to both ends of what it may be, as matplotlib takes it."""
    low, high = ends
    return [[max(0.0, middle - low) / scale], [max(0.0, high - middle) / scale]]


def name(figure: Figure, axes: Axes, panel: Panel, tags: dict[str, str], scale: float) -> None:
    """A name or a number at each point, none over another; the best are named first."""
    dots = 72 / figure.dpi
    frame = axes.get_window_extent()
    box = (frame.x0 * dots, frame.y0 * dots, frame.x1 * dots, frame.y1 * dots)
    places, sizes, bars = [], [], list[Box]()
    for point in panel.points:
        x, y = axes.transData.transform((point.cost / scale, point.mean)) * dots
        places.append((float(x), float(y)))
        text = figure.text(0, 0, tags[point.label], size=SMALL)
        extent = text.get_window_extent()
        sizes.append((extent.width * dots + 1, extent.height * dots + 0.5))
        text.remove()
        if point.interval:
            ends = [
                axes.transData.transform((point.cost / scale, e))[1] * dots for e in point.interval
            ]
            bars.append((float(x) - 1, float(min(ends)), float(x) + 1, float(max(ends))))
    for point, (x, y), size, at in zip(
        panel.points, places, sizes, around(places, sizes, box, bars), strict=True
    ):
        if at is None:
            continue
        middle = at[0] + size[0] / 2 - x, at[1] + size[1] / 2 - y
        far = max(abs(middle[0]) - size[0] / 2, abs(middle[1]) - size[1] / 2) > 6
        axes.annotate(
            tags[point.label],
            (point.cost / scale, point.mean),
            xytext=middle,
            textcoords="offset points",
            ha="center",
            va="center",
            size=SMALL,
            color=GREY if point.standing == "dominated" else INK,
            arrowprops={
                "arrowstyle": "-",
                "linewidth": 0.3,
                "color": GREY,
                "shrinkA": 0,
                "shrinkB": 2,
            }
            if far
            else None,
            zorder=4,
        )


def key(
    axes: Axes, panels: Sequence[Panel], baseline: str | None, columns: list[str], rows: int
) -> None:
    """What the points mean, and the names behind their numbers."""
    axes.axis("off")
    there = {p.standing for panel in panels for p in panel.points}
    based = any(p.label == baseline for panel in panels for p in panel.points)
    handles = [
        Line2D(
            [],
            [],
            color=edge,
            marker="o",
            markerfacecolor=face,
            markersize=4,
            label=words,
            linewidth=0.8 if standing == "front" else 0,
        )
        for standing, (edge, face, words) in STANDINGS.items()
        if standing in there
    ]
    if based:
        handles.append(
            Line2D(
                [],
                [],
                color=GREY,
                marker="D",
                markersize=4,
                linewidth=0,
                markerfacecolor="white",
                label="baseline",
            )
        )
    axes.legend(
        handles=handles,
        loc="upper center",
        ncols=4,
        borderpad=0,
        columnspacing=1,
        handletextpad=0.3,
        borderaxespad=0,
    )
    for place, column in enumerate(columns):
        axes.text(
            place / len(columns),
            0,
            column,
            transform=axes.transAxes,
            va="bottom",
            size=SMALL - 0.5,
            linespacing=1.25,
        )


def columned(lines: Sequence[str], width: float) -> tuple[list[str], int]:
    """Lines in as many columns as fit, and how many each has."""
    if not lines:
        return [], 0
    across = max(1, int(width / (0.055 * max(map(len, lines)) + 0.15)))
    rows = ceil(len(lines) / across)
    return ["\n".join(lines[i : i + rows]) for i in range(0, len(lines), rows)], rows
