"""What tells arms apart: the keys of their configs that are worth a column."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitpos.identities import COSMETIC

Value = str | int | float | bool

ALWAYS = (  # shown of a run by itself
    *("dataset.name", "patch.size", "backbone.depth", "backbone.dim"),
    *("training.epochs", "training.lr"),
)
ASIDE = ("seed", "embedding", *COSMETIC)
LARGEST, LONGEST = 1e300, 200  # of a number, of a text
FOLLOW = {"dataset": "dataset.name"}  # what differs only with the name is no column


@dataclass(frozen=True)
class Column:
    """A key, and the values that arms have for it."""

    name: str
    kind: str  # text, switch or number
    values: tuple[Value, ...]  # each once, in order; () where nobody knows them yet
    differs: bool = True


def hparams(config: Mapping[str, Any]) -> dict[str, Value]:
    """The few numbers of a resolved config that are shown of every run; never the seed."""
    every = flat(config)
    return {name: every[name] for name in ("embedding", *ALWAYS) if name in every}


def own(values: Mapping[str, Value]) -> list[Column]:
    """The columns of a run that knows of no others."""
    return [Column(name, kind([value]), (), False) for name, value in values.items()]


def flat(config: Mapping[str, Any]) -> dict[str, Value]:
    """A resolved config by dotted path, without the seed and what changes no number."""
    embedding = config.get("embedding")
    parts = embedding if isinstance(embedding, Mapping) else {}
    found: dict[str, Value] = {"embedding": "+".join(map(str, parts)) or "none"}
    rest = {key: item for key, item in config.items() if key not in ASIDE}
    found.update(leaves(rest, ""))
    found.update(leaves(parts, "embedding."))
    return found


def leaves(data: Mapping[Any, Any], before: str) -> Iterator[tuple[str, Value]]:
    """Values by dotted path; names that start with an underscore are of the machinery."""
    for key, item in data.items():
        name = f"{before}{key}"
        if str(key).startswith("_") or item is None:
            continue
        if isinstance(item, Mapping):
            yield from leaves(item, f"{name}.")
        else:
            yield name, tame(item)


def tame(item: Any) -> Value:
    """A value that a message can hold: anything but a switch or an ordinary number is text."""
    if isinstance(item, bool) or (isinstance(item, int | float) and abs(item) <= LARGEST):
        return item
    text = item if isinstance(item, str) else json.dumps(item, default=str)
    return text.encode(errors="replace").decode()[:LONGEST]


def varying(arms: Sequence[Mapping[str, Value]]) -> list[Column]:
    """The embedding, and each key for which two of these flat configs have different values.

    A key that only some of them have, and all of those alike, tells no more than the embedding.
    """
    found = []
    for name in dict.fromkeys(name for arm in arms for name in arm):
        values = [arm[name] for arm in arms if name in arm]
        leader = FOLLOW.get(name.partition(".")[0], name)
        if name != "embedding" and (len(distinct(values)) < 2 or follows(name, leader, arms)):
            continue
        differs = len(distinct(values)) > 1
        found.append(Column(name, kind(values), tuple(ordered(values)), differs))
    return found


def follows(name: str, leader: str, arms: Iterable[Mapping[str, Value]]) -> bool:
    """Whether a key has one value for each value of another key."""
    if name == leader:
        return False
    pairs = {(repr(arm.get(leader)), repr(arm.get(name))) for arm in arms}
    return len(pairs) == len({first for first, _ in pairs})


def shown(arm: Mapping[str, Value], columns: Sequence[Column]) -> dict[str, Value]:
    """What stands in the columns of an arm; nothing for a key that it has not."""
    return {
        column.name: str(arm[column.name]) if column.kind == "text" else arm[column.name]
        for column in columns
        if column.name in arm and (column.kind == "text" or kind([arm[column.name]]) == column.kind)
    }


def kind(values: Sequence[Value]) -> str:
    """What a column of these values holds; text holds anything."""
    if values and all(isinstance(value, bool) for value in values):
        return "switch"
    if values and not any(isinstance(value, bool | str) for value in values):
        return "number"
    return "text"


def distinct(values: Iterable[Value]) -> set[str]:
    """How many values there are, where True is not 1 and 1 is 1.0."""
    return {str(v) if isinstance(v, bool | str) else str(float(v)) for v in values}


def ordered(values: Sequence[Value]) -> list[Value]:
    """Each value once, as its column holds it."""
    if kind(values) == "text":
        return sorted({str(value) for value in values})
    return sorted(set(values), key=lambda value: (isinstance(value, str), value))
