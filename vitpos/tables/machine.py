"""Tables for programs.

csv has a line per arm. Its columns are always the same, so that files can be put below each other::

    question metric direction condition arm arm_identity baseline n planned
    failed diverged unfinished damaged without stopped missing
    mean mean_low mean_high lowest highest rank verdict
    difference difference_sd difference_low difference_high
    simultaneous_low simultaneous_high new_images_low new_images_high p holm sign_flip effect
    pairs wins wins_low wins_high correlation correlation_low correlation_high
    detectable detectable_low detectable_high needed
    failed_low failed_high diverged_low diverged_high
    params params_embedding params_extra flops_per_image
    images_per_second peak_memory_bytes train_seconds recipe

Values are in the unit of the metric (accuracies from 0 to 1), numbers in full, and what is not
known is empty. `verdict` is one of `statistics.Verdict`, or baseline, stopped, no result, not
compared. Text that a spreadsheet would take for a formula starts with a '.

json is an object: ``format`` 2; ``question metric direction alpha smallest_effect looks looked plan
deviations recipe caption warnings notes`` of the answer; ``arms``, each with the names above (null:
not known) and ``values`` (seed to value), ``lost`` (reason to seeds), ``pairs_of`` (the seeds of
the difference) and ``runs`` (path, name, seed, status, value); ``below``, the lines that stand
below a table, each with ``kind`` and ``text``. A new ``format`` is one that old programs misread.

Without timings the last three costs and the paths of runs are not there at all.
"""

import csv as tables
import io
from collections.abc import Mapping
from typing import Any

from vitpos.comparing.answer import COSTS, LOST, Row
from vitpos.plain import json_text
from vitpos.records import Record
from vitpos.statistics import Difference, Interval
from vitpos.tables.cells import Sheet
from vitpos.tables.remarks import remarks
from vitpos.tables.safe import visible

FORMAT = 2
CLOCK = ("images_per_second", "peak_memory_bytes", "train_seconds")
WHOLE = ("params", "params_embedding", "params_extra", "flops_per_image", "peak_memory_bytes")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that starts so is computed
KINDS = ("caption", "warning", "note")
Facts = dict[str, Any]


def csv(sheet: Sheet, *, timings: bool) -> str:
    """A line per arm, and one with the names."""
    rows = [facts(sheet, row, timings=timings) for row in sheet.answer.rows]
    file = io.StringIO()
    if rows:
        writer = tables.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: quoted(value) for name, value in row.items()} for row in rows)
    return file.getvalue().rstrip("\n")


def quoted(value: object) -> object:
    """Text that is no formula; numbers as they are."""
    if not isinstance(value, str):
        return value
    return f"'{visible(value)}" if value.startswith(FORMULA) else visible(value)


def json(sheet: Sheet, *, timings: bool) -> str:
    """Everything, with the value of each seed."""
    answer = sheet.answer
    below = remarks(sheet, timings=timings)
    said = {kind: [r.text for r in below if r.kind == kind] for kind in KINDS}
    data = {
        "format": FORMAT,
        "question": answer.question,
        "metric": answer.metric,
        "direction": answer.direction,
        "alpha": answer.alpha,
        "smallest_effect": answer.smallest_effect,
        "looks": answer.looks,
        "looked": answer.looked,
        "plan": answer.plan,
        "deviations": answer.deviations,
        "recipe": answer.recipe,
        "arms": [
            facts(sheet, row, timings=timings) | details(row, timings=timings)
            for row in answer.rows
        ],
        "caption": "; ".join(said["caption"]),
        "warnings": said["warning"],
        "notes": said["note"],
        "below": [{"kind": remark.kind, "text": remark.text} for remark in below],
    }
    return json_text(data)


def facts(sheet: Sheet, row: Row, *, timings: bool) -> Facts:
    """The numbers of one arm, by their names."""
    answer, values = sheet.answer, row.values.values()
    return {
        "question": answer.question,
        "metric": answer.metric,
        "direction": answer.direction,
        "condition": row.condition,
        "arm": row.label,
        "arm_identity": row.identity,
        "baseline": row.baseline or "",
        "n": len(values),
        "planned": len(values) + sum(map(len, row.lost.values())),
        **{reason: len(row.lost.get(reason, ())) for reason in LOST},
        "mean": row.mean,
        **ends("mean", row.interval),
        "lowest": min(values, default=None),
        "highest": max(values, default=None),
        "rank": row.rank,
        "verdict": word(row, sheet.base(row)),
        **compared(row.difference),
        **ends("failed", row.lost_share.get("failed")),
        **ends("diverged", row.lost_share.get("diverged")),
        **costs(row.costs, timings=timings),
        "recipe": row.recipe or answer.recipe,
    }


def compared(difference: Difference | None) -> Facts:
    """The numbers of a difference; all there, but empty, without one."""
    known = {} if difference is None else vars(difference)
    return {
        "difference": known.get("mean"),
        "difference_sd": known.get("sd"),
        **ends("difference", known.get("interval")),
        **ends("simultaneous", known.get("simultaneous")),
        **ends("new_images", known.get("new_images")),
        **{name: known.get(name) for name in ("p", "holm", "sign_flip", "effect")},
        "pairs": None if difference is None else len(difference.seeds),
        "wins": known.get("wins"),
        **ends("wins", known.get("share")),
        "correlation": known.get("correlation"),
        **ends("correlation", known.get("correlation_interval")),
        "detectable": known.get("detectable"),
        **ends("detectable", known.get("detectable_range")),
        "needed": known.get("needed"),
    }


def ends(name: str, interval: Interval | None) -> Facts:
    """Both ends of an interval."""
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def costs(found: Mapping[str, float | None], *, timings: bool) -> Facts:
    """What an arm cost; counts are whole numbers, though medians are not."""
    return {
        name: counted(found.get(name)) if name in WHOLE else found.get(name)
        for name in COSTS
        if timings or name not in CLOCK
    }


def counted(value: float | int | None) -> int | None:
    """A count."""
    return None if value is None else round(value)


def word(row: Row, base: Row | None) -> str:
    """The verdict as one of a few words."""
    if row.lost.get("stopped"):
        return "stopped"
    if not row.values:
        return "no result"
    if base is row:
        return "baseline"
    return "not compared" if row.difference is None else row.difference.verdict.value


def details(row: Row, *, timings: bool) -> Facts:
    """What has no place in one line."""
    return {
        "values": {str(seed): value for seed, value in sorted(row.values.items())},
        "lost": {reason: list(row.lost[reason]) for reason in LOST if row.lost.get(reason)},
        "pairs_of": [] if row.difference is None else list(row.difference.seeds),
        "runs": [run(row, record, timings=timings) for record in row.runs],
    }


def run(row: Row, record: Record, *, timings: bool) -> Facts:
    """One run of an arm."""
    where = {"path": str(record.path)} if timings else {}
    value = row.values.get(record.seed) if record.seed is not None else None
    return where | {
        "name": record.path.name,
        "seed": record.seed,
        "status": record.status,
        "value": value if record.status == "finished" else None,
    }
