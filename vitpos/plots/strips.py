"""Every run as a dot: what each seed reached, and each seed's difference to the baseline."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vitpos.comparing.answer import Row
from vitpos.plots import style
from vitpos.plots.style import COLUMN, GREY, INK, LOOKS, PAGE

TALLEST = 50  # arms below one another; more stand in columns side by side
BLUE, RED = LOOKS[0].colour, LOOKS[1].colour


@dataclass(frozen=True)
class Panel:
    """The arms of one condition by their names, the best first."""

    title: str
    rows: tuple[tuple[str, Row], ...]
    base: float | None = None  # the mean of the baseline


@dataclass(frozen=True)
class Frame:
    """What stands around them."""

    title: str
    caption: str
    x: str
    percent: bool
    smallest_effect: float


def picture(panels: Sequence[Panel], baseline: str | None, frame: Frame) -> Figure:
    """A strip per arm, and beside it, where there are pairs of seeds, the differences."""
    parts = [part for panel in panels for part in parted(panel, baseline)]
    with_pairs = paired(panels)
    across = 1 if with_pairs else min(2, ceil(len(parts) / len(panels)))
    lines = [parts[i : i + across] for i in range(0, len(parts), across)]
    across += with_pairs
    heights = [0.3 + 0.155 * max(len(part.rows) for part in line) for line in lines]
    width = PAGE if across > 1 else COLUMN
    made = style.figure(width, sum(heights) + 0.35, frame.title, frame.caption)
    grid = made.add_gridspec(len(lines), across, height_ratios=heights)
    first: dict[bool, Axes] = {}  # of the values, of the differences: each share their axis
    for down, line in enumerate(lines):
        for place, part in enumerate(line):
            axes = made.add_subplot(grid[down, place], sharex=first.get(False))
            first.setdefault(False, axes)
            strips(axes, part, baseline, frame)
            bottom(axes, last=down == len(lines) - 1)
        if with_pairs:
            axes = made.add_subplot(grid[down, 1], sharex=first.get(True))
            first.setdefault(True, axes)
            pairs(axes, line[0], panels[down], frame)
            bottom(axes, last=down == len(lines) - 1)
    return made


def bottom(axes: Axes, *, last: bool) -> None:
    """Numbers and what they are stand only below the last of several."""
    if not last:
        axes.set(xlabel="")
        axes.tick_params(labelbottom=False)


def paired(panels: Sequence[Panel]) -> bool:
    """Whether differences are drawn: there are some, and there is room beside the strips."""
    room = all(len(panel.rows) <= TALLEST for panel in panels)
    return room and any(
        row.difference.simultaneous for panel in panels for _, row in panel.rows if row.difference
    )


def parted(panel: Panel, baseline: str | None) -> list[Panel]:
    """A panel, or as many columns as its arms need."""
    count = ceil(len(panel.rows) / TALLEST)
    size = ceil(len(panel.rows) / max(1, count))
    cuts = [panel.rows[i : i + size] for i in range(0, len(panel.rows), size)]
    base = next((row.mean for label, row in panel.rows if label == baseline), None)
    return [Panel(panel.title if not i else "", rows, base) for i, rows in enumerate(cuts)]


def strips(axes: Axes, panel: Panel, baseline: str | None, frame: Frame) -> None:
    """Dots, their mean and its interval, an arm below another."""
    several = len({len(row.values) for _, row in panel.rows}) > 1
    for place, (label, row) in enumerate(panel.rows):
        colour = INK if label == baseline else BLUE
        dots(axes, list(row.values.values()), place)
        if len(row.values) > 1:
            whisker(axes, row.mean, row.interval, place, colour)
    if panel.base is not None:
        axes.axvline(panel.base, color=INK, linewidth=0.5, linestyle=(0, (4, 3)), zorder=0)
    names = [f"{label}{told(row, several)}" for label, row in panel.rows]
    axes.set_yticks(range(len(names)), names)
    rows(axes, len(names))
    axes.set(xlabel=frame.x)
    axes.set_title(panel.title, loc="left")
    scale(axes, frame)


def told(row: Row, several: bool) -> str:
    """What must be said of an arm: how many seeds, and which runs do not count."""
    said = [f"n = {len(row.values)}"] if several else []
    said += [f"{len(seeds)} {reason}" for reason, seeds in row.lost.items() if seeds]
    return f"  ({', '.join(said)})" if said else ""


def dots(axes: Axes, values: Sequence[float], place: int, colour: str = GREY) -> None:
    """One dot a seed; those that are equal lie one above another."""
    seen: Counter[float] = Counter()
    total = Counter(values)
    heights = []
    for value in values:
        heights.append(place + 0.24 * (seen[value] - (total[value] - 1) / 2))
        seen[value] += 1
    axes.plot(
        values,
        heights,
        linestyle="",
        marker="o",
        markersize=3,
        markerfacecolor="white",
        markeredgecolor=colour,
        markeredgewidth=0.6,
        zorder=4,
        label="seeds",
    )


def whisker(axes: Axes, mean: float | None, interval: Any, place: int, colour: str) -> None:
    """A mean as a bar across, its interval as a line along."""
    if mean is None:
        return
    if interval is not None:
        axes.plot(
            list(interval), [place, place], color=colour, linewidth=1.2, zorder=3, label="interval"
        )
    axes.plot(
        [mean, mean],
        [place - 0.3, place + 0.3],
        color=colour,
        linewidth=1.4,
        zorder=3,
        label="mean",
    )


def rows(axes: Axes, count: int) -> None:
    """The first arm on top, a line below each."""
    axes.set_ylim(count - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="y", color="#f3f3f3")


def scale(axes: Axes, frame: Frame) -> None:
    """Round numbers along the axis of values."""
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if frame.percent:
        axes.xaxis.set_major_formatter(style.PERCENT)
    axes.margins(x=0.04)


def differences(row: Row, panel: Panel) -> list[float]:
    """An arm minus its baseline, for each seed that both have."""
    other = next((r for _, r in panel.rows if r.label == row.baseline), None)
    if other is None or row.difference is None:
        return []
    return [
        row.values[seed] - other.values[seed]
        for seed in sorted(row.values.keys() & other.values.keys())
    ]


def pairs(axes: Axes, part: Panel, panel: Panel, frame: Frame) -> None:
    """Differences to the baseline and their interval, with what may be said of them."""
    said = []
    for place, (_, row) in enumerate(part.rows):
        found = row.difference
        if found is None:
            said.append("baseline" if row.baseline is None else "")
            continue
        said.append(str(found.verdict))
        dots(axes, differences(row, panel), place)
        sure = found.verdict in ("better", "worse")
        whisker(axes, found.mean, found.simultaneous, place, {True: BLUE, False: GREY}[sure])
    axes.axvline(0, color=INK, linewidth=0.6, zorder=0)
    if frame.smallest_effect:
        axes.axvspan(-frame.smallest_effect, frame.smallest_effect, color="#f0f0f0", zorder=-1)
    axes.yaxis.tick_right()
    axes.set_yticks(range(len(said)), said)
    rows(axes, len(said))
    axes.spines["right"].set_visible(False)
    axes.set(xlabel="difference to the baseline" + (" (points)" if frame.percent else ""))
    scale(axes, frame)
    if frame.percent:
        axes.xaxis.set_major_formatter(style.POINTS)
