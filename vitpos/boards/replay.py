"""What the folder of a run tells of it, read back as numbers.

`config.yaml` and `metrics.jsonl` must be there; `timings.jsonl`, `summary.json` and `record.json`
need not. Every error is a BadRun that names the file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitpos import seals
from vitpos.durable import Lines, read_json
from vitpos.errors import BadRun
from vitpos.plain_yaml import read_yaml
from vitpos.received import content
from vitpos.records import LARGEST, finite

LONGEST = 2**28  # bytes of all lines of a run
MOST_STEPS = 2**63  # as TensorBoard counts them


@dataclass(frozen=True)
class Replay:
    """A run as it was, or as far as it came."""

    config: dict[str, Any]
    config_text: str
    group: str  # names the arm: `group` of record.json, else from the folder's name
    started: float  # seconds since 1970: `started` of record.json, else the age of config.yaml
    rows: list[dict[str, float | int]]  # metrics and timings together, one row per step, in order
    summary: dict[str, Any]
    status: Any  # of summary.json, else of record.json


def replay(folder: Path) -> Replay:
    """Read all of it."""
    text = _read(folder / "config.yaml")
    config = read_yaml(folder / "config.yaml").data
    if not isinstance(config, dict):
        raise BadRun(f"`{folder / 'config.yaml'}` is not a config")
    summary, record = _document(folder / "summary.json"), _document(folder / "record.json")
    started = finite(record.get("started"))
    if started is None:
        started = (folder / "config.yaml").stat().st_mtime
    return Replay(
        config=config,
        config_text=seals.text_of_yaml(text),
        group=str(record.get("group") or _arm(folder.resolve())),
        started=started,
        rows=rows(folder),
        summary=summary,
        status=summary.get("status", record.get("status")),
    )


def numbers(values: dict[str, Any]) -> dict[str, float | int]:
    """Those of the values that are numbers, and no larger ones than a float can be."""
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, float) or (isinstance(value, int) and abs(value) <= LARGEST)
    }


def _read(path: Path) -> str:
    try:
        return content(path, LONGEST, links=False).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadRun(f"cannot read `{path}`: {reason}", "is this the folder of a run?") from None


def _document(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def rows(
    folder: Path, names: Sequence[str] = ("metrics.jsonl", "timings.jsonl")
) -> list[dict[str, float | int]]:
    """A row per step of the files of these names; what was told last of a step holds."""
    found: dict[float | int, dict[str, float | int]] = {}
    for path in (folder / name for name in names):
        if path.name == "metrics.jsonl" and not path.exists():
            raise BadRun(f"`{path}` is not there", "is this the folder of a run?")
        for row in _lines(path):
            found.setdefault(row["step"], {}).update(row)
    return [found[step] for step in sorted(found)]


def _lines(path: Path) -> Iterator[dict[str, float | int]]:
    for number, row in enumerate(Lines(path).read(), start=1):
        step = row.get("step")
        if not isinstance(step, int) or not 0 <= step < MOST_STEPS:
            raise BadRun(f"`{path}`, line {number}, is not a row with a step")
        yield numbers(row)


def _arm(folder: Path) -> str:
    """`study/arm`, where the folder is `study/arm-s<seed>-<hash8>`."""
    return f"{folder.parent.name}/" + re.sub(r"-s\d+-[0-9a-f]{8}$", "", folder.name)
