"""From rounds to the rows of a table, or to the reason why there are none."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from vitpos.bench.clocks import CLOCKS
from vitpos.bench.rounds import LEAST, TOO_MUCH, Round, Work, costs, speeds, spread, summary

Row = dict[str, Any]
Table = dict[str, Any]


class Question(NamedTuple):
    """What is compared with what."""

    name: str
    reference: str
    kind: str  # "speed": ratios are times as fast as the reference; "cost": times its time


def absent(name: str, why: str) -> Table:
    """A table that cannot be made here."""
    return {
        "table": name,
        "kind": "speed",
        "reference": None,
        "reference_spread": None,
        "clock": "wall",
        "rounds": 0,
        "forced": False,
        "state": "missing",
        "why": why,
        "others": None,
        "facts": {},
        "rows": [],
    }


def judged(asked: Question, rounds: list[Round], clock: str, *, force: bool, lacks: bool) -> Table:
    """Whether anything may be said, and by which clock; `lacks` if there is no reference."""
    table: Table = {
        "table": asked.name,
        "kind": asked.kind,
        "reference": asked.reference,
        "reference_spread": None,
        "clock": clock,
        "rounds": len(rounds),
        "forced": force,
        "state": "measured",
        "why": "",
    }
    if lacks:
        return table | {"state": "missing", "why": f"there is no {asked.reference} to compare with"}
    if not rounds or (len(rounds) < LEAST and not force):
        why = f"{len(rounds)} of {LEAST} rounds fit into the time (--budget)"
        return table | {"state": "no time", "why": why}
    moved = spread(rounds, asked.reference, clock)
    table["reference_spread"] = moved
    if moved > TOO_MUCH and not force:
        why = f"{asked.reference} itself varied by {moved:.0%}, which is too much to compare with"
        table |= {"state": "refused", "why": why}
    return table


def row(rounds: list[Round], name: str, asked: Question, work: Work, table: Table) -> Row:
    """Times, ratios and shares of what the device could do; only facts where it was refused."""
    facts, clock, images = work.facts, table["clock"], work.images
    if table["state"] != "measured":
        return {"state": table["state"], "why": table["why"], **facts}
    ratio = costs if asked.kind == "cost" else speeds
    found: Row = {"state": "measured", "why": ""}
    if name != asked.reference:
        found["ratio"] = ratio(rounds, name, asked.reference, clock)
    for one in CLOCKS:
        if rounds[0][name].times.device is None and one == "device":
            continue
        prefix = "" if one == clock else f"{one}_"
        found[f"{prefix}seconds"] = summary(r[name].seconds(one) for r in rounds)
        if name != asked.reference and one != clock:
            found[f"{prefix}ratio"] = ratio(rounds, name, asked.reference, one)
    if images > 1:
        found["images_per_second"] = summary(images / r[name].seconds(clock) for r in rounds)
    return found | shares(rounds, name, clock, images, facts) | dict(facts)


def shares(
    rounds: list[Round], name: str, clock: str, images: int, facts: Mapping[str, Any]
) -> Row:
    """What the step made of each ceiling that was probed right after it."""
    found: Row = {}
    flops, moved = facts.get("flops_per_image"), facts.get("bytes_of_step")
    for kind in rounds[0][name].ceilings:
        asked = moved if kind == "copy" else None if flops is None else 3 * flops * images
        if asked is not None:
            turns = [r[name] for r in rounds]
            parts = (asked / t.seconds(clock) / t.ceilings[kind][clock] for t in turns)
            found[f"of_{kind}_ceiling"] = summary(parts)
        found[f"{kind}_ceiling"] = summary(r[name].ceilings[kind][clock] for r in rounds)
    return found
