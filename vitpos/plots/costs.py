"""Accuracy against what it costs, with the front of those that nothing cheaper beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from vitpos.plots import style, tags
from vitpos.plots.fronts import Point, staircase, unit
from vitpos.plots.style import COLUMN, FAINT, GREY, INK, LOOKS, PAGE, SMALL

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
    said = tags.tags([panel.points for panel in panels], baseline)
    across = min(2, len(panels))
    down = ceil(len(panels) / across)
    width = COLUMN if across == 1 and len(said) <= 2 * tags.NAMES else PAGE
    tall = 2.4 if width == COLUMN or across > 1 else 4.2
    columns = tags.columned(said, width)
    legend = 0.3 if width == COLUMN else 0.16
    below = legend + 0.08 + tags.LINE * (columns[0].count("\n") + 1 if columns else 0)
    made = style.figure(width, tall * down + below, frame.title, frame.caption)
    FigureCanvasAgg(made)
    grid = made.add_gridspec(down + 1, across, height_ratios=[tall] * down + [below])
    scale, x = unit(frame.cost, max(p.costs[1] for panel in panels for p in panel.points))
    drawn = []
    for place, panel in enumerate(panels):
        axes = made.add_subplot(grid[divmod(place, across)])
        stairs = draw(axes, panel, baseline, frame, scale)
        finish(axes, panel, frame, x, room(list(said) if not columns else []))
        drawn.append((axes, panel, stairs))
    key(made.add_subplot(grid[down, :]), panels, baseline, 2 if width == COLUMN else 4)
    for place, column in enumerate(columns):
        text: Any = {"va": "top", "size": SMALL - 0.5, "linespacing": 1.25}
        made.axes[-1].text(place / len(columns), 1 - (legend + 0.05) / below, column, **text)
    made.draw_without_rendering()
    made.set_layout_engine("none")
    for axes, panel, stairs in drawn:
        tags.place(made, axes, panel.points, said, scale, stairs)
    return made


def draw(
    axes: Axes, panel: Panel, baseline: str | None, frame: Frame, scale: float
) -> list[tuple[float, float]]:
    """Points with their intervals, and the front as stairs, whose corners are returned."""
    stairs = [(cost / scale, mean) for cost, mean in staircase(panel.points, frame.direction)]
    stairs.append((max(p.cost for p in panel.points) / scale, stairs[-1][1]))
    axes.step(*zip(*stairs, strict=True), where="post", color=BLUE, linewidth=0.8, zorder=1)
    for point in panel.points:
        edge, face, _ = STANDINGS[point.standing]
        based = point.label == baseline
        errors: dict[str, Any] = {"xerr": reach(point.cost, point.costs, scale)}
        if point.interval:
            errors["yerr"] = reach(point.mean, point.interval)
        axes.errorbar(
            point.cost / scale,
            point.mean,
            **errors,
            color=INK if based else edge,
            elinewidth=0.6,
            marker="D" if based else "o",
            markersize=4 if len(panel.points) <= tags.MANY else 3,
            markerfacecolor=face,
            markeredgewidth=0.8 if len(panel.points) <= tags.MANY else 0.5,
            zorder={"front": 4, "open": 3}.get(point.standing, 5 if based else 2),
        )
    return stairs


def reach(middle: float, ends: Sequence[float], scale: float = 1) -> list[list[float]]:
    """From a number to both ends of what it may be, as matplotlib takes it."""
    low, high = ends
    return [[max(0.0, middle - low) / scale], [max(0.0, high - middle) / scale]]


def room(names: Sequence[str]) -> float:
    """The share of the width that is kept free at both sides for the names of points."""
    return min(0.35, 0.06 + 0.022 * max(map(len, names), default=0))


def finish(axes: Axes, panel: Panel, frame: Frame, x: str, beside: float) -> None:
    """Limits, ticks and what they mean."""
    axes.set(xlabel=x, ylabel=frame.y)
    axes.set_title(panel.title, loc="left")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if frame.percent:
        axes.yaxis.set_major_formatter(style.PERCENT)
    axes.margins(beside, 0.08)
    costs = [p.cost for p in panel.points]
    if max(costs) >= WIDE * min(costs) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if max(costs) < 100 * min(costs) else (1,))
        )
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(style.PLAIN)


def key(axes: Axes, panels: Sequence[Panel], baseline: str | None, across: int) -> None:
    """What the points mean."""
    axes.axis("off")
    points = [p for panel in panels for p in panel.points]
    there = {p.standing for p in points}
    handles = [
        entry(words, edge, face, "o", 0.8 if standing == "front" else 0.0)
        for standing, (edge, face, words) in STANDINGS.items()
        if standing in there
    ]
    if any(p.label == baseline for p in points):
        handles.append(entry("baseline", INK, "white", "D", 0.0))
    place: dict[str, Any] = {"loc": "upper left", "ncols": across, "borderpad": 0}
    axes.legend(handles=handles, columnspacing=1.2, borderaxespad=0, **place)


def entry(words: str, edge: str, face: str, marker: str, line: float) -> Line2D:
    """One of the legend."""
    look: dict[str, Any] = {"color": edge, "markerfacecolor": face, "marker": marker}
    return Line2D([], [], markersize=4, linewidth=line, label=words, **look)
