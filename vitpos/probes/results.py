"""What probes found of a run, in its folder: numbers in `probes.json`, arrays in `probes/`.

::

    {"format": 1,
     "found": {"shuffle": {"probe": "shuffle", "asked": {}, "images": 1000,
                           "weights": {"step": 1350, "sha256": "0123..."},
                           "why_not": "", "numbers": {"probe/shuffle/drop": 0.41, ...},
                           "arrays": "probes/shuffle.npz",
                           "seconds": 1.9, "vitpos": "0.1.0", "at": "2026-11-22 ..."},
               "resolution rule=ntk": {...}}}

An entry is a probe and what it was asked beside the number of images. A newer one of the same name
takes its place; the others stay. `sha256` is that of the checkpoint with the weights.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitpos.durable import make_folder, read_json, write, write_json
from vitpos.errors import BadRun

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1
FILE = "probes.json"
FOLDER = "probes"

Entries = dict[str, dict[str, Any]]


def entry_name(probe: str, asked: Mapping[str, str]) -> str:
    """``resolution``, or ``resolution rule=ntk``."""
    return " ".join([probe, *(f"{key}={value}" for key, value in sorted(asked.items()))])


def read(path: Path) -> Entries:
    """All entries of a run; none if nothing was measured. Raises `BadRun` for a damaged file."""
    place = path / FILE
    if not place.exists():
        return {}
    found = read_json(place).get("found")
    if not isinstance(found, dict) or not all(isinstance(e, dict) for e in found.values()):
        raise BadRun(f"{place} is damaged: no entries", "delete it and probe the run again")
    return found


def add(
    path: Path, name: str, entry: Mapping[str, Any], arrays: "Mapping[str, np.ndarray]"
) -> None:
    """Keep what was found, beside what is there. Only for who holds the lock of the run."""
    import numpy as np  # who only reads numbers does without it

    told = dict(entry)
    if arrays:
        place = path / FOLDER / f"{name.replace(' ', '-').replace('/', '_')}.npz"
        make_folder(place.parent)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **dict(arrays))
        write(place, file.getvalue())
        told["arrays"] = f"{FOLDER}/{place.name}"
    write_json(path / FILE, {"format": FORMAT, "found": read(path) | {name: told}})


def numbers(path: Path, step: Any) -> dict[str, float]:
    """All numbers of the network as it was after `step` steps, by their whole names.

    Nothing for a run that was not probed, or whose file cannot be read.
    """
    try:
        found = read(path)
    except BadRun:
        return {}
    told: dict[str, float] = {}
    for entry in found.values():
        weights, known = entry.get("weights"), entry.get("numbers")
        if isinstance(weights, dict) and isinstance(known, dict) and weights.get("step") == step:
            told |= {n: v for n, v in known.items() if isinstance(v, int | float)}
    return told


def arrays(path: Path, name: str) -> "dict[str, np.ndarray]":
    """The arrays of an entry; none if there are none, or they cannot be read."""
    from vitpos import arrays as files

    try:
        place = read(path).get(name, {}).get("arrays")
        if not isinstance(place, str) or not (path / place).resolve().is_relative_to(
            path.resolve()
        ):
            return {}
        return files.read(path / place)
    except (BadRun, OSError, ValueError):  # the last two of a place that none can be
        return {}
