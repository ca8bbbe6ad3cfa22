"""Comparisons as text: for a terminal, for Markdown, and as CSV or JSON for programs."""

import csv
import io
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from vitpos.comparison import Arm, Comparison
from vitpos.plain import json_text
from vitpos.words import count_words

LOST = ("failed", "diverged", "unfinished", "damaged", "without")
COUNTS = ("params", "params_embedding", "flops_per_image")
GAP = 2  # columns of a terminal between two of a table
NAME = 14  # columns that the name of an arm has at least, before it is broken into lines
COST = "parameters"  # the first column of costs
Column = tuple[str, list[str]]  # title and cells


def facts(arm: Arm) -> dict[str, Any]:
    """The numbers of one arm, by the names that programs see."""
    values = arm.values
    return {
        "arm": arm.label,
        "n": len(values),
        "mean": statistics.fmean(values) if values else None,
        "lowest": min(values, default=None),
        "highest": max(values, default=None),
        **{name: counted(arm.median(f"cost/{name}")) for name in COUNTS},
        "images_per_second": arm.median("perf/images_per_second"),
        "train_seconds": arm.median("perf/train_seconds"),
        **{reason: arm.lost.get(reason, 0) for reason in LOST},
    }


def counted(value: float | None) -> int | None:
    """A count, which a median makes a float."""
    return None if value is None else round(value)


def columns(comparison: Comparison) -> list[Column]:
    """Title and cells; a reason for which no run was lost has no column."""
    rows = [facts(arm) for arm in comparison.arms]
    score = percent if comparison.metric.endswith("accuracy") else general
    shown: list[tuple[str, str, Callable[[float], str]]] = [
        ("n", "n", whole),
        (comparison.metric, "mean", score),
        ("lowest", "lowest", score),
        ("highest", "highest", score),
        *((reason, reason, whole) for reason in LOST if any(row[reason] for row in rows)),
        (COST, "params", whole),
        ("position", "params_embedding", whole),
        ("FLOPs", "flops_per_image", count_words),
        ("img/s", "images_per_second", whole),
        ("train s", "train_seconds", tenths),
    ]
    return [
        (title, ["-" if row[key] is None else say(row[key]) for row in rows])
        for title, key, say in shown
    ]


def percent(value: float | int) -> str:
    """A share."""
    return f"{value:.2%}"


def general(value: float | int) -> str:
    """A number of any size."""
    return f"{value:.4g}"


def whole(value: float | int) -> str:
    """A count."""
    return f"{value:,.0f}"


def tenths(value: float | int) -> str:
    """Seconds."""
    return f"{value:,.1f}"


def drawn(comparison: Comparison) -> str:
    """Tables for the terminal there is."""
    console = Console(highlight=False)
    with console.capture() as captured:
        show(comparison, console)
    return captured.get()


def show(comparison: Comparison, console: Console) -> None:
    """Print tables as wide as the terminal; a number is never cut, columns move to a new table."""
    names = [arm.label for arm in comparison.arms]
    for chosen in packed(columns(comparison), console.width - NAME - GAP):
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        table.add_column("arm", overflow="fold")
        for title, _ in chosen:
            table.add_column(title, justify="right", no_wrap=True)
        for name, *cells in zip(names, *(cells for _, cells in chosen), strict=True):
            table.add_row(name, *cells)
        console.print(table)
        console.print()
    for line in remarks(comparison):
        console.print(line, markup=False, highlight=False)


def packed(all_columns: Sequence[Column], width: int) -> list[list[Column]]:
    """The columns in as few tables as fit into `width`; what is broken is broken before a cost."""
    if sum(map(wide, all_columns)) <= width:
        return [list(all_columns)]
    costs = next(i for i, (title, _) in enumerate(all_columns) if title == COST)
    tables: list[list[Column]] = []
    for group in (all_columns[:costs], all_columns[costs:]):
        tables.append([])
        for column in group:
            if tables[-1] and sum(map(wide, tables[-1])) + wide(column) > width:
                tables.append([])
            tables[-1].append(column)
    return tables


def wide(column: Column) -> int:
    """How many columns of a terminal it takes."""
    title, cells = column
    return max(map(len, [title, *cells])) + GAP


def remarks(comparison: Comparison) -> list[str]:
    """What stands under the table."""
    return [
        comparison.caption,
        *(f"warning: {text}" for text in comparison.warnings),
        *(f"note: {text}" for text in comparison.notes),
    ]


def markdown(comparison: Comparison) -> str:
    """A table in GitHub's Markdown, and what must be known to read it."""
    chosen = columns(comparison)
    lines = [["arm", *(title for title, _ in chosen)], ["---"] + ["---:"] * len(chosen)]
    lines += [
        [arm.label, *(cells[row] for _, cells in chosen)] for row, arm in enumerate(comparison.arms)
    ]
    table = "\n".join("| " + " | ".join(map(escaped, line)) + " |" for line in lines)
    return "\n\n".join([table, *map(escaped, remarks(comparison))])


def escaped(text: str) -> str:
    """Text that Markdown takes as it is."""
    return "".join("\\" + letter if letter in "|*<`[" else letter for letter in text)


def comma_separated(comparison: Comparison) -> str:
    """A line per arm, numbers in full; remarks are not part of it."""
    rows = [{"metric": comparison.metric} | facts(arm) for arm in comparison.arms]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().rstrip("\n")


def json(comparison: Comparison) -> str:
    """Everything, with the value of each seed."""
    return json_text(
        {
            "format": 1,
            "metric": comparison.metric,
            "arms": [
                facts(arm) | {"arm_identity": arm.identity, "runs": [run(arm, r) for r in arm.runs]}
                for arm in comparison.arms
            ],
            "caption": comparison.caption,
            "warnings": comparison.warnings,
            "notes": comparison.notes,
        }
    )


def run(arm: Arm, record: Any) -> dict[str, Any]:
    """One run of an arm, for programs."""
    return {
        "path": str(record.path),
        "seed": record.seed,
        "status": record.status,
        "value": record.number(arm.metric) if record.status == "finished" else None,
    }


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "markdown": markdown,
    "csv": comma_separated,
    "json": json,
}
