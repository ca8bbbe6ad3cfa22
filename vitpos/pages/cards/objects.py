"""What a strategy itself is, whatever images say: tables, maps, rotations, kernels, planes."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from vitpos.embeddings.pixels import CoordConv
from vitpos.pages.cards.maps import maps
from vitpos.pages.cards.parts import Part, parts
from vitpos.pages.cards.responses import responses
from vitpos.pages.cards.rotations import rotations
from vitpos.pages.cards.tables import tables
from vitpos.pages.coded import signed
from vitpos.pages.opened import Opened

Object = dict[str, Any]


@torch.no_grad()
def objects(one: Opened) -> list[Object]:
    """Something for every strategy; what adds nothing says so."""
    return [found for part in parts(one) for found in of_part(one, part)]


def of_part(one: Opened, part: Part) -> list[Object]:
    """All there is to see of one strategy."""
    found = [*tables(one, part), *rotations(part), *responses(part), *planes(one, part)]
    found = found or list(maps(part))
    return found or [nothing(part)]


def planes(one: Opened, part: Part) -> Iterator[Object]:
    """The channels that the image, or what a stage reads, gets."""
    if not isinstance(part.now, CoordConv):
        return
    times = 1 if part.begin else one.subject.samples.pixels.shape[-1] // part.grid.cols
    rows, cols = (side * times for side in part.grid)
    values = part.now.channels(rows, cols, torch.device("cpu"))
    yield {
        "kind": "planes",
        "title": f"{part.title}: what every pixel is told",
        "names": ["column", "row", "distance from the middle"][: len(values)],
        "values": signed(values),
    }


def nothing(part: Part) -> Object:
    """Of a strategy that has nothing to show, why."""
    title = f"{part.title}: nothing to see"
    if type(part.now).__name__ == "PositionEmbedding":
        why = "This strategy adds nothing: the network sees a bag of patches."
    elif learned(part.now):
        why = "This strategy has learned numbers, but no picture of them is known here."
    else:
        why = (
            "This strategy adds nothing on the trained grid: it changes how sharp attention is"
            " on others."
        )
    return {"kind": "nothing", "title": title, "why": why}


def learned(strategy: nn.Module) -> bool:
    """Whether it learns anything."""
    return any(True for _ in strategy.parameters())
