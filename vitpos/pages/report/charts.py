"""The charts of a report: those of `vitpos plot`, each inside the page as an SVG."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from vitpos.comparing.answer import Answer
from vitpos.plots import files, style
from vitpos.plots.draw import KINDS, Drawn
from vitpos.plots.request import Wanted
from vitpos.plots.scene import Scene

ASKED: tuple[tuple[str, tuple[str, ...]], ...] = (  # what there may be, and against what
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
LARGE = 120_000  # bytes of lines
DOTS, COLOURS = 200, 64  # of pixels: to an inch, and different ones
PATH, MORE = re.compile(rb' d="[^"]*"'), re.compile(rb"(\.\d\d)\d+")


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
        yield Chart(address(made), float(made.figure.get_figwidth()), made.title, made.caption)


COSTS = {"params": "params", "flops": "flops_per_image", "seconds": "train_seconds"}


def address(made: Drawn) -> str:
    """A chart as an address that holds it: lines, or pixels where there are too many of those."""
    content = slim(files.content(made.figure, "svg", made.title, made.caption))
    if len(content) <= LARGE:
        return f"data:image/svg+xml;base64,{b64encode(content).decode()}"
    drawn = BytesIO(files.content(made.figure, "png", made.title, made.caption, DOTS))
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    found = BytesIO()
    few.save(found, format="PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(found.getvalue()).decode()}"


def slim(content: bytes) -> bytes:
    """Paths with two decimals, a hundredth of a printer's point, instead of six."""
    return PATH.sub(lambda found: MORE.sub(rb"\1", found[0]), content)


def same(scene: Scene, cost: str) -> bool:
    """Whether there are no two different costs."""
    return len({row.costs.get(cost) for row in scene.answer.rows}) < 2
