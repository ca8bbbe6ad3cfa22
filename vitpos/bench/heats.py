"""A table of contenders that took turns, or why there is none.

A contender that is missing or breaks has a row that says so. If the reference itself varies too
much, the table says that and holds no time.
"""

import gc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from vitpos.bench.asked import Bench, Missing
from vitpos.bench.clocks import CLOCKS, Number, Others, Stopwatch, choose
from vitpos.bench.rounds import (
    LEAST,
    TOO_MUCH,
    Pace,
    Round,
    Work,
    alternate,
    costs,
    speeds,
    spread,
    summary,
)
from vitpos.errors import UserError
from vitpos.words import seconds_words

RESERVE = 0.25  # of the time, for turns and not for getting ready
Row = dict[str, Any]
Table = dict[str, Any]


@dataclass(frozen=True)
class Contender:
    """How to make a `Work`, and how many seconds that and its first steps may take."""

    make: Callable[[], Work]
    needs: Number | None = None  # None: as many as the slowest of its table so far


@dataclass(kw_only=True)
class Heat:
    """What is to be compared, and how."""

    name: str
    contenders: Mapping[str, Contender]
    reference: str
    kind: str = "speed"  # ratios are times as fast as the reference; or "cost": times its time
    seconds: float | int = 1.0  # of a turn
    share: float | int = 1.0  # of what is left to the part
    ceilings: Callable[[], Mapping[str, float | int]] = dict
    watch: Stopwatch | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def measure(heat: Heat, bench: Bench) -> Table:
    """The table of a heat; whatever it made is let go."""
    left = within(bench.left, heat.share)
    works, rows = made(heat, bench, left)
    others, rounds = Others(), list[Round]()
    broken: dict[str, Row] = {}
    while heat.reference in works and not rounds:
        pace = Pace(bench.rounds, turn_seconds(heat, bench, left(), len(works)), left)
        try:
            told = progress(heat, bench)
            rounds = alternate(works, pace, heat.watch or bench.watch(), heat.ceilings, told)
        except Broken as error:
            broken[error.name] = failed(error.name, error.reason)
            works.pop(error.name).close()
            continue
        break
    used = others.cores()
    clock = choose(bench.asked.clock, bench.device, used)
    facts = {name: dict(work.facts) for name, work in works.items()}
    images = {name: work.images for name, work in works.items()}
    for work in works.values():
        work.close()
    works.clear()
    release(bench)
    known = rows | broken
    lacks = heat.reference not in facts
    table = judged(heat, rounds, clock, force=bench.asked.force, lacks=lacks)
    table |= {"others": used, "facts": heat.facts}
    found = {name: row(rounds, name, heat, clock, images[name], facts[name], table)
             for name in facts}  # fmt: skip
    table["rows"] = [{"name": n} | (found.get(n) or known[n]) for n in heat.contenders]
    return table


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


def progress(heat: Heat, bench: Bench) -> Callable[[int], object]:
    """Says how far it is, and how long it will take at that pace."""
    began = time.monotonic()

    def told(done: int) -> None:
        rest = (time.monotonic() - began) / done * (bench.rounds - done)
        left = f", {seconds_words(rest)} left" if done < bench.rounds else ""
        bench.say(f"{heat.name}: round {done} of {bench.rounds}{left}")

    return told


def within(left: Callable[[], float | int], share: float | int) -> Callable[[], float | int]:
    """A share of what is left now."""
    now = left()
    if now == math.inf:
        return left
    kept = (1 - share) * now
    return lambda: left() - kept


def turn_seconds(heat: Heat, bench: Bench, left: float | int, contenders: int) -> float | int:
    """As long as it should be, or as short as the time that is left makes it."""
    if not heat.seconds:
        return 0.0
    wanted = heat.seconds / 3 if bench.quick else heat.seconds
    return max(0.01, min(wanted, left / ((bench.rounds + 1) * max(1, contenders))))


