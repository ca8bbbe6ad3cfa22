"""All that a page says of one arm, from one finished run of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from vitpos.pages.cards.entering import attended, entering
from vitpos.pages.cards.numbers import probed
from vitpos.pages.cards.objects import objects
from vitpos.pages.cards.origin import cost, provenance, results
from vitpos.pages.cards.reach import reach
from vitpos.pages.cards.shuffled import shuffled
from vitpos.pages.cards.words import words
from vitpos.pages.gathering import Shown
from vitpos.pages.opened import Opened

Pace = Callable[[str], AbstractContextManager[None]]  # within it, a part is made
PARTS = ("strategy", "shuffled images", "attention", "distances")


def card(arm: Shown, one: Opened, metric: str, frame: int, most: int, pace: Pace) -> dict[str, Any]:
    """The whole card; of attention what `most` bytes can hold before they are packed."""
    found: dict[str, Any] = {"name": arm.row.label, "frame": frame, **words(one)}
    with pace("strategy"):
        found["objects"] = objects(one)
    with pace("shuffled images"):
        found |= shuffled(one)
    with pace("attention"):
        found |= entering(one)
        found["attention"] = attended(one, most)
    with pace("distances"):
        found["distance"] = reach(one)
    return found | {
        "provenance": provenance(one),
        "results": results(arm, metric),
        "cost": cost(arm),
        "probes": probed(one),
        "live": None,
        "missing": list(missing(found, one)),
    }


def missing(found: dict[str, Any], one: Opened) -> Iterator[str]:
    """What could not be shown of this run, in sentences."""
    total = one.run.backbone.depth
    if len(one.blocks) < total:
        shown = ", ".join(map(str, one.blocks))
        yield (
            f"Of its {total} blocks, tokens, attention and kernels are shown of those that attend"
            f" to the first grid with attention, {one.grid.rows} x {one.grid.cols}: {shown}."
        )
    if found["added"]["predicted"] is None:
        yield "What it answers is not one word for an image, and is not shown."
