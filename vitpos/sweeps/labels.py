"""Short names for the arms of a grid: what differs, as a folder may be called."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitpos import config
from vitpos.sweeps.studies import text

LONGEST = 60  # letters of a name; the folder's has the seed and the identity too
ODD = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Axis:
    """A key and its values."""

    key: str
    values: tuple[Any, ...]


def arm_name(order: Sequence[Axis], values: Sequence[Any], common: Mapping[str, Any]) -> str:
    """``rope2d-lr0.002``; of one arm alone, its embedding."""
    parts = [label(axis, value, order) for axis, value in zip(order, values, strict=True)]
    name = "-".join(parts) or ODD.sub("_", str(common.get("embedding") or "default"))
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST - 9]}-{digest}"


def label(axis: Axis, value: Any, axes: Sequence[Axis]) -> str:
    """A value of an axis in a name: of a group its file, of a number ``lr0.002``."""
    if axis.key in config.GROUPS:
        return str(value).replace("-", "_")
    key, spelled = shortest(axis.key, [other.key for other in axes]), text(value)
    short = f"{value:.4g}" if isinstance(value, float) and len(spelled) > 10 else spelled
    safe = ODD.sub("_", short).strip("_")
    if safe != spelled:  # two values may look the same then
        safe += f"_{hashlib.sha256(spelled.encode()).hexdigest()[:4]}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{key}{safe}" if number else f"{key}_{safe}"


def shortest(key: str, keys: Sequence[str]) -> str:
    """The last words of a dotted key, as many as tell it from the others."""
    parts = key.replace("*", "all").split(".")
    for count in range(1, len(parts)):
        end = ".".join(parts[-count:])
        if sum(other.replace("*", "all").endswith(f".{end}") or other == end for other in keys) < 2:
            return end
    return ".".join(parts)
