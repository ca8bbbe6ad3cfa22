"""What a bench found, as text: titles, cells and the lines below, for whoever draws tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vitpos.words import bytes_words, count_words, seconds_words

Row = Mapping[str, Any]
NOTHING = "–"
FIRST = "first_step_"


class Sheet(NamedTuple):
    """One table."""

    title: str
    titles: list[str]
    lines: list[list[str]]  # cells as text, the name first
    below: list[str]


def sheets(part: Mapping[str, Any]) -> list[Sheet]:
    """All tables of a part."""
    return [sheet(table) for table in part["tables"]]


def sheet(table: Mapping[str, Any]) -> Sheet:
    """One table with the columns that any row has something for."""
    rows = table["rows"]
    columns = {
        title: [cell(row) if row["state"] in ("measured", "refused", "no time") else NOTHING
                for row in rows]
        for title, cell in COLUMNS.items()
    }  # fmt: skip
    columns["speed-up" if table["kind"] == "speed" else "cost"] = columns.pop("ratio")
    kept = {title: cells for title, cells in columns.items() if set(cells) != {NOTHING}}
    order = sorted(kept, key=lambda title: list(ORDER).index(title))
    lines = [[row["name"], *(kept[t][n] for t in order)] for n, row in enumerate(rows)]
    return Sheet(table["table"], ["", *order], lines, below(table))


def fitting(found: Sheet, width: int) -> Sheet:
    """The same without columns that there is no room for, in the order of `LEAVING`."""
    left_out = []
    for title in LEAVING:
        if wide(found) <= width:
            break
        if title in found.titles:
            at = found.titles.index(title)
            titles = [t for t in found.titles if t != title]
            lines = [[c for n, c in enumerate(line) if n != at] for line in found.lines]
            found = found._replace(titles=titles, lines=lines)
            left_out.append(title)
    if not left_out:
        return found
    said = f"left out at this width: {', '.join(left_out)}"
    return found._replace(below=[*found.below, said])


def wide(found: Sheet) -> int:
    """How many columns of a terminal it needs."""
    rows = [found.titles, *found.lines]
    names, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return min(names, NAME) + sum(GAP + other for other in others) + 2


def below(table: Mapping[str, Any]) -> list[str]:
    """What must be known to read it."""
    said = []
    if table["state"] != "measured":
        said.append(f"{table['state']}: {table['why']}")
    else:
        others = table["others"]
        busy = "" if others is None or others < 0.1 else f"; others used {others:.1f} cores"
        moved = table["reference_spread"]
        varied = f"; {table['reference']} itself varied by {moved:.0%}" if moved else ""
        forced = "; forced" if table["forced"] else ""
        said.append(f"{table['rounds']} rounds by {CLOCK[table['clock']]}{varied}{busy}{forced}")
    firsts = {key: value for key, value in table["facts"].items() if key.startswith(FIRST)}
    if firsts:
        each = (f"{key[len(FIRST) : -len('_seconds')]} {duration(firsts[key])}" for key in firsts)
        said.append(f"first step: {', '.join(each)}")
    for row in table["rows"]:
        said += [f"{row['name']}: {text}" for text in row.get("trouble", [])]
        if row["state"] not in ("measured", table["state"]):
            said.append(f"{row['name']}: {row['state']}, {row['why']}")
    return said


CLOCK = {"wall": "the wall's clock", "cpu": "CPU time", "device": "the GPU's clock"}


def summed(key: str, write: Callable[[float | int], str]) -> Callable[[Row], str]:
    """A median."""
    return lambda row: write(row[key]["median"]) if key in row else NOTHING


def plain(key: str, write: Callable[[float | int], str]) -> Callable[[Row], str]:
    """A number that has no spread."""
    return lambda row: write(row[key]) if row.get(key) is not None else NOTHING


def ratio(row: Row) -> str:
    """With its extremes."""
    if "ratio" not in row:
        return "1" if row["state"] == "measured" else NOTHING
    found = row["ratio"]
    return f"{found['median']:.2f} ({found['min']:.2f}-{found['max']:.2f})"


def duration(seconds: float | int) -> str:
    """Three figures, in seconds, milliseconds or microseconds."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def percent(share: float | int) -> str:
    """A share."""
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


COLUMNS: dict[str, Callable[[Row], str]] = {
    "time": summed("seconds", duration),
    "CPU time": summed("cpu_seconds", duration),
    "images/s": summed("images_per_second", lambda rate: f"{rate:,.0f}"),
    "ratio": ratio,
    "of bf16": summed("of_bf16_ceiling", percent),
    "of fp32": summed("of_fp32_ceiling", percent),
    "of copy": summed("of_copy_ceiling", percent),
    "to last": summed("lasting_share", percent),
    "memory": plain("peak_memory_bytes", bytes_words),
    "kept": plain("kept_bytes_per_image", lambda size: f"{size / 1024:,.0f} KiB"),
    "FLOPs": plain("flops_per_image", count_words),
    "position": plain("params_embedding", count_words),
}
ORDER = (
    "time",
    "CPU time",
    "images/s",
    "speed-up",
    "cost",
    "of bf16",
    "of fp32",
    "of copy",
    "to last",
    "memory",
    "kept",
    "FLOPs",
    "position",
)
LEAVING = ("CPU time", "of copy", "kept", "FLOPs", "of fp32", "position", "images/s", "memory")
GAP, NAME = 3, 14  # columns of a terminal: between two of a table, and of a name that is broken


def heading(part: Mapping[str, Any]) -> list[str]:
    """Where and when."""
    where = part["circumstances"]
    versions = where["versions"]
    names = [f"{name} {versions[name]}" for name in ("torch", "timm", "triton") if name in versions]
    load = " to ".join(
        f"{part[key][0]:.1f}" for key in ("load_before", "load_after") if key in part
    )
    chip = where["gpu"] or f"{where['cpu']}, {where['cores']} cores"
    took = f", {seconds_words(part['seconds'])}" if "seconds" in part else ""
    said = [f"{chip}; {', '.join(names)}; commit {where['commit']}; load {load}{took}"]
    return said + ([f"{part['state']}: {part['why']}"] if part["state"] != "done" else [])


def goal_lines(goals: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Each goal: its name, what it says, what is wanted, what was found, whether it is reached."""
    return [
        [
            goal["id"],
            goal["says"],
            f"{'at least' if goal['least'] else 'at most'} {goal['wanted']:g}",
            NOTHING if goal["found"] is None else f"{goal['found']:.3g}",
            {True: "reached", False: "not reached", None: "unknown"}[goal["reached"]]
            + (f": {goal['why']}" if goal["why"] else ""),
        ]
        for goal in goals
    ]
