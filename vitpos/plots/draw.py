"""All pictures that are asked for, of one answer."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from vitpos import records
from vitpos.comparing.answer import Answer, Row
from vitpos.errors import BadInput
from vitpos.plots import costs, files, fronts, lines, series, strips, style, tags
from vitpos.plots.request import COSTS, TIMES, Result, Wanted
from vitpos.plots.scene import Scene, axis, band, is_share, words
from vitpos.received import unlinked

AXES = {
    "epochs": "epochs",
    "images": "images seen",
    "seconds": "seconds of training",
}


PROTOCOLS = {
    "resize": "resized images",
    "canvas": "images on larger canvases",
    "patch": "resized images and patches",
}


class Drawn(NamedTuple):
    """A picture with the words around it."""

    name: str  # of its file
    figure: Figure
    title: str
    caption: str


def draw(answer: Answer, wanted: Wanted) -> Result:
    """Draw and write; raises `BadInput` if there is nothing to draw at all."""
    scene, paths, missing = Scene(answer), list[Path](), list[str]()
    folder = wanted.folder or scene.folder
    if wanted.folder is None:
        unlinked(folder)
    with style.styled():
        for kind in wanted.what:
            made = KINDS[kind](scene, wanted)
            if isinstance(made, str):
                missing.append(f"no picture of {kind}: {made}")
                continue
            path = folder / f"{made.name}.{wanted.form}"
            files.save(path, files.content(made.figure, wanted.form, made.title, made.caption))
            paths.append(path)
    if not paths:
        raise BadInput("; ".join(missing) or "nothing to draw")
    return Result(tuple(paths), tuple(missing))


def curves(scene: Scene, wanted: Wanted) -> Drawn | str:
    """Learning curves; test data is read once, so that of the test metric is of the validation."""
    metric = re.sub("^test/", "val/", scene.answer.metric.partition("@")[0])
    against = chosen(wanted, TIMES)
    panels = panels_of(scene, lambda row, name: series.curve(row, name, metric, against))
    if not panels:
        return f"no run has a curve of {metric}"
    all_lines = [line for panel in panels for line in panel.lines]
    unfinished = any(not trace.counts for line in all_lines for trace in line.traces)
    told = [
        lines.told(panels, scene.baseline, words(scene.answer.metric)),
        "Dotted, ending in ×: runs that did not finish" if unfinished else "",
        "The steepest first steps are left out" if lines.cut(all_lines) else "",
    ]
    title = scene.title(words(metric))
    caption = scene.caption(band([line.n for line in all_lines]), *told)
    frame = lines.Frame(title, caption, AXES[against], axis(metric), is_share(metric))
    figure = lines.picture(panels, scene.baseline, frame)
    return Drawn(named("curves", metric, against), figure, title, caption)


def resolution(scene: Scene, wanted: Wanted) -> Drawn | str:
    """A metric against the size of the images, by networks trained on one size."""
    metric = scene.answer.metric.partition("@")[0]
    panels = panels_of(scene, lambda row, name: series.resolution(row, name, metric))
    if not panels:
        return "no run was evaluated at another size, as `vitpos eval RUN image_size=48` does"
    title = scene.title(words(metric) + " against resolution")
    axes = "image size (pixels)", axis(metric), is_share(metric)
    return against_size(scene, panels, title, axes, named("resolution", metric))


def probed(scene: Scene, wanted: Wanted, protocol: str) -> Drawn | str:
    """Accuracy by one protocol of the probe `resolution`; how each arm meets a grid is named."""
    panels = panels_of(scene, lambda row, name: series.probed(row, name, protocol))
    if not panels:
        return "no run was probed for it, as `vitpos probe RUN what=resolution` does"
    title = scene.title(f"accuracy, {PROTOCOLS[protocol]}")
    axes = "image size (pixels)", "accuracy (%)", True
    rules = {name: scene.rule(row) for rows in scene.groups.values() for name, row in rows}
    drawn = [name for name in lines.labels(panels) if rules.get(name)]
    methods = "; ".join(f"{name}: {rules[name]}" for name in drawn)
    told = "" if protocol == "patch" or not drawn else f"On other grids {methods}"
    return against_size(scene, panels, title, axes, named("probe-resolution", protocol), told)


def against_size(
    scene: Scene,
    panels: Sequence[lines.Panel],
    title: str,
    axes: tuple[str, str, bool],
    name: str,
    *told: str,
) -> Drawn:
    """Lines over image sizes, with the size of the training marked."""
    all_lines = [line for panel in panels for line in panel.lines]
    ticks = sorted({x for line in all_lines for trace in line.traces for x in trace.points})
    trained = {records.finite(run.summary.get("image_size")) for run in scene.runs} - {None}
    mark = trained.pop() if len(trained) == 1 else None
    dotted = "Dotted: the size of the training" if mark is not None else ""
    colours = lines.told(panels, scene.baseline, words(scene.answer.metric))
    caption = scene.caption(band([line.n for line in all_lines]), colours, dotted, *told)
    frame = lines.Frame(title, caption, *axes, tuple(ticks), mark)
    return Drawn(name, lines.picture(panels, scene.baseline, frame), title, caption)


def panels_of(scene: Scene, made: Callable[[Row, str], series.Line | None]) -> list[lines.Panel]:
    """The lines of each condition that has some."""
    found = []
    for condition, rows in scene.groups.items():
        drawn = tuple(line for name, row in rows if (line := made(row, name)) is not None)
        if drawn:
            found.append(lines.Panel(style.shown(condition, 60), drawn))
    return found


def seeds(scene: Scene, wanted: Wanted) -> Drawn | str:
    """Every run as a dot."""
    metric, answer = scene.answer.metric, scene.answer
    if not any(row.values for row in answer.rows):
        return f"no run is finished and has {metric}"
    panels = [
        strips.Panel(style.shown(condition, 60), tuple(rows))
        for condition, rows in scene.groups.items()
    ]
    title = scene.title(words(metric))
    if any(row.interval for row in answer.rows):
        told = "A dot per seed; bar and line: mean and its 95 % t interval"
    else:
        told = "A dot per seed; no interval: fewer than three seeds"
    if strips.paired(panels):
        told += "; differences are paired by seed, with simultaneous intervals"
        size = answer.smallest_effect * (100 if is_share(metric) else 1)
        told += f"; grey: smaller than ±{size:.6g}, the smallest effect of interest" if size else ""
    caption = scene.caption(told)
    frame = strips.Frame(title, caption, axis(metric), is_share(metric), answer.smallest_effect)
    figure = strips.picture(panels, scene.baseline, frame)
    return Drawn(named("seeds", metric), figure, title, caption)


def pareto(scene: Scene, wanted: Wanted) -> Drawn | str:
    """A metric against one cost."""
    answer, cost = scene.answer, chosen(wanted, COSTS)
    panels = []
    for condition, rows in scene.groups.items():
        found = fronts.points(rows, cost, answer.direction)
        if found:
            panels.append(costs.Panel(style.shown(condition, 60), tuple(found)))
    if not panels:
        return f"no finished run has {answer.metric} and its {cost}"
    title = scene.title(f"{words(answer.metric)} against {fronts.COSTS[cost][1]}")
    tagged = len(tags.tags([panel.points for panel in panels], scene.baseline))
    rest = len({p.label for panel in panels for p in panel.points}) - tagged
    caption = scene.caption(
        "Stairs: what nothing cheaper beats"
        + (
            "; vertical lines: 95 % t intervals of the means"
            if any(p.interval for panel in panels for p in panel.points)
            else "; no intervals: fewer than three seeds"
        ),
        f"{rest} dominated arms without a name" if rest else "",
        f"Measured on {scene.measured_on()}; across: all seeds" if cost in fronts.MEASURED else "",
    )
    frame = costs.Frame(
        title, caption, cost, axis(answer.metric), is_share(answer.metric), answer.direction
    )
    figure = costs.picture(panels, scene.baseline, frame)
    return Drawn(named("pareto", answer.metric, cost), figure, title, caption)


def position(scene: Scene, wanted: Wanted) -> Drawn | str:
    """What the strategy of each arm is, in the run of its lowest seed."""
    from vitpos.plots import positions  # torch, and what it takes to load runs

    panels = positions.panels(scene)
    if not panels:
        return "no run is finished"
    title = scene.title("what position is")
    caption = scene.caption(
        "The run of the lowest seed of each arm. Signed numbers are white at zero, orange below and"
        " purple above; magnitudes and cosines go from blue to yellow; each arm has its own range"
    )
    figure = positions.picture(panels, title, caption)
    return Drawn(named("position"), figure, title, caption)


KINDS: dict[str, Callable[[Scene, Wanted], Drawn | str]] = {
    "curves": curves,
    "seeds": seeds,
    "pareto": pareto,
    "resolution": resolution,
    "position": position,
    **{protocol: partial(probed, protocol=protocol) for protocol in PROTOCOLS},
}


def chosen(wanted: Wanted, fitting: Sequence[str]) -> str:
    """Against what: the first that was asked for and fits."""
    return next((name for name in wanted.against if name in fitting), fitting[0])


def named(*parts: str) -> str:
    """The name of a file, without its ending."""
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", part) for part in parts)
