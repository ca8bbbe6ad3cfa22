"""What a run is known by: the digest of all that can change one of its numbers.

Two runs of one identity are the same run, whatever they are called and wherever they lie.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from vitpos.schema import Run

# What a run is called and where it lies does not change its numbers.
COSMETIC = ("outputs", "study", "name", "notes", "device", "threads", "tensorboard")

# `auto` is what `false` was while it was the default: as this device does it by itself.
BEFORE_AUTO = {"auto": False, "off": False, "on": True}


def identity(run: Run) -> str:
    """64 hexadecimal digits that two runs share if they compute the same numbers."""
    return fingerprint(asdict(run))


def arm_identity(run: Run) -> str:
    """What the runs of one arm share, whatever their seed, and with no other arm."""
    return fingerprint(without_seed(asdict(run)))


def without_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as plain data, of the arm and not of one run."""
    return {key: value for key, value in config.items() if key != "seed"}


def fingerprint(config: Mapping[str, Any]) -> str:
    """A digest of what can change a number in a config, given as plain data."""
    data = essence(config)
    data["embedding"] = list(data["embedding"].items())  # strategies speak in this order
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def essence(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without names, places, how often it is saved, and what changes nothing."""
    data = {k: v for k, v in config.items() if k not in COSMETIC}
    data["dataset"] = {k: v for k, v in data["dataset"].items() if k != "root"}
    data["training"] = {k: v for k, v in data["training"].items() if k != "checkpoint_seconds"}
    if "compile" in data:
        data["compile"] = BEFORE_AUTO.get(data["compile"], data["compile"])
    return without_neutral(data, Run)


def without_neutral(config: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """A config without keys at the value they have in runs that are older than the key."""
    found, parts = dict[str, Any](), {f.name: f for f in fields(kind)}
    for name, item in config.items():
        rules, part = parts[name].metadata, parts[name].type
        if is_dataclass(part):
            own = rules.get("kinds", {}).get(str(item.get("kind")), part)
            found[name] = without_neutral(item, own)
        else:
            found[name] = item
        if "absent" in rules and found[name] == rules["absent"]:
            del found[name]
    return found


def arm(run: Run) -> str:
    """A short name for the run without its seed."""
    return run.name or usual(run.dataset.name, run.task.kind, run.embedding)


def usual(dataset: str, task: str, embeddings: Iterable[str]) -> str:
    """What an arm is called if nobody gave it a name."""
    asked = [] if task == "classify" else [task]
    return "-".join([dataset, *asked, "+".join(embeddings)])


def row_of(run: Run) -> str:
    """The name of the arm in tables of many: no other arm has it."""
    return f"{arm(run)}-{arm_identity(run)[:8]}"
