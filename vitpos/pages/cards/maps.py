"""Maps: numbers for pairs of cells, that are added to the logits or say who looks where."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.bias import HIDDEN, Biased
from vitpos.embeddings.contextual import OffsetVectors
from vitpos.embeddings.irpe import IRPE
from vitpos.embeddings.parabolic import Parabolic
from vitpos.embeddings.untied import Untied
from vitpos.grid import Grid
from vitpos.pages.cards.parts import Part
from vitpos.pages.cards.tables import distance, larger, rule
from vitpos.pages.coded import signed
from vitpos.probes import places

EXACT = 1e-4  # of the largest number: what rounding makes of equal ones
BY_OFFSET = "by offset, 2R-1 x 2C-1"
MIDDLE = "how the cell in the middle sees all others"
Pairs = Float[Tensor, "maps cells cells"]


def maps(part: Part) -> Iterator[dict[str, Any]]:
    """One object with all blocks that have any; by offset where it is a function of the offset."""
    layers = [n for n in part.layers if seen(part.now, part.site(n)) is not None]
    if not layers:
        return
    whole = all(relative(part.now, part.site(n)) for n in layers)
    now = drawn(part, part.now, layers, part.grid, whole)
    start = drawn(part, part.start, layers, part.grid, whole)
    grid = larger(part.grid)
    moved = distance(now.nan_to_num(), start.nan_to_num())
    yield {
        "kind": "map",
        "title": f"{part.title}: {titled(part.now)}",
        "layers": [part.begin + n for n in layers],
        "grid": list(part.grid),
        "values": signed(now),
        "means": BY_OFFSET if whole else MIDDLE,
        "start": None if moved == 0 else signed(start),
        "moved": moved,
        "other": {
            "grid": list(grid),
            "rule": rule(part),
            "values": signed(drawn(part, part.now, layers, grid, whole)),
        },
    }


def titled(strategy: PositionEmbedding) -> str:
    """What its maps show."""
    match strategy:
        case IRPE(bias=False) | OffsetVectors():
            return "what a query of ones would see"
        case Parabolic():
            return "what a query that is zero would see"
        case Biased() | Untied() | IRPE():
            return "what is added to logits"
    return "what position says"


def drawn(
    part: Part, strategy: PositionEmbedding, layers: list[int], grid: Grid, whole: bool
) -> Float[Tensor, "layers heads rows cols"]:
    """The maps of these layers, of as many heads as the stage has."""
    heads = part.now.trunk.heads
    found = []
    for layer in layers:
        site = part.site(layer, grid)
        own = pairs(strategy, site) if whole else None
        one = seen(strategy, site) if own is None else places.by_offset(own, grid)
        assert one is not None
        found.append(one.expand(heads, -1, -1) if len(one) == 1 else one)
    return torch.stack(found).double().cpu()


def relative(strategy: PositionEmbedding, site: Site) -> bool:
    """Whether what it says of two cells depends on their offset alone."""
    found = pairs(strategy, site)
    if found is None:
        return False
    again = places.everywhere(places.by_offset(found, site.grid), site.grid)
    there = found.isfinite()
    if bool((there != again.isfinite()).any()):
        return False
    if not bool(there.any()):
        return True
    size, off = (float(x[there].abs().max()) for x in (found, found - again))
    return off <= EXACT * size


def seen(strategy: PositionEmbedding, site: Site) -> Float[Tensor, "maps rows cols"] | None:
    """How the cell in the middle sees all others; not a number where it must not look."""
    found = pairs(strategy, site)
    if found is not None:
        return found[:, site.grid.middle].unflatten(-1, site.grid)
    return strategy.views(site).get("map")


def pairs(strategy: PositionEmbedding, site: Site) -> Pairs | None:
    """What is said of every pair of cells, in float64; None where that is not known."""
    cells = site._replace(prefix=0)
    match strategy:
        case Biased():
            found = strategy.bias(cells)
        case Untied():
            found = strategy.bias(cells)[:, : cells.grid.cells, : cells.grid.cells]
        case IRPE() | OffsetVectors():
            said = strategy.logits(*ones(strategy, cells), cells)
            if said is None:
                return None
            found = said[0]
        case Parabolic():
            found = strategy.parabolas(nothing(strategy, cells), cells)[0]
        case _:
            return None
    return found.double().where(found > HIDDEN / 2, torch.nan)


def ones(strategy: PositionEmbedding, site: Site) -> tuple[Tensor, Tensor]:
    """Queries and keys of ones."""
    trunk, device = strategy.trunk, next(strategy.parameters()).device
    q = torch.ones(1, trunk.heads, site.grid.cells, trunk.head_dim, device=device)
    return q, q


def nothing(strategy: PositionEmbedding, site: Site) -> Tensor:
    """Tokens that are zero."""
    device = next(strategy.parameters()).device
    return torch.zeros(1, site.grid.cells, strategy.trunk.dim, device=device)
