"""The file of a bench, written whole each time something new is known.

``format`` 2 holds ``parts`` by name. A part has its ``circumstances`` (date, command, commit,
machine, versions), the ``load`` before and after, ``seconds``, and ``tables``. A table has a
``reference``, its ``reference_spread``, the ``clock`` that ratios are by, a ``state`` (measured,
refused with a ``why``) and ``rows``; a row has a ``state`` (measured, missing, failed, no time,
refused) and, where measured, ``seconds`` of a step, ``ratio`` to the reference and what else is
known: each with median, extremes and n. ``goals`` are judged anew with every part.
"""

from pathlib import Path
from typing import Any

from vitpos.data.files import cache
from vitpos.durable import make_folder, read_json, write_json
from vitpos.errors import BadRun
from vitpos.plain import finite

FORMAT = 2
Record = dict[str, Any]


def kept() -> Path:
    """The folder of all benches on this machine: `~/.cache/vitpos/bench`."""
    return cache() / "bench"


def new(date: str, device: str) -> Path:
    """Where a bench is kept that began then."""
    stamp = "".join(letter for letter in date[:19] if letter.isdigit() or letter == "T")
    return kept() / f"{stamp}-{device}.json"


def empty() -> Record:
    """Nothing measured yet."""
    return {"format": FORMAT, "parts": {}, "goals": []}


def read(path: Path) -> Record:
    """A bench; raises `BadRun` for what is none, or is of the format before."""
    data = read_json(path)
    if data.get("format") != FORMAT or not isinstance(data.get("parts"), dict):
        raise BadRun(f"{path} is no bench of this version", "vitpos bench --json FILE")
    return data


def begun(path: Path | None) -> Record:
    """The bench in this file, whose other parts stay; nothing if there is none."""
    return read(path) if path is not None and path.exists() else empty()


def save(record: Record, *paths: Path | None) -> None:
    """Replace the files, all or nothing each."""
    for path in paths:
        if path is not None:
            make_folder(path.absolute().parent)
            write_json(path, finite(record))