class Broken(Exception):
    """A contender broke while it ran."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason


def made(
    heat: Heat, bench: Bench, left: Callable[[], float | int]
) -> tuple[dict[str, Work], dict[str, Row]]:
    """The contenders that are there, each after its first steps, and rows for the others."""
    works, rows = dict[str, Work](), dict[str, Row]()
    slowest, kept = 0.0, 0.0 if left() == math.inf else RESERVE * left()
    for name, contender in heat.contenders.items():
        bench.say(f"{heat.name}: {name}")
        needs, before = slowest if contender.needs is None else contender.needs, left()
        if before - kept < needs or before <= 0:
            rows[name] = {"state": "no time", "why": no_time(needs)}
            continue
        try:
            works[name] = guarded(name, ready(contender.make, bench))
        except Missing as error:
            rows[name] = {"state": "missing", "why": str(error)}
        except (Broken, UserError, RuntimeError, ValueError, TypeError, MemoryError) as error:
            rows[name] = failed(name, reason(error))
            release(bench)
        slowest = max(slowest, before - left()) if before < math.inf else 0.0
    return works, rows


def no_time(needs: float | int) -> str:
    """What a row says that was not reached."""
    return f"no time left{f': it takes about {needs:.0f} s' if needs >= 1 else ''} (--budget)"


def failed(name: str, why: str) -> Row:
    """What a row says that broke."""
    return {"state": "failed", "why": why.removeprefix(f"{name}: ")}


def reason(error: BaseException) -> str:
    """One line."""
    said = (str(error).splitlines() or [""])[0][:200]
    return (
        said
        if isinstance(error, UserError | Broken | Missing)
        else f"{type(error).__name__}: {said}"
    )


def guarded(name: str, work: Work) -> Work:
    """The same work, whose errors say whose they are."""

    def advance(steps: int) -> None:
        try:
            work.advance(steps)
        except (Missing, UserError, RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise Broken(name, reason(error)) from error

    return replace(work, advance=advance)


def ready(make: Callable[[], Work], bench: Bench) -> Work:
    """Make it; on a GPU, with the memory that it and its first steps took at most."""
    if not bench.cuda:
        return make()
    torch.cuda.synchronize(bench.device)
    before = torch.cuda.memory_allocated(bench.device)
    torch.cuda.reset_peak_memory_stats(bench.device)
    work = make()
    work.prepare()
    work.advance(3)
    torch.cuda.synchronize(bench.device)
    peak = torch.cuda.max_memory_allocated(bench.device) - before
    return replace(work, facts={**work.facts, "peak_memory_bytes": peak})


def release(bench: Bench) -> None:
    """Give memory back."""
    gc.collect()
    if bench.cuda:
        torch.cuda.empty_cache()


def judged(heat: Heat, rounds: list[Round], clock: str, *, force: bool, lacks: bool) -> Table:
    """Whether anything may be said, and by which clock; `lacks` if there is no reference."""
    table: Table = {
        "table": heat.name,
        "kind": heat.kind,
        "reference": heat.reference,
        "reference_spread": None,
        "clock": clock,
        "rounds": len(rounds),
        "forced": force,
        "state": "measured",
        "why": "",
    }
    if lacks:
        return table | {"state": "missing", "why": f"there is no {heat.reference} to compare with"}
    if not rounds or (len(rounds) < LEAST and not force):
        why = f"{len(rounds)} of {LEAST} rounds fit into the time (--budget)"
        return table | {"state": "no time", "why": why}
    moved = spread(rounds, heat.reference, clock)
    table["reference_spread"] = moved
    if moved > TOO_MUCH and not force:
        why = f"{heat.reference} itself varied by {moved:.0%}, which is too much to compare with"
        table |= {"state": "refused", "why": why}
    return table


def row(
    rounds: list[Round],
    name: str,
    heat: Heat,
    clock: str,
    images: int,
    facts: Mapping[str, Any],
    table: Table,
) -> Row:
    """Times, ratios and shares of what the device could do; only facts where it was refused."""
    if table["state"] != "measured":
        return {"state": table["state"], "why": table["why"], **facts}
    ratio = costs if heat.kind == "cost" else speeds
    found: Row = {"state": "measured", "why": ""}
    if name != heat.reference:
        found["ratio"] = ratio(rounds, name, heat.reference, clock)
    for one in CLOCKS:
        if rounds[0][name].times.device is None and one == "device":
            continue
        prefix = "" if one == clock else f"{one}_"
        found[f"{prefix}seconds"] = summary(r[name].seconds(one) for r in rounds)
        if name != heat.reference and one != clock:
            found[f"{prefix}ratio"] = ratio(rounds, name, heat.reference, one)
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
            parts = (asked / t.seconds(clock) / t.ceilings[kind] for t in turns)
            found[f"of_{kind}_ceiling"] = summary(parts)
        found[f"{kind}_ceiling"] = summary(r[name].ceilings[kind] for r in rounds)
    return found
