"""What stands at the root of TensorBoard: what was asked, what came out so far, how to read it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitpos.boards.placing import Group
from vitpos.durable import read_json
from vitpos.errors import BadRun
from vitpos.records import part
from vitpos.statistics import mean_interval
from vitpos.sweeps import frozen

METRIC = "test/accuracy"
MOST = 200  # rows of a table that somebody reads
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")
READING = """
# How to read this

- A run is `study/arm/seed`; `study/arm/mean` is the mean of the arm's finished runs. Colour by the
  regex `^[^/]+/([^/]+)`, and an arm has one colour; filter runs by `/mean$` to see arms alone.
- HPARAMS has a row for each arm: means over its runs, in columns those keys in which arms differ.
- CUSTOM SCALARS draws the mean curves with 95 % t intervals over seeds: where the mean over all
  seeds lies, not where runs lie. Fewer than three finished runs give a mean and no interval.
- IMAGES has what position embeddings look like at the start, after epochs 1, 2, 4 ... and at the
  end; PROJECTOR has the cells of a position table as points, by row and column, of a run of an arm.
- Two intervals that overlap may still be of different arms, and many that are looked at will show
  something. `vitpos compare` pairs the seeds, corrects for the number of arms, and gives a verdict.
"""


def guide(found: Sequence[Group]) -> str:
    """All of it, as Markdown."""
    studies: dict[str, list[Group]] = {}
    for group in found:
        studies.setdefault(group.study, []).append(group)
    parts = [f"{asked(name, own[0])}\n{table(own)}\n" for name, own in studies.items()]
    return "\n".join([*parts, READING])


def asked(name: str, group: Group) -> str:
    """The question of a study, as it was frozen; only its name if it was not."""
    plan = latest(group.runs[0].path.resolve().parent)
    design = part(plan, "design")
    lines = [f"# {escape(name)}", ""]
    if design.get("question"):
        lines += [escape(design["question"]), ""]
    if plan.get("digest"):
        lines += [f"Plan {escape(plan['digest'])[:12]}, frozen {escape(plan.get('created'))}.", ""]
    return "\n".join(lines)


def latest(place: Path) -> Mapping[str, Any]:
    """The last plan of a study's folder that can be read, as plain data."""
    for path in reversed(frozen.plans(place)):
        try:
            return read_json(path)
        except BadRun:
            continue
    return {}


def table(found: Sequence[Group]) -> str:
    """Each arm's accuracy on the test images, the best first."""
    rows = []
    for group in found:
        values = [v for run in group.finished if (v := run.number(METRIC)) is not None]
        mean = sum(values) / len(values) if values else None
        limits = mean_interval(values)
        interval = f"{limits.low:.2%} to {limits.high:.2%}" if limits else ""
        said = "" if mean is None else f"{mean:.2%}"
        cells = (escape(group.arm), len(values), len(group.runs), said, interval)
        rows.append((-(mean or 0.0), "| {} | {} of {} | {} | {} |".format(*cells)))
    head = ["| arm | runs | test accuracy | 95 % interval |", "| --- | --- | --- | --- |"]
    more = [f"\n... and {len(rows) - MOST} more arms."] if len(rows) > MOST else []
    return "\n".join([*head, *(text for _, text in sorted(rows)[:MOST]), *more])


def escape(text: Any) -> str:
    """Text that is no Markdown, in a line."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).encode(errors="replace").decode().split()))
