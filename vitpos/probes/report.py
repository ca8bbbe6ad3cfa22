"""What probes found, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitpos.hints import command
from vitpos.words import counted

if TYPE_CHECKING:
    from vitpos.probes.running import Probed


def plain(found: "Sequence[Probed]") -> list[dict[str, Any]]:
    """For programs: a run with its numbers and all that is known of them."""
    return [
        {
            "path": str(one.path),
            "numbers": {n: v for e in one.entries.values() for n, v in e["numbers"].items()},
            "probes": one.entries,
            "measured": one.measured,
        }
        for one in found
    ]


def lines(found: "Sequence[Probed]", paths: Sequence[Path]) -> list[str]:
    """All numbers of one run; of several, where they are and how to compare them."""
    if len(found) == 1:
        return list(tables(found[0]))
    said = [f"{one.path}: {summary(one)}" for one in found]
    metric = next((name for one in found for name in headlines(one)), "probe/shuffle/drop")
    for name in dict.fromkeys(why for one in found for why in refused(one)):
        said.append(f"not measured: {name}")
    return [*said, command("compare", *paths, "--metric", metric)]


def headlines(one: "Probed") -> Iterator[str]:
    """Numbers that say in short what a probe found, its accuracy on unchanged images aside."""
    for entry in one.entries.values():
        for name in entry["numbers"]:
            if name.count("/") == 2 and not name.endswith("/accuracy"):
                yield name


def refused(one: "Probed") -> Iterator[str]:
    """Which probes could not be measured, and why."""
    for name, entry in one.entries.items():
        if entry["why_not"]:
            yield f"{name}: {entry['why_not']}"


def summary(one: "Probed") -> str:
    """What was done of a run."""
    before = len(one.entries) - len(one.measured)
    there = f", {before} were there" if before else ""
    return f"{counted(len(one.measured), 'probe')} measured{there}"


def tables(one: "Probed") -> Iterator[str]:
    """A table for each probe."""
    yield f"{one.path}: {summary(one)}"
    for name, entry in one.entries.items():
        if entry["why_not"]:
            yield from ("", f"{name}: not measured: {entry['why_not']}")
            continue
        images = counted(f"{entry['images']:,}", "image")
        yield from ("", f"{name}: {images}, {entry['seconds']:.1f} s")
        start = len(f"probe/{entry['probe']}/")
        yield from table({key[start:]: value for key, value in entry["numbers"].items()})


def table(numbers: Mapping[str, float]) -> Iterator[str]:
    """Numbers with a plain name below one another, the others by rows and columns."""
    single = {name: value for name, value in numbers.items() if "/" not in name}
    rows: dict[str, dict[str, float]] = {}
    for name, value in numbers.items():
        row, slash, column = name.rpartition("/")
        if slash:
            rows.setdefault(row, {})[column] = value
    width = max(map(len, (*single, *rows)), default=0)
    for name, value in single.items():
        yield f"  {name:{width}}  {value:9.4f}"
    columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
    if columns:
        wide = [max(9, len(column)) for column in columns]
        yield f"  {'':{width}}" + "".join(
            f"  {column:>{w}}" for column, w in zip(columns, wide, strict=True)
        )
        for name, cells in rows.items():
            said = [
                f"  {cells[column]:{w}.4f}" if column in cells else f"  {'':{w}}"
                for column, w in zip(columns, wide, strict=True)
            ]
            yield f"  {name:{width}}{''.join(said)}".rstrip()
