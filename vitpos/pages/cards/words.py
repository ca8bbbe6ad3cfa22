"""What a card says in words: from the file of the strategy, and from `words.yaml`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from vitpos import catalogue, glossary
from vitpos.embeddings.base import PositionEmbedding
from vitpos.errors import BadInput
from vitpos.pages.cards.parts import Part, parts
from vitpos.pages.opened import Opened
from vitpos.switches import flat
from vitpos.words import counted

FILE = Path(__file__).parents[1] / "words.yaml"
ASIDE = re.compile(r"\s+\([^()]*\)")  # in a sentence
RESAMPLED = ("bicubic", "bilinear", "corners", "nearest", "geometric")


def words(one: Opened) -> dict[str, Any]:
    """`family`, `kind` and `words` of the strategy of a run, or of all that work together."""
    every: dict[str, list[Part]] = {}
    for part in parts(one):
        every.setdefault(part.name, []).append(part)
    said = [about(name, own[0].options, numbers(own)) for name, own in every.items()]
    return joined(list(every), said)


def numbers(stages: Sequence[Part]) -> int:
    """That a strategy has learned, in all stages."""
    return sum(learned(part.now) for part in stages)


def learned(strategy: PositionEmbedding) -> int:
    """Numbers that training may move."""
    return sum(weight.numel() for weight in strategy.parameters())


def about(name: str, options: Mapping[str, Any], count: int) -> dict[str, Any]:
    """All there is to say of one strategy that has so many learned numbers."""
    entry = known(name)
    family = entry.facts.get("family", "") if entry else ""
    group = group_of(name, family)
    given = {key: value for key, value in flat(options).items() if not key.startswith("_")}
    facts = [data()["facts"][fact] for fact in facts_of(entry, given, count)]
    description = entry.description if entry else name
    starts = entry.facts.get("starts", "") if entry else ""
    learns = f"{counted(f'{count:,}', 'number')}" if count else "nothing"
    begins = f"They start: {ASIDE.sub('', starts)}." if count and starts else ""
    own = f"Here: {lower(description)}."
    return {
        "family": family,
        "kind": group["kind"],
        "description": description,
        "formula": entry.facts.get("formula", "") if entry else "",
        "paper": entry.paper if entry else "",
        "known_as": entry.known_as if entry else "",
        "acts": entry.facts.get("acts", "") if entry else "",
        "learns": learns,
        "new_grid": glossary.new_grid(given),
        "explanation": " ".join(filter(None, [group["explanation"], own, begins])),
        "pros": [*group["pros"], *(text for fact in facts for text in fact.get("pros", []))],
        "cons": [*group["cons"], *(text for fact in facts for text in fact.get("cons", []))],
    }


def facts_of(entry: catalogue.Entry | None, given: Mapping[str, Any], count: int) -> Iterator[str]:
    """Which of the facts hold for a strategy with these options."""
    if entry is None or entry.facts.get("family") == "none":
        return
    yield "learned" if count else "fixed"
    if "order" in given:
        yield "sequence"
    if "no direction" in entry.facts.get("axes", ""):
        yield "no_direction"
    if given.get("resample") in RESAMPLED and count:
        yield "resampled"
    if given.get("inject") in ("every_layer", "shared", "lape", "qk"):
        yield "every_block"
    if given.get("shared") is True and count:
        yield "shared"


def joined(names: Sequence[str], said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is said of several strategies that work together; of one, as it is."""
    first = dict(said[0])
    family, kind = first.pop("family"), first.pop("kind")
    if len(said) == 1:
        return {"family": family, "kind": kind, "words": first}
    both: dict[str, Any] = {}
    for key, value in first.items():
        if isinstance(value, list):
            both[key] = [f"{n}: {t}" for n, one in zip(names, said, strict=True) for t in one[key]]
        else:
            told = [f"{n}: {one[key]}" for n, one in zip(names, said, strict=True) if one[key]]
            both[key] = " · ".join(told)
    return {"family": "together", "kind": "several at once", "words": both}


def group_of(name: str, family: str) -> Mapping[str, Any]:
    """The group of a strategy; of one that is in none, what its family says."""
    for group in data()["groups"]:
        if name in group["members"]:
            return group
    text = data()["families"].get(family, "A strategy that is not part of vitpos.")
    return {"kind": family or "others", "explanation": text, "pros": [], "cons": []}


def kinds() -> list[str]:
    """All groups, in the order in which pages show them."""
    return [group["kind"] for group in data()["groups"]]


@cache
def data() -> dict[str, Any]:
    """What `words.yaml` holds."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return found


def known(name: str) -> catalogue.Entry | None:
    """The file of a strategy; None if it is one that is not known here."""
    try:
        return catalogue.entry(name)
    except BadInput:
        return None


def lower(text: str) -> str:
    """A sentence as the rest of another one: its first letter small, unless it is a name."""
    first, _, _ = text.partition(" ")
    return text if first[1:] != first[1:].lower() else text[:1].lower() + text[1:]
