"""Tables: a vector for every cell, now, at the start, on the way, and on another grid."""

from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vitpos import glossary
from vitpos.embeddings.additive import STREAM, Injected
from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.grid import Grid
from vitpos.pages.cards.history import history
from vitpos.pages.cards.parts import Part
from vitpos.pages.coded import Coded, cosines, raw, signed
from vitpos.pages.opened import Opened
from vitpos.probes import places
from vitpos.shapes import Table
from vitpos.switches import flat

FLAT = 1e-9  # of the largest singular value: the rest is rounding
SPREAD = 2.5  # deviations of a principal component from the middle of a colour to its end
ENDS = {  # what the switch `inject` says, for a title
    "shared": "added before every block",
    "lape": "told to attention",
    "concat": "put beside the tokens",
    "qk": "told to queries and keys of every block",
}


class Vectors(NamedTuple):
    """Of the cells, and of the prefix tokens that have any."""

    cells: Table
    prefix: Table | None


def tables(one: Opened, part: Part) -> Iterator[dict[str, Any]]:
    """A table for each block that has its own."""
    for layer in part.layers:
        found = vectors(part.now, part.site(layer))
        if found is not None:
            yield table(one, part, layer, found)
        if found is not None and once(part.now):
            return


def once(strategy: PositionEmbedding) -> bool:
    """Whether all blocks have the same table."""
    return isinstance(strategy, Injected) and strategy.inject in ("shared", "qk")


def vectors(strategy: PositionEmbedding, site: Site) -> Vectors | None:
    """What a strategy brings in here as vectors; None if nothing."""
    view = strategy.views(site).get("table")
    if view is None:
        return None
    if not isinstance(strategy, Injected):
        return Vectors(view.float(), None)
    every = strategy.vectors(site)
    slots = len(every) - site.grid.cells
    return Vectors(every[slots:], every[:slots] if slots else None)


def table(one: Opened, part: Part, layer: int, now: Vectors) -> dict[str, Any]:
    """All there is to see of one of them."""
    start = vectors(part.start, part.site(layer))
    assert start is not None
    moved = distance(now.cells.cpu(), start.cells)
    return {
        "kind": "table",
        "title": f"{part.title}: a vector for each cell{said(part, layer)}",
        "layer": part.begin + layer,
        "grid": list(part.grid),
        "now": signed(now.cells),
        "prefix": None if now.prefix is None else signed(now.prefix),
        "start": None if moved == 0 else signed(start.cells),
        "moved": moved,
        "history": history(one, f"{part.key}table/layer{layer}"),
        "colours": colours(now.cells),
        "similarity": cosines(places.cosines(now.cells)),
        "other": elsewhere(part, layer),
    }


def said(part: Part, layer: int) -> str:
    """How it gets into the network, unless it is simply added to the tokens at the input."""
    inject = part.now.inject if isinstance(part.now, Injected) else "input"
    if inject == "every_layer":
        return f", added before block {part.begin + layer}"
    if inject in STREAM or once(part.now):
        return f", {ENDS[inject]}" if inject in ENDS else ""
    return f", {ENDS[inject]} in block {part.begin + layer}"


def distance(now: Tensor, start: Tensor) -> float | None:
    """How far it moved in training, by the size of where it began; None if that was zero."""
    size = float(start.double().norm())
    moved = float((now.double() - start.double()).norm())
    if not size or not isfinite(moved / size):
        return None
    return float(f"{moved / size:.4g}")


def elsewhere(part: Part, layer: int) -> dict[str, Any]:
    """The table on a larger grid, by the rule that the strategy declares."""
    grid = larger(part.grid)
    found = vectors(part.now, part.site(layer, grid))
    assert found is not None
    return {"grid": list(grid), "rule": rule(part), "values": signed(found.cells)}


def larger(grid: Grid) -> Grid:
    """One and a half times as large each way, where that is whole, else twice."""
    if grid.rows % 2 or grid.cols % 2:
        return Grid(2 * grid.rows, 2 * grid.cols)
    return Grid(3 * grid.rows // 2, 3 * grid.cols // 2)


def rule(part: Part) -> str:
    """How the strategy meets a new grid, in words."""
    given = {k: v for k, v in flat(part.options).items() if not k.startswith("_")}
    return glossary.new_grid(given)


def colours(table: Table) -> Coded:
    """The first three principal components as red, green and blue, [cells, 3].

    Each is divided by its deviation (whitened), and has the sign that makes its largest loading
    positive. A table that varies in fewer ways is grey in the rest, and so are cells whose vectors
    are no numbers.
    """
    every = table.detach().cpu().double()
    there = every.isfinite().all(1)
    x = every[there] - every[there].mean(0)
    white = torch.zeros(len(every), 3, dtype=torch.float64)
    if len(x):
        left, sizes, right = torch.linalg.svd(x, full_matrices=False)
        count = min(3, int((sizes > FLAT * sizes[0].clamp_min(1e-30)).sum()))
        largest = right[:count].abs().argmax(dim=1, keepdim=True)
        signs = right[:count].gather(1, largest).sign()[:, 0]
        scores = torch.zeros(len(x), 3, dtype=torch.float64)
        scores[:, :count] = left[:, :count] * signs * len(x) ** 0.5
        white[there] = scores
    return raw((127.5 + 127.5 * white / SPREAD).round().clamp(0, 255).to(torch.uint8))
