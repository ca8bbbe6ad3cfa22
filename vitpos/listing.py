"""What `vitpos list` says, for programs and for people."""

import shutil
import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from vitpos import catalogue, config, records
from vitpos.bench.costs import Cost, Costs, newest, read
from vitpos.catalogue import Entry
from vitpos.errors import BadInput
from vitpos.probes import PROBES, definitions
from vitpos.runs import present
from vitpos.words import count_words

KEYS = {
    "embeddings": "embedding=...   how patches are told where they are",
    "datasets": "dataset=...     images",
    "backbones": "backbone=...    sizes of the transformer",
    "trainings": "training=...    how long and how it learns",
    "patches": "patch=...       how pixels become tokens",
    "tasks": "task=...        what is asked of an image",
    "studies": "study=...       questions: `vitpos sweep study=...`",
}
FAMILIES = ("none", "additive", "rotary", "bias", "contextual", "conditional", "values", "pixels")
TITLES = f"{'time':>6}{'memory':>8}{'FLOPs':>7}  "
ROOM = 40  # columns of text beside those of costs
NARROW, WIDE = 60, 200  # columns between which lines are fitted to the terminal


def listing(
    what: str | None, path: Path | None, bench: Path | None = None
) -> tuple[Any, list[str]]:
    """A group of configs, the runs in a folder, or what there is to list.

    Beside embeddings stands what they cost, by `bench` or the newest one of this machine. Raises
    `BadInput` for another group, `BadRun` for a folder that is not there.
    """
    top = catalogue.outputs() if path is None else path
    if what is not None and what.lower() in ("run", "runs"):
        if path is not None:
            present(path)
        runs = sorted(map(records.read, records.walk(top)), key=lambda run: run.created)
        return [records.plain(run) for run in runs], records.lines(runs, top) or [
            f"no runs in {top}"
        ]
    if what is not None and what.lower() in ("probe", "probes"):
        return probes(path)
    if what is not None:
        group = catalogue.group(what)
        if path is not None:
            raise BadInput(f"{path}: only runs are listed by folder", f"vitpos list {what}")
        if bench is not None and group != "embedding":
            raise BadInput(f"--bench {bench}: only embeddings have costs", "vitpos list embeddings")
        found = catalogue.entries(group)
        if group == "embedding":
            return embeddings(found, newest() if bench is None else read(bench))
        return catalogue.plain(found), lines(found, columns())
    counts = {name: len(config.options(group)) for name, group in catalogue.GROUPS.items()}
    runs_here = len(list(records.walk(top)))
    said = [f"{name:12}{count:4}   {KEYS[name]}" for name, count in counts.items()]
    said.append(f"{'probes':12}{len(PROBES):4}   vitpos probe RUN   what networks make of position")
    here = {"probes": len(PROBES), "runs": runs_here}
    return counts | here, [*said, f"{'runs':12}{runs_here:4}   in {top}"]


def probes(name: Path | None) -> tuple[Any, list[str]]:
    """All probes in short, or the whole definition of one; raises `BadInput` for another name."""
    if name is not None:
        one = definitions.definition(str(name))
        return definitions.plain(one), definitions.lines(one)
    found = definitions.definitions()
    indent = max(len(one.name) for one in found) + 2
    said = [
        line
        for one in found
        for line in beside(f"{one.name:{indent}}", (one.short, one.source), columns())
    ]
    plain = [definitions.plain(one) for one in found]
    return plain, [*said, "", "vitpos list probes NAME: the whole definition"]


def columns() -> int:
    """How wide the terminal is, within reason; a pipe is as wide as a screen usually is."""
    return min(WIDE, max(NARROW, shutil.get_terminal_size((100, 24)).columns))


def lines(found: list[Entry], width: int) -> list[str]:
    """What each is, and below it what else its file says of itself."""
    indent = max((len(entry.name) for entry in found), default=0) + 2
    said = []
    for entry in found:
        texts = [entry.description, entry.known_as, entry.paper]
        measured = [f"{catalogue.MEASURED[word]}: {text}" for word, text in entry.facts.items()]
        texts += ["; ".join(measured)] if measured else []
        said += beside(f"{entry.name:{indent}}", texts, width)
    return said


def beside(first: str, texts: Iterable[str], width: int) -> list[str]:
    """Texts below one another, the first of them right of a name."""
    said: list[str] = []
    for text in texts:
        said += textwrap.wrap(
            text,
            width,
            initial_indent=first if not said else " " * len(first),
            subsequent_indent=" " * len(first),
            break_on_hyphens=False,
            break_long_words=False,
        )
    return said


def embeddings(found: list[Entry], costs: Costs | None) -> tuple[Any, list[str]]:
    """All of them, with their costs if a bench tells."""
    plain = catalogue.plain(found)
    if costs is None:
        return plain, families(found, columns())
    for data in plain:
        cost = costs.by_name.get(data["name"])
        data["cost"] = None if cost is None else cost.plain()
    return plain, families(found, columns(), costs)


def families(found: list[Entry], width: int, costs: Costs | None = None) -> list[str]:
    """Embeddings by family: what each does, where it acts, what it learns, by whom it is.

    Their costs stand in columns between name and text, or below it in a narrow terminal.
    """
    indent = max((len(entry.name) for entry in found), default=0) + 4
    roomy = costs is not None and width >= indent + len(TITLES) + ROOM
    said = ["", *heading(costs, indent if roomy else 0)] if costs else []
    for family, members in groupby(sorted(found, key=place), key=family_of):
        said += ["", f"{family}:"]
        for entry in members:
            texts = [entry.description, short(entry), source(entry)]
            first = f"  {entry.name:{indent - 2}}"
            if costs is not None and roomy:
                first += cells(costs.by_name.get(entry.name))
            elif costs is not None:
                texts.insert(1, f"cost: {' '.join(cells(costs.by_name.get(entry.name)).split())}")
            said += beside(first, texts, width)
    return said[1:]


def heading(costs: Costs, indent: int) -> list[str]:
    """What the columns are; times what `none` takes."""
    said = f"time, memory and FLOPs as multiples of none: {costs.said}"
    return [said, *([f"{'':{indent}}{TITLES}"] if indent else [])]


def cells(cost: Cost | None) -> str:
    """Under `TITLES`, as wide as they are."""
    if cost is None:
        return f"{'–':>6}{'':{len(TITLES) - 6}}"
    time, memory, flops = (
        "–" if share is None else f"{share:.2f}" for share in (cost.time, cost.memory, cost.flops)
    )
    return f"{time:>6}{memory:>8}{flops:>7}  "


def family_of(entry: Entry) -> str:
    """The family that its file names."""
    return entry.facts.get("family", "other")


def place(entry: Entry) -> tuple[int, str, str]:
    """Where it stands among all: families in the order of the text books, then by name."""
    family = family_of(entry)
    known = FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)
    return known, family, entry.name


def short(entry: Entry) -> str:
    """Where it acts, what it learns, how it meets a new grid."""
    learned = entry.parameters
    count = "" if learned is None else f"{count_words(learned)} parameters" if learned else "fixed"
    resized = "resample" in entry.options and "new_grid" not in entry.options
    rule = f"new grid: {f'table resized, {entry.new_grid}' if resized else entry.new_grid or 'any'}"
    return "; ".join(text for text in (entry.facts.get("acts", ""), count, rule) if text)


def source(entry: Entry) -> str:
    """What the field calls it, and by whom it is."""
    return ". ".join(text for text in (entry.known_as, entry.paper) if text)
