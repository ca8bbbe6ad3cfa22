"""The pictures of a card, each with what it shows in words: of what a strategy is, and measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitpos.pages.coded import Coded, coded, cosines, rounded
from vitpos.pages.report import painted
from vitpos.pages.report.painted import Painted

SMALL, WIDE = 150, 220  # pixels across
NARROW = 0.05  # a range of cosines that has too few codes to be stretched
BLOCKS, HEADS = 12, 12  # of which maps are shown: of more, some from the first to the last

Card = Mapping[str, Any]
Object = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A picture and its words; `weight` says how soon it is left out where there is no room."""

    picture: Painted
    title: str
    note: str
    alt: str
    weight: int = 0  # 0 never


def figures(card: Card) -> list[Figure]:
    """All of a card, the strategy's own first."""
    name = str(card["name"])
    own = [found for one in card["objects"] for found in of_object(name, one)]
    return [*own, *measured(name, card)]


def of_object(name: str, one: Object) -> list[Figure]:
    """What a strategy itself is."""
    return list(KINDS[one["kind"]](name, one))


def table(name: str, one: Object) -> Iterator[Figure]:
    """How alike cells are, now, at the start and on another grid; the vectors; their colours."""
    grid = pair(one["grid"])
    title = "Position vectors, alike" + ("" if one["layer"] in (None, 0) else at(one["layer"]))
    moved = one.get("moved")
    note = "began at zero" if moved is None else "as at the start"
    note = f"moved by {share(moved)} its first length" if moved else note
    found = one.get("similarity") or cosines(alike(one["now"].values()))
    yield similar(name, found, grid, title, note, weight=0)
    start = one.get("start")
    if start is not None:
        first = cosines(alike(start.values()))
        yield similar(name, first, grid, "The same at the start", "before the first step", 2)
    yield from way(name, one, grid)
    wide = painted.mosaic(
        Coded(one["now"].codes[None, None], one["now"].low, one["now"].high), WIDE
    )
    words = f"{one['now'].shape[0]} cells down, {one['now'].shape[1]} channels across"
    yield Figure(wide, "The vectors", words, describe(name, "position vectors", one["now"]), 3)
    swatch = painted.swatch(one["colours"], grid, SMALL // 2)
    said = "cells of like colour have like vectors"
    alt = f"{name}: first three principal components of the position vectors as colours of cells"
    yield Figure(swatch, "Three components", said, alt, 1)
    other = one.get("other")
    if other is not None:
        found = cosines(alike(other["values"].values()))
        size = pair(other["grid"])
        words = f"{size[0]} x {size[1]} cells: {other['rule']}"
        yield similar(name, found, size, "On another grid", words, 4)


def way(name: str, one: Object, grid: tuple[int, int]) -> Iterator[Figure]:
    """How alike the middle cell was to all others at each step that was kept."""
    history = one.get("history") or []
    if len(history) < 2:
        return
    rows, cols = grid
    middle = rows // 2 * cols + cols // 2
    found = [alike(then["values"].values())[middle].reshape(grid) for then in history]
    steps = ", ".join(str(then["step"]) for then in history)
    note = f"the middle cell and all others after step {steps}"
    alt = f"{name}, position vectors on the way: {note}"
    picture = painted.plain(cosines(np.stack(found)[None]), WIDE)
    yield Figure(picture, "On the way", note, alt, 2)


def similar(
    name: str, found: Coded, grid: tuple[int, int], title: str, note: str, weight: int
) -> Figure:
    """A tile for each cell, in the range of the cosines of different cells.

    Where these hardly differ, codes do not tell them apart: then colours are of -1..1.
    """
    values = found.values().reshape(len(found.codes), -1)
    away = values[~np.eye(len(values), dtype=bool)]
    ends = rounded(low(away)), rounded(high(away))
    shown = coded(values, *ends) if ends[1] - ends[0] > NARROW else found
    alt = (
        f"{name}, {title.lower()}: tiles of {grid[0]} x {grid[1]} cells,"
        f" cosines from {ends[0]:.2f} to {ends[1]:.2f}"
    )
    return Figure(painted.tiles(shown, grid, SMALL), title, f"{note}; cosines", alt, weight)


def maps(name: str, one: Object) -> Iterator[Figure]:
    """A row for each block, a column for each head."""
    title = str(one["title"]).partition(": ")[2] or str(one["title"])
    by_offset = "offset" in str(one["means"])
    means = "by offset, none in the middle" if by_offset else "as the middle cell sees all others"
    yield mapped(name, one["values"], capital(title), means, one, 0)
    yield from before(name, one)
    yield from beyond(name, one)


def rotation(name: str, one: Object) -> Iterator[Figure]:
    """What equal vectors at two places make together."""
    means = "cosine of equal vectors by offset, none in the middle"
    yield mapped(name, one["kernel"], "Rotation kernel", means, one, 0)
    yield from before(name, one)
    yield from beyond(name, one)


def before(name: str, one: Object) -> Iterator[Figure]:
    """The same at the start, where it moved."""
    if one.get("start") is not None:
        moved = one.get("moved")
        note = "before the first step" + (
            f"; moved by {share(moved)} its size since" if moved else ""
        )
        yield mapped(name, one["start"], "At the start", note, one, 2)


def beyond(name: str, one: Object) -> Iterator[Figure]:
    """The same on another grid."""
    other = one.get("other")
    if other is not None:
        rows, cols = pair(other["grid"])
        note = f"{rows} x {cols} cells: {other['rule']}"
        yield mapped(name, other["values"], "On another grid", note, one, 4)


def response(name: str, one: Object) -> Iterator[Figure]:
    """Kernels: what a single bright cell does to its neighbours."""
    names = one.get("names")
    note = ", ".join(names) if names else "mean over channels"
    yield mapped(name, one["values"], "Convolution response", note, one, 0)
    yield from before(name, one)


def planes(name: str, one: Object) -> Iterator[Figure]:
    """Channels that the image gets."""
    values: Coded = one["values"]
    picture = painted.mosaic(reshaped(values, values.codes[None]), SMALL)
    note = ", ".join(one.get("names") or ())
    alt = describe(name, "planes beside the image", values)
    yield Figure(picture, "What every pixel is told", note, alt)


def nothing(name: str, one: Object) -> Iterator[Figure]:
    """It is said in words."""
    yield from ()


def mapped(name: str, values: Coded, title: str, note: str, one: Object, weight: int) -> Figure:
    """Maps [blocks, heads, rows, cols]."""
    down = painted.some(values.shape[0], BLOCKS)
    across = painted.some(values.shape[1], HEADS)
    shown = reshaped(values, values.codes[np.ix_(down, across)])
    blocks = one.get("layers") or range(values.shape[0])
    listed = ", ".join(str(blocks[i]) for i in down)
    rows = f"block {listed}" if len(down) == 1 else f"blocks {listed} from top to bottom"
    alt = describe(f"{name}, {title.lower()}, {note}, {rows}", "a map for each head", values)
    return Figure(
        painted.mosaic(shown, min(WIDE, SMALL * len(across))), title, f"{note}; {rows}", alt, weight
    )


def measured(name: str, card: Card) -> Iterator[Figure]:
    """What all strategies have: the kernel and mean tokens, of images with shuffled patches."""
    kernel = card.get("kernel") or {}
    if "values" in kernel:
        beyond_chance = [s for s in kernel["strength"] if s is not None]
        floor = [s for s in kernel["floor"] if s is not None]
        note = "mean logit by offset, on shuffled patches"
        if beyond_chance:
            note += f"; strongest {max(beyond_chance):.3g}, chance {max(floor):.2g}"
        yield mapped(name, kernel["values"], "Measured kernel", note, kernel, 0)
    similarity = card.get("similarity")
    grid = [(side + 1) // 2 for side in kernel["values"].shape[-2:]] if "values" in kernel else []
    if similarity is not None and np.prod(grid) == similarity.shape[-1]:
        last = reshaped(similarity, similarity.codes[-1])
        note = "mean token of each cell after the last block"
        yield similar(name, last, pair(grid), "Tokens, alike", note, 1)


KINDS: dict[str, Callable[[str, Object], Iterator[Figure]]] = {
    "table": table,
    "map": maps,
    "rotation": rotation,
    "response": response,
    "planes": planes,
    "nothing": nothing,
}


def reshaped(of: Coded, codes: np.ndarray) -> Coded:
    """Other codes in the same range."""
    return Coded(np.ascontiguousarray(codes), of.low, of.high, of.gamma, of.raw)


def alike(vectors: np.ndarray) -> np.ndarray:
    """Cosines of rows; not a number where one is zero."""
    sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        directions = vectors / sizes
    return directions @ directions.T


def describe(name: str, what: str, values: Coded) -> str:
    """A picture for who cannot see it."""
    found = values.values()
    size = " x ".join(map(str, values.shape))
    return f"{name}: {what}, {size} numbers from {low(found):.3g} to {high(found):.3g}"


def low(values: np.ndarray) -> float:
    """The smallest that is a number."""
    finite = values[np.isfinite(values)]
    return float(finite.min()) if finite.size else float("nan")


def high(values: np.ndarray) -> float:
    """The largest that is a number."""
    return -low(-values)


def pair(grid: Sequence[int]) -> tuple[int, int]:
    """Rows and columns."""
    return int(grid[0]), int(grid[1])


def at(layer: int) -> str:
    """Which block."""
    return f", block {layer}"


def share(value: float) -> str:
    """A part of something, or how many times it is that."""
    return f"{100 * value:.3g} % of" if value < 2 else f"{value:.3g} times"


def capital(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]
