"""How much of it fits: what a page leaves out, rung by rung, until it is small enough.

Attention is most of a page, so it goes first: from every head and query of all images down to a few
queries. Then goes what is least missed, and at last attention altogether. What was left out is
said, in sentences for the reader.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vitpos.errors import BadInput
from vitpos.pages.coded import Coded
from vitpos.pages.payload import Packed, arrays

KINDS = ("heads", "mean", "queries", "prefix", "none")  # of attention, the finest first
DOUBT = 1.15  # an estimate may be too high by as much
ROOM = 8  # arrays take at most so many times the budget before they are packed
SAID = {
    "mean": "Attention is the mean over heads: that of every head would not fit.",
    "queries": "Attention is shown of a few queries only: all of them would not fit.",
    "prefix": "Attention is shown of prefix tokens, or of the middle, only.",
    "none": "Attention is left out: it would not fit.",
}
Card = dict[str, Any]
Facts = dict[str, Any]
Sizes = dict[int, tuple[Coded, int]]  # arrays by their ids, and how many bytes each packs to


@dataclass(frozen=True)
class Rung:
    """Attention of one kind, of all images or of the first, and so many steps of `THINNER`."""

    kind: str
    images: int | None
    thinner: int = 0


def fitted(facts: Facts, budget: int, around: int) -> tuple[Facts, Packed]:
    """As much as fits in `budget` bytes beside the `around` that the page itself takes.

    `BadInput` if not even the least does.
    """
    sizes: Sizes = {}
    least = 0
    for rung in RUNGS:
        shown = reduced(facts, rung)
        if around + estimate(shown, sizes) > DOUBT * budget and rung != RUNGS[-1]:
            continue
        packed = Packed(shown)
        least = around + packed.size
        if least <= budget:
            return shown, packed
    raise BadInput(
        f"nothing of {len(facts['arms'])} arms fits in {budget / 1e6:g} MB",
        f"--max-mb {-(-least // 100_000) / 10:g}",
    )


def estimate(facts: Facts, sizes: Sizes) -> int:
    """About how many bytes the facts will take; arrays are tried one by one, and once only."""
    total = len(Packed(bare(facts)).meta)
    for array in arrays(facts):
        known = sizes.get(id(array))
        if known is None:  # the array stays with its size, so that no other gets its id
            known = sizes[id(array)] = array, len(zlib.compress(array.codes.tobytes(), 6))
        total += known[1] * 4 // 3
    return total


def bare(data: Any) -> Any:
    """The same without numbers in its arrays, to see how long the rest is."""
    match data:
        case Coded():
            said = {"at": 10**7, "shape": data.shape, "low": data.low, "high": data.high}
            return said | {"gamma": data.gamma}
        case Mapping():
            return {key: bare(value) for key, value in data.items()}
        case list() | tuple():
            return [bare(value) for value in data]
    return data


def reduced(facts: Facts, rung: Rung) -> Facts:
    """What of the facts is on a rung, and what is not, said."""
    steps = THINNER[: rung.thinner]
    arms = [with_attention(card, rung) for card in facts["arms"]]
    for step in steps:
        arms = [step.change(card) for card in arms]
    said = [*facts["left_out"], *attention_said(facts["arms"], arms, rung)]
    lost = {step.topic: step.said for step in steps}  # the last word on each
    return facts | {"arms": arms, "left_out": [*said, *lost.values()]}


def with_attention(card: Card, rung: Rung) -> Card:
    """A card with attention of one kind, or of the next coarser one that it has."""
    known = card["attention"]["rungs"]
    shared = {key: card["attention"][key] for key in ("heads", "layers")}
    coarser = KINDS[KINDS.index(rung.kind) :]
    kind = next((kind for kind in coarser if kind in known), "none")
    if kind == "none":
        none = {"rung": "none", "values": None, "queries": None}
        return card | {"attention": shared | none}
    found = known[kind]
    values = found["values"]
    values = values if rung.images is None else values.of(slice(0, rung.images))
    told = {"rung": kind, "values": values, "queries": found["queries"]}
    return card | {"attention": shared | told}


def attention_said(before: list[Card], after: list[Card], rung: Rung) -> list[str]:
    """What of attention is not there."""
    kinds = {card["attention"]["rung"] for card in after} - {"heads"}
    said = [SAID[kind] for kind in KINDS if kind in kinds]
    several = any(found["values"].shape[0] > 1 for c in before for found in rungs(c))
    if rung.images and several and kinds != {"none"}:
        said.append("Attention is shown of the first image only.")
    return said


def rungs(card: Card) -> list[Mapping[str, Any]]:
    """All that a card has of attention."""
    return list(card["attention"]["rungs"].values())


@dataclass(frozen=True)
class Step:
    """Something to leave out of a card, and the sentence that says so.

    What is said of a topic holds until more of it is left out.
    """

    topic: str
    said: str
    change: Callable[[Card], Card]


def in_objects(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Card], Card]:
    """A change of every object of a card."""
    return lambda card: card | {"objects": [change(found) for found in card["objects"]]}


def without(*keys: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The same with nothing under these keys, where it has them."""
    return lambda found: found | {key: None for key in keys if key in found}


def few_steps(found: dict[str, Any]) -> dict[str, Any]:
    """A history of three steps: the first, the middle, the last."""
    whole = found.get("history") or []
    if len(whole) <= 3:
        return found
    return found | {"history": [whole[0], whole[len(whole) // 2], whole[-1]]}


def no_steps(found: dict[str, Any]) -> dict[str, Any]:
    """No history."""
    return found | {"history": []} if "history" in found else found


def ends(card: Card) -> Card:
    """Mean tokens before the first and after the last block."""
    if card["similarity"] is None:
        return card  # there is only one place
    few = slice(None, None, len(card["similarity_of"]) - 1)
    shown = card["similarity_of"][few]
    return card | {"similarity": card["similarity"].of(few), "similarity_of": shown}


def one_image(card: Card) -> Card:
    """Tokens of the first image."""
    added = card["added"]
    there = (key for key in ("before", "difference") if added[key] is not None)
    return card | {"added": added | {key: added[key].of(slice(0, 1)) for key in there}}


THINNER = (
    Step("way", "Of each table on the way, three moments are shown.", in_objects(few_steps)),
    Step("way", "Tables on the way are left out.", in_objects(no_steps)),
    Step("alike", "How alike mean tokens are is shown at the first and the last block only.", ends),
    Step("cosines", "Cosines of tables are left out: they follow from the tables.",
         in_objects(without("similarity"))),
    Step("grids", "Other grids are left out.", in_objects(without("other"))),
    Step("tokens", "Tokens with and without position are those of the first image.", one_image),
    Step("start", "What tables and maps were at the start is left out.",
         in_objects(without("start"))),
    Step("alike", "How alike mean tokens are is left out.", without("similarity")),
    Step("tokens", "Tokens with and without position are left out.",
         lambda card: card | {"added": card["added"] | {"before": None, "difference": None}}),
)  # fmt: skip
FULL = len(THINNER)
RUNGS = (
    *(Rung(kind, images) for kind in ("heads", "mean", "queries") for images in (None, 1)),
    *(Rung("queries", 1, n) for n in range(1, FULL - 1)),
    Rung("prefix", 1, FULL - 2),
    Rung("none", 1, FULL - 2),
    Rung("none", 1, FULL - 1),
    Rung("none", 1, FULL),
)
