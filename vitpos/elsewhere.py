"""What a finished run reached on images of other sizes, as `vitpos eval` left it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from vitpos.durable import Lines
from vitpos.errors import BadRun
from vitpos.records import Record, part

SHORT = {"validation": "val"}  # splits by the names they have in metrics


def evaluations(run: Record) -> list[dict[str, Any]]:
    """All evaluations of a run, the latest last; raises `BadRun` if one before it is damaged."""
    return Lines(run.path / "evaluations.jsonl").read()


def sizes(run: Record, metric: str) -> dict[int, float]:
    """A metric (`test/accuracy`) by image size, the size of the training among them.

    Of the network as it was in the end, on its own data; what was evaluated again counts as it was
    found last. Nothing if the evaluations are damaged.
    """
    split, _, name = metric.partition("/")
    found = {}
    trained, own = run.summary.get("image_size"), run.number(metric)
    for row in ours(run):
        size, value, of = row.get("image_size"), row.get(name), str(row.get("split"))
        if SHORT.get(of, of) != split or not isinstance(size, int):
            continue
        if isinstance(value, int | float) and math.isfinite(value):
            found[size] = float(value)
    if isinstance(trained, int) and own is not None:
        found[trained] = own
    return dict(sorted(found.items()))


def ours(run: Record) -> Iterator[Mapping[str, Any]]:
    """The evaluations of the network as it was in the end, on the data it learned from."""
    try:
        rows = evaluations(run)
    except BadRun:
        return
    end, data = run.summary.get("steps"), part(run.record, "data").get("name")
    for row in rows:
        if row.get("step") == end and row.get("dataset") == data:
            yield row
