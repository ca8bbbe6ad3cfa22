"""Lines with bands: learning curves, and accuracy against resolution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from vitpos.plots import style
from vitpos.plots.labels import spread
from vitpos.plots.series import Line
from vitpos.plots.style import BASELINE, COLUMN, FAINT, INK, LOOKS, PAGE, SMALL, Look

CROWDED = 5  # arms in one pair of axes whose bands can still be told apart
MULTIPLES = 24  # arms that have a small picture each; of more, only the first have colours
EARLY, LONG = 0.15, 20  # the share of a training of so many steps that need not be seen whole
LONGEST = 24  # letters of a name beside its line


@dataclass(frozen=True)
class Panel:
    """Arms of one condition in one pair of axes."""

    title: str
    lines: tuple[Line, ...]  # the best first
    y: str = ""  # what its y axis says, if other than the picture's


@dataclass(frozen=True)
class Frame:
    """What stands around the lines."""

    title: str
    caption: str
    x: str
    y: str
    percent: bool = False
    ticks: tuple[float, ...] = ()  # of x, instead of round numbers
    mark: float | None = None  # an x of its own: the size of the training


def picture(panels: Sequence[Panel], baseline: str | None, frame: Frame) -> Figure:
    """A picture whose form is that which its number of arms asks for.

    Few arms share a pair of axes in colours of their own; more have a small picture each, with all
    others in grey; of very many, the first have colours and the rest is grey.
    """
    names = labels(panels)
    coloured = style.looks(names, baseline)
    if small(panels):
        return multiples(panels[0], baseline, frame)
    if len(panels) == 1 and max(map(len, names)) <= LONGEST:
        return single(panels[0], coloured, frame)
    return several(panels, coloured, frame)


def labels(panels: Sequence[Panel]) -> list[str]:
    """The names of all arms, each once."""
    return list(dict.fromkeys(line.label for panel in panels for line in panel.lines))


def small(panels: Sequence[Panel]) -> bool:
    """Whether each arm has a small picture of its own."""
    return len(panels) == 1 and CROWDED < len(panels[0].lines) <= MULTIPLES


def told(panels: Sequence[Panel], baseline: str | None, metric: str) -> str:
    """What the colours of a picture mean, where its names do not say it."""
    names = labels(panels)
    if small(panels):
        return f"Grey: all other arms{f'; black: {baseline}' if baseline in names else ''}"
    if len(names) <= style.MOST:
        return ""
    also = f", and {baseline}" if baseline in names else ""
    return f"Coloured: the first {len(LOOKS)} by {metric}{also}"


def single(panel: Panel, coloured: Mapping[str, Look], frame: Frame) -> Figure:
    """One pair of axes; names stand at the ends of their lines."""
    made = style.figure(COLUMN, 2.5, frame.title, frame.caption)
    axes = made.add_subplot()
    draw(axes, panel.lines, coloured)
    finish(axes, panel, frame)
    named = [line for line in panel.lines if line.label in coloured]
    texts = [beside(axes, line, coloured[line.label]) for line in named]
    made.draw_without_rendering()
    made.set_layout_engine("none")
    height = axes.get_window_extent().height * 72 / made.dpi
    low, high = axes.get_ylim()
    wanted = [(end(line)[1] - low) / (high - low) * height for line in named]
    for text, at in zip(texts, spread(wanted, SMALL * 1.25, 0.0, height), strict=True):
        text.set_y(at / height)
    return made


def beside(axes: Axes, line: Line, look: Look) -> Any:
    """The name of a line on the right, with a thin line to its end."""
    return axes.annotate(
        line.label,
        end(line),
        xytext=(1.06, 0.5),
        textcoords="axes fraction",
        va="center",
        size=SMALL,
        color=look.colour,
        annotation_clip=False,
        arrowprops={
            "arrowstyle": "-",
            "color": look.colour,
            "linewidth": 0.4,
            "shrinkA": 0.5,
            "shrinkB": 1,
            "relpos": (0, 0.5),
        },
    )


def several(panels: Sequence[Panel], coloured: Mapping[str, Look], frame: Frame) -> Figure:
    """Pairs of axes side by side, with one legend for all."""
    across = 2 if len(panels) == 4 else min(3, len(panels))
    down = ceil(len(panels) / across)
    shown = {line.label for panel in panels for line in panel.lines}
    handles = [key(label, look) for label, look in coloured.items() if label in shown]
    width = COLUMN if across == 1 else PAGE
    columns = max(1, min(len(handles), int(width / (0.45 + 0.062 * longest(handles)))))
    legend = 0.15 * ceil(len(handles) / columns)
    made = style.figure(width, 2.1 * down + legend, frame.title, frame.caption)
    grid = made.add_gridspec(down + 1, across, height_ratios=[2.1] * down + [legend])
    for place, panel in enumerate(panels):
        axes = made.add_subplot(grid[divmod(place, across)])
        draw(axes, panel.lines, coloured)
        finish(axes, panel, frame)
    below = made.add_subplot(grid[down, :])
    below.axis("off")
    below.legend(handles=handles, loc="center", ncols=columns, borderpad=0, handlelength=2.6)
    return made


def multiples(panel: Panel, baseline: str | None, frame: Frame) -> Figure:
    """A small picture of each arm: its line before all others, the baseline in black."""
    across = 4
    down = ceil(len(panel.lines) / across)
    made = style.figure(PAGE, 1.3 * down + 0.2, frame.title, frame.caption)
    pairs: Any = made.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    front = {baseline: BASELINE} if baseline is not None else {}
    for place, axes in enumerate(pairs.flat):
        if place >= len(panel.lines):
            axes.axis("off")
            continue
        own = panel.lines[place]
        behind = [line for line in panel.lines if line is not own]
        draw(axes, behind, front, plain=True)
        look = front.get(own.label, LOOKS[0])
        draw(axes, [own], {own.label: look._replace(marker="")})
        finish(axes, Panel(own.label, panel.lines), frame)
        below = place + across < len(panel.lines)
        axes.tick_params(labelbottom=not below)
        axes.set(xlabel="" if below else frame.x, ylabel="")
    made.supylabel(frame.y, size=style.TEXT)
    return made


def draw(
    axes: Axes, lines: Sequence[Line], coloured: Mapping[str, Look], *, plain: bool = False
) -> None:
    """All lines, those in grey behind; `plain`: nothing but the means."""
    for place, line in enumerate(sorted(lines, key=lambda line: line.label in coloured)):
        look = coloured.get(line.label)
        colour = look.colour if look else FAINT
        if look and not plain:
            for x, low, high in bands(line):
                axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            singles(axes, line, colour)
        every = max(1, len(line.x) // 6)
        axes.plot(
            line.x,
            line.mean,
            color=colour,
            linestyle=look.dashes if look else "solid",
            linewidth=(1.3 if not plain else 0.8) if look else 0.5,
            marker=look.marker if look and not plain else "",
            markersize=3,
            markeredgewidth=0,
            markevery=(place % every, every),
            label=line.label if look else f"_{line.label}",
            zorder=3 if look else 1,
        )


def bands(line: Line) -> list[tuple[list[float], list[float], list[float]]]:
    """x, lowest and highest of its band; nothing without one."""
    known = [(x, *band) for x, band in zip(line.x, line.bands, strict=True) if band is not None]
    x, low, high = (list(values) for values in zip(*known, strict=True)) if known else ([], [], [])
    return [(x, low, high)] if known else []


def singles(axes: Axes, line: Line, colour: str) -> None:
    """Runs that no mean speaks for: seeds too few for a band, and runs that did not finish."""
    for trace in line.traces:
        if trace.counts and (line.has_band or line.n == 1):
            continue
        x, y = zip(*(trace.points[step] for step in sorted(trace.points)), strict=True)
        axes.plot(
            x, y, color=colour, linewidth=0.5, linestyle="solid" if trace.counts else "dotted"
        )
        if not trace.counts:
            axes.plot(x[-1:], y[-1:], color=colour, marker="x", markersize=4, markeredgewidth=0.8)


def finish(axes: Axes, panel: Panel, frame: Frame) -> None:
    """Limits, ticks and what they mean."""
    axes.set(xlabel=frame.x, ylabel=panel.y or frame.y)
    if panel.title:
        axes.set_title(panel.title, loc="left")
    if frame.percent:
        axes.yaxis.set_major_formatter(style.PERCENT)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_ylim(*limits(panel.lines))
    axes.margins(x=0.01)
    if frame.ticks:
        axes.xaxis.set_major_locator(FixedLocator(list(frame.ticks)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(
            MaxNLocator(5, integer=True, min_n_ticks=2, steps=[1, 2, 5, 10])
        )
    axes.xaxis.set_major_formatter(style.PLAIN)
    if frame.mark is not None:
        axes.axvline(frame.mark, color=INK, linewidth=0.6, linestyle="dotted", zorder=0)


def limits(lines: Sequence[Line]) -> tuple[float, float]:
    """From the lowest to the highest number that counts, with some air.

    One that diverged does not press all others flat: it leaves the picture, and so do the first
    steps of a long training, where all arms change most and differ least in what they are.
    """
    values = [point for line in lines for point in zip(line.x, line.mean, strict=True)]
    for line in lines:
        for x, *edges in bands(line):
            values += [point for edge in edges for point in zip(x, edge, strict=True)]
    traces = [trace for line in lines for trace in line.traces if trace.counts or not values]
    values += [point for trace in traces for point in trace.points.values()]
    start = max(x for x, _ in values) * EARLY if cut(lines) else -inf
    seen = [y for x, y in values if x >= start]
    low, high = min(seen), max(seen)
    air = 0.04 * (high - low) or 0.05 * (abs(high) or 1)
    return low - air, high + air


def cut(lines: Sequence[Line]) -> bool:
    """Whether the first steps may leave the picture."""
    return max(len(trace.points) for line in lines for trace in line.traces) > LONG


def end(line: Line) -> tuple[float, float]:
    """Where a line ends; without a mean, where its longest run does."""
    if line.x:
        return line.x[-1], line.mean[-1]
    return max(trace.points[max(trace.points)] for trace in line.traces)


def key(label: str, look: Look) -> Line2D:
    """An entry of a legend."""
    return Line2D(
        [],
        [],
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        linewidth=1.3,
        markersize=3,
        label=label,
    )


def longest(handles: Sequence[Line2D]) -> int:
    """Letters of the longest name."""
    return max(len(str(handle.get_label())) for handle in handles)
