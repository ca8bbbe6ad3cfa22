"""Switches: options that mean the same for every strategy that has them.

A strategy has a switch if its file in `configs/embedding` names it. A file may allow less than all
the values (`_needs_`), where a strategy cannot follow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vitpos.errors import Problem
from vitpos.typed import limits


@dataclass(frozen=True)
class Switch:
    """What it is for, which strategies have it, and what it may be."""

    what: str
    where: str
    rules: Mapping[str, Any]


INJECT = ("input", "every_layer", "shared", "lape", "concat", "qk")
# `vitpos.embeddings.coordinates` says what they are.
COORDS = (
    "index",
    "index1",
    "centre",
    "unit",
    "corner",
    "corner01",
    "fraction",
    "turn",
    "aspect",
    "longer",
    "shorter",
)
NEW_GRID = ("extrapolate", "rescale", "pi", "ntk", "yarn")
ORDERS = ("raster", "snake", "hilbert", "morton", "spiral", "random")
PAIRINGS = ("neighbours", "halves", "quarters")
RESAMPLE = ("bicubic", "bilinear", "corners", "nearest")
PREFIX = ("none", "learned", "identity", "centre", "before", "origin", "zero")

SWITCHES = {
    "inject": Switch(
        "how vectors get into the network", "that add vectors to tokens", {"one_of": INJECT}
    ),
    "coords": Switch(
        "the unit that rows and columns are counted in", "of coordinates", {"one_of": COORDS}
    ),
    "new_grid": Switch("how another grid is met", "of coordinates", {"one_of": NEW_GRID}),
    "augment": Switch("how coordinates move while training", "of coordinates", {}),
    "augment.shift": Switch(
        "of each axis, in halves of the image", "of coordinates", {"at_least": 0, "at_most": 2}
    ),
    "augment.jitter": Switch(
        "stretch of each axis, up to this factor", "of coordinates", {"at_least": 1, "at_most": 16}
    ),
    "augment.rescale": Switch(
        "stretch of both axes, up to this factor", "of coordinates", {"at_least": 1, "at_most": 16}
    ),
    "augment.local": Switch(
        "of every cell, in cells", "of coordinates", {"at_least": 0, "at_most": 2}
    ),
    "order": Switch(
        "the sequence that cells are counted in", "of one dimension", {"one_of": ORDERS}
    ),
    "resample": Switch("how a table is resized", "with a table", {"one_of": RESAMPLE}),
    "antialias": Switch("whether a table is averaged when it shrinks", "with a table", {}),
    "pairing": Switch("which channels turn together", "that rotate", {"one_of": PAIRINGS}),
    "fraction": Switch(
        "the share of channels that turn", "that rotate", {"above": 0, "at_most": 1}
    ),
    "prefix": Switch("what CLS and registers get", "with a choice there", {"one_of": PREFIX}),
}


def flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with dotted names for those within others."""
    found: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, Mapping) and not key.startswith("_"):
            found |= {f"{key}.{inner}": item for inner, item in flat(value).items()}
        else:
            found[key] = value
    return found


def on_new_grid(embedding: Mapping[str, Mapping[str, Any]]) -> str:
    """What the strategies of a run do on a grid that is not that of the training."""
    said = []
    for options in embedding.values():
        if "new_grid" in options and "resample" not in options:
            said.append(str(options["new_grid"]))
        elif "resample" in options:
            antialias = ", antialiased" if options.get("antialias") else ""
            said.append(f"table resized {options['resample']}{antialias}")
    return " + ".join(said) or "any"


def problems(name: str, options: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the switches of one strategy."""
    for key, value in flat(options).items():
        if key in SWITCHES:
            yield from limits(value, f"embedding.{name}.{key}", SWITCHES[key].rules)


def missing(key: str) -> str | None:
    """Why a strategy lacks `embedding.NAME.KEY`, if that is a switch of others."""
    _, _, switch = key.removeprefix("embedding.").partition(".")
    if not key.startswith("embedding.") or switch not in SWITCHES:
        return None
    return f"{switch} is a switch of strategies {SWITCHES[switch].where}"
