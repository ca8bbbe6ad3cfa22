"""What embeddings cost, as a bench found it: for lists, without torch."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitpos.bench import record
from vitpos.errors import BadRun
from vitpos.words import counted


@dataclass(frozen=True)
class Cost:
    """Of one strategy; shares are of what `none` takes, None where nobody measured."""

    time: float | int | None
    time_low: float | int | None
    time_high: float | int | None
    memory: float | int | None
    flops: float | int | None
    parameters: int | None
    why: str = ""  # there is no time

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True)
class Costs:
    """All there are in a bench, and where they were measured."""

    by_name: dict[str, Cost]
    said: str
    path: Path


def newest() -> Costs | None:
    """Those of the newest bench that was kept on this machine and has some; None: there is none."""
    paths = sorted(record.kept().glob("*.json"), reverse=True)
    for path in paths:
        try:
            found = read(path)
        except BadRun:
            continue
        return found
    return None


def read(path: Path) -> Costs:
    """Those of a bench; raises `BadRun` if it has none."""
    part = record.read(path)["parts"].get("embeddings")
    if not part or not part["tables"]:
        raise BadRun(f"{path} has no costs of embeddings", f"vitpos bench embeddings --json {path}")
    found = dict[str, Cost]()
    for table in part["tables"]:
        rows = {row["name"]: row for row in table["rows"]}
        for name, row in rows.items():
            if name not in found or found[name].time is None:
                found[name] = cost(row, rows["none"])
    return Costs(found, heading(part), path)


def cost(row: dict[str, Any], none: dict[str, Any]) -> Cost:
    """One row against that of `none`."""
    own = row["name"] == "none" and row["state"] == "measured"
    time = {"median": 1.0, "min": 1.0, "max": 1.0} if own else row.get("ratio") or {}
    held = "peak_memory_bytes" if "peak_memory_bytes" in row else "kept_bytes_per_image"
    return Cost(
        time.get("median"),
        time.get("min"),
        time.get("max"),
        share(row, none, held),
        share(row, none, "flops_per_image"),
        row.get("params_embedding"),
        row.get("why", ""),
    )


def share(row: dict[str, Any], none: dict[str, Any], key: str) -> float | int | None:
    """How many times that of `none`."""
    ours, theirs = row.get(key), none.get(key)
    return ours / theirs if ours is not None and theirs else None


def heading(part: dict[str, Any]) -> str:
    """Where and when, in a line."""
    where = part["circumstances"]
    facts = part["tables"][0]["facts"]
    chip = where["gpu"] or f"{where['cpu']}, {counted(facts['threads'], 'thread')}"
    return f"{chip}, batch {facts['batch']}, {where['date'][:10]}"
