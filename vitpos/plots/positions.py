"""What strategies are, side by side: the picture that stands first on the card of each arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vitpos.data.samples import silent
from vitpos.pages.cards.objects import objects
from vitpos.pages.opened import opened
from vitpos.pages.report.figures import of_object
from vitpos.pages.report.painted import Painted
from vitpos.plots import style
from vitpos.plots.scene import Scene
from vitpos.plots.style import GREY, INK, PAGE, SMALL

ACROSS, SIDE, BELOW = 4, 1.6, 0.6  # pictures side by side; inches of one, and for its words
DOTS = 400  # that a picture is enlarged to: programs that show SVG and PDF blur what is small


@dataclass(frozen=True)
class Panel:
    """An arm: its name, its picture or why there is none, and what that shows."""

    name: str
    picture: Painted | None
    note: str


def panels(scene: Scene) -> list[Panel]:
    """All arms that have a finished run; networks are loaded one after the other."""
    found = []
    for name, row in (arm for rows in scene.groups.values() for arm in rows):
        done = [run for run in row.runs if run.status == "finished"]
        if done:
            run = min(done, key=lambda one: (one.seed is None, one.seed or 0))
            found.append(panel(name, objects(opened(run, 1, silent, unheard))))
    return found


def panel(name: str, found: Sequence[Mapping[str, Any]]) -> Panel:
    """The first picture of a strategy, or why there is none."""
    for one in found:
        for figure in of_object(name, one):
            return Panel(name, figure.picture, figure.title.lower())
    whys = [str(one["why"]) for one in found if "why" in one]
    return Panel(name, None, whys[0] if whys else "nothing to see")


def unheard(text: str) -> None:
    """Notes are for who probes."""


def picture(panels: Sequence[Panel], title: str, caption: str) -> Figure:
    """All of them in rows, the best arm first."""
    down = ceil(len(panels) / ACROSS)
    made = style.figure(PAGE, down * (SIDE + BELOW), title, caption)
    places: Any = made.subplots(down, ACROSS, squeeze=False)
    for place, axes in enumerate(places.flat):
        axes.axis("off")
        if place < len(panels):
            draw(axes, panels[place])
    return made


def draw(axes: Axes, panel: Panel) -> None:
    """A picture as sharp squares, with its name above and its range below."""
    axes.set_title(panel.name, loc="left", color=INK)
    if panel.picture is None:
        said: Any = {"va": "top", "size": SMALL, "color": GREY, "transform": axes.transAxes}
        axes.text(0, 1, style.folded(panel.note, 30), **said)
        return
    pixels = panel.picture.rgb()
    times = max(1, DOTS // max(pixels.shape[:2]))
    axes.imshow(np.kron(pixels, np.ones((times, times, 1), np.uint8)), interpolation="none")
    axes.set_anchor("NW")
    note = panel.note
    if panel.picture.palette != "own":
        note = f"{panel.picture.low:.3g} to {panel.picture.high:.3g}; {note}"
    below: Any = {"va": "top", "size": SMALL - 0.5, "color": GREY, "transform": axes.transAxes}
    axes.text(0, -0.04, style.folded(note, 36, 2), **below)
