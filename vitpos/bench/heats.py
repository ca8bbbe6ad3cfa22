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
from vitpos.bench.ceilings import Peaks
from vitpos.bench.clocks import Number, Others, Stopwatch, choose
from vitpos.bench.judging import Question, Row, Table, judged, row
from vitpos.bench.rounds import Pace, Round, Work, alternate
from vitpos.errors import UserError
from vitpos.words import seconds_words

RESERVE = 0.25  # of the time, for turns and not for getting ready


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
    ceilings: Callable[[], Peaks] = dict
    watch: Stopwatch | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def measure(heat: Heat, bench: Bench) -> Table:
    """The table of a heat; whatever it made is let go."""
    left = within(bench.left, heat.share)
    works, rows = made(heat, bench, left)
    others = Others()
    rounds = taken(heat, bench, works, rows, left)
    used = others.cores()
    device = bench.device if heat.watch is None else torch.device("cpu")
    clock = choose(bench.asked.clock, device, used)
    asked = Question(heat.name, heat.reference, heat.kind)
    lacks = heat.reference not in works
    table = judged(asked, rounds, clock, force=bench.asked.force, lacks=lacks)
    for name, work in works.items():
        rows[name] = row(rounds, name, asked, work, table)
        work.close()
    works.clear()
    release(bench)
    found = [{"name": name} | rows[name] for name in heat.contenders]
    return table | {"others": used, "facts": heat.facts, "rows": found}


def taken(
    heat: Heat,
    bench: Bench,
    works: dict[str, Work],
    rows: dict[str, Row],
    left: Callable[[], float | int],
) -> list[Round]:
    """The rounds; whoever breaks leaves `works` and gets a row, and the others begin again."""
    while heat.reference in works:
        pace = Pace(bench.rounds, turn_seconds(heat, bench, left(), len(works)), left)
        told = progress(heat, bench)
        try:
            return alternate(works, pace, heat.watch or bench.watch(), heat.ceilings, told)
        except Broken as error:
            rows[error.name] = failed(error.name, error.reason)
            works.pop(error.name).close()
            release(bench)
    return []


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
