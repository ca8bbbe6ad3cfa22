"""The charts of a report: those of `vitpos plot`, each inside the page as an SVG."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from vitpos.comparing.answer import Answer
from vitpos.plots import files, style
from vitpos.plots.draw import KINDS
from vitpos.plots.request import Wanted
from vitpos.plots.scene import Scene

ASKED = (  # what there may be, and against what
    ("seeds", ()),
    ("curves", ("epochs",)),
    ("resolution", ()),
    ("resize", ()),
    ("canvas", ()),
    ("patch", ()),
    ("pareto", ("params",)),
    ("pareto", ("flops",)),
    ("pareto", ("seconds",)),
)


@dataclass(frozen=True)
class Chart:
    """A chart, `width` inches wide; its own title and caption say what one sees."""

    uri: str
    width: float
    title: str
    caption: str


def charts(answer: Answer) -> list[Chart]:
    """All that these runs have numbers for."""
    with style.styled():
        return list(drawn(Scene(answer)))


def drawn(scene: Scene) -> Iterator[Chart]:
    """One after the other; a cost that all arms share says nothing."""
    for kind, against in ASKED:
        if kind == "pareto" and same(scene, COSTS[against[0]]):
            continue
        made = KINDS[kind](scene, Wanted(what=(kind,), against=against))
        if isinstance(made, str):
            continue
        content = files.content(made.figure, "svg", made.title, made.caption)
        uri = f"data:image/svg+xml;base64,{b64encode(content).decode()}"
        yield Chart(uri, float(made.figure.get_figwidth()), made.title, made.caption)


COSTS = {"params": "params", "flops": "flops_per_image", "seconds": "train_seconds"}


def same(scene: Scene, cost: str) -> bool:
    """Whether there are no two different costs."""
    return len({row.costs.get(cost) for row in scene.answer.rows}) < 2
