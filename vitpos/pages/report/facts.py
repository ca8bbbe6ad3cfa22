"""What a card says in words and numbers: what it reached, what it is, where it comes from."""

from collections.abc import Iterator, Mapping
from typing import Any

from vitpos.comparing.answer import Row
from vitpos.tables import cells
from vitpos.tables.cells import Sheet
from vitpos.tables.numbers import NOTHING
from vitpos.words import count_words, seconds_words

DIGITS = 12  # of a digest that are shown
WORDS = (  # of a strategy, as a card lists them
    ("formula", "Formula"),
    ("acts", "Acts on"),
    ("learns", "Learns"),
    ("new_grid", "On a new grid"),
    ("paper", "Paper"),
    ("known_as", "Also called"),
)


def reached(sheet: Sheet, name: str) -> str:
    """What the arm of this name reached, and what may be said of it."""
    row = row_of(sheet, name)
    if row is None:
        return ""
    said = f"{sheet.answer.metric} {cells.mean(sheet, row)} {sheet.scale.unit}".rstrip()
    said += f", n = {cells.count(sheet, row)}"
    if row.difference is None:
        return f"{said}; {cells.verdict(sheet, row)}"
    difference = cells.difference(sheet, row.difference)
    return f"{said}; {difference} {sheet.scale.points} against {row.baseline}: " + cells.verdict(
        sheet, row
    )


def row_of(sheet: Sheet, name: str) -> Row | None:
    """The row that a card is of."""
    return next((row for row in sheet.answer.rows if row.label == name), None)


def told(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts about the strategy; a paper is told by its address, too."""
    words = card.get("words") or {}
    return [(title, str(words[key])) for key, title in WORDS if words.get(key)]


def cost(card: Mapping[str, Any]) -> str:
    """What it costs."""
    found: Mapping[str, Any] = card.get("cost") or {}
    said = {
        "params": lambda x: f"{x:,.0f} parameters",
        "params_embedding": lambda x: f"{x:,.0f} of them position",
        "flops_per_image": lambda x: f"{count_words(x)} FLOPs an image",
        "images_per_second": lambda x: f"{x:,.0f} images a second",
        "train_seconds": lambda x: f"{seconds_words(x)} of training",
    }
    return ", ".join(say(found[key]) for key, say in said.items() if found.get(key) is not None)


def provenance(card: Mapping[str, Any]) -> str:
    """The run that the pictures are of."""
    return ", ".join(origin(card.get("provenance") or {}))


def origin(known: Mapping[str, Any]) -> Iterator[str]:
    """A fact after the other; what is not known is left out."""
    if known.get("run"):
        yield f"run {known['run']}"
    for key, word in (("seed", "seed"), ("step", "step"), ("epochs", "epochs")):
        if known.get(key) is not None:
            yield f"{word} {known[key]}"
    if known.get("commit"):
        tree = f" ({known['tree']})" if known.get("tree") else ""
        yield f"commit {str(known['commit'])[:DIGITS]}{tree}"
    for key, word in (("digest", "data"), ("checkpoint", "weights")):
        if known.get(key):
            yield f"{word} sha256 {str(known[key])[:DIGITS]}"
    if known.get("vitpos"):
        yield f"vitpos {known['vitpos']}"
    if known.get("device"):
        yield f"on {known['device']}, {known.get('precision') or 'fp32'}"


def nothings(card: Mapping[str, Any]) -> list[str]:
    """Why a strategy, or a part of it, has no picture of its own."""
    return [str(one["why"]) for one in card["objects"] if one["kind"] == "nothing"]


def result(sheet: Sheet, name: str) -> str:
    """The mean alone, for where there is little room."""
    row = row_of(sheet, name)
    if row is None or row.mean is None:
        return NOTHING
    return f"{cells.mean(sheet, row).partition(' ')[0]} {sheet.scale.unit}".rstrip()
