"""How often the results of a study were looked at.

Whoever looks again and again while runs come in, and stops when a difference shows, finds one where
there is none in one study of six or so. So every table of a study's results is a look, written to
`looks.jsonl` in its folder, and the looks that the study declares share its alpha.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from vitpos.durable import Lines
from vitpos.errors import BadRun, NoResources
from vitpos.runs import now

FILE = "looks.jsonl"
DIGITS = 12  # of a plan's digest, as in the names of its file


class Looked(NamedTuple):
    """How many looks there were, with this one; and what is to be said about it."""

    times: int
    notes: tuple[str, ...]


def look(
    folder: Path, plan: str, related: Collection[str], metric: str, values: Mapping[str, float]
) -> Looked:
    """Count a look at these values by identity of run; the same values again are the same look.

    Looks at plans that share runs with this one are looks at this one.
    """
    file = Lines(folder / FILE)
    digest = hashlib.sha256(json.dumps(sorted(values.items())).encode()).hexdigest()
    try:
        rows = file.read()
    except BadRun as error:
        return Looked(0, (f"{error.message}: nobody knows how often this was looked at",))
    mine = {plan[:DIGITS], *(other[:DIGITS] for other in related)}
    seen = {
        row.get("values")
        for row in rows
        if row.get("metric") == metric and str(row.get("plan"))[:DIGITS] in mine
    }
    if not values or digest in seen:
        return Looked(len(seen), ())
    try:
        file.append({"at": now(), "plan": plan, "metric": metric, "values": digest})
    except NoResources as error:
        return Looked(len(seen) + 1, (f"this look is not counted: {error.message}",))
    return Looked(len(seen) + 1, ())
