"""How long the members of a plan will take, before any of them runs.

From finished runs of the same arm on a machine like this one, wherever in `outputs` they lie; else
from what other runs took on it for as many operations; else, if asked to, from a few steps of each
arm. Where there is nothing to go by, nothing is said.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import torch

from vitpos import machine, records
from vitpos.data.known import KNOWN
from vitpos.durable import Lines
from vitpos.errors import BadRun, Diverged, NoResources
from vitpos.experiment import Show, rehearse
from vitpos.identities import arm_identity
from vitpos.records import Record, part
from vitpos.schema import Run
from vitpos.sweeps.failures import JOURNAL
from vitpos.sweeps.forecast import work
from vitpos.sweeps.plan import Plan
from vitpos.words import counted

CLOCK = "%Y-%m-%d %H:%M:%S UTC"
SLACK = 60.0  # seconds beside training for which the clock is believed
KEPT = 2  # checkpoints of a run
NUMBERS = 3  # that a checkpoint holds of each weight: itself and two moments
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Estimate:
    """Of one member of an arm."""

    seconds: float
    source: str  # what it is made from


@dataclass(frozen=True)
class Past:
    """A finished run."""

    run: Record
    training: float  # seconds
    seconds: float  # of all that its process did, as far as that is known


def past(runs: Iterable[Record]) -> list[Past]:
    """The finished ones."""
    finished = [run for run in runs if run.status == "finished"]
    whole: dict[str, list[float]] = {}
    for folder in {run.path.parent for run in finished}:
        for identity, seconds in journal(folder):
            whole.setdefault(identity, []).append(seconds)
    found = []
    for run in finished:
        training, said = took(run), whole.get(str(run.record.get("identity")), [])
        if training:
            found.append(Past(run, training, max(training, said[0] if len(said) == 1 else 0.0)))
    return found


def journal(folder: Path) -> Iterator[tuple[str, float]]:
    """Identities of members of sweeps, and how long a process was busy with each."""
    rows: list[dict[str, Any]] = []
    with suppress(BadRun):
        rows = Lines(folder / JOURNAL).read()
    for row in rows:
        match row:
            case {"identity": str(identity), "seconds": float(seconds)}:
                yield identity, seconds


def estimates(plan: Plan, runs: Iterable[Record]) -> dict[str, Estimate]:
    """By arm, as far as finished ones among `runs` tell."""
    known, found = past(runs), dict[str, Estimate]()
    nearby: dict[tuple[str, str, str], list[Past]] = {}  # by the processor that a run would have
    for member in plan.members:
        run, arm = member.run, member.arm.name
        if arm in found or member.seed != plan.members[0].seed:
            continue
        mine = here(run.device, run.precision)
        if mine not in nearby:
            nearby[mine] = [one for one in known if there(one.run) == mine]
        near = nearby[mine]
        guess = of_arm(arm_identity(run), near) or of_others(run, near, known)
        if guess is not None:
            found[arm] = guess
    return found


def of_arm(identity: str, near: Iterable[Past]) -> Estimate | None:
    """From other seeds of an arm."""
    known = [one.seconds for one in near if one.run.record.get("arm_identity") == identity]
    return Estimate(median(known), f"{counted(len(known), 'run')} of it") if known else None


def of_others(run: Run, near: Iterable[Past], known: Iterable[Past]) -> Estimate | None:
    """From the operations that other runs did in their time, and what they took besides."""
    images = images_of(run, known)
    done = [(operations(one.run), one) for one in near if operations(one.run)]
    if images is None or not done:
        return None
    pace = sum(one.training for _, one in done) / sum(size for size, _ in done)
    besides = median(one.seconds - one.training for _, one in done)
    return Estimate(work(run, images) * pace + besides, counted(len(done), "other run"))


def operations(run: Record) -> float:
    """Of all passes over training images that a finished run made."""
    seconds, rate = run.number("perf/train_seconds"), run.number("perf/images_per_second")
    return (seconds or 0.0) * (rate or 0.0) * (run.number("cost/flops_per_image") or 0.0)


def images_of(run: Run, known: Iterable[Past]) -> int | None:
    """Training images of an epoch, if they are known without reading them."""
    name, limit = run.dataset.name, run.training.limit
    sizes = (part(one.run.record, "data") for one in known)
    count = next((size.get("train") for size in sizes if size.get("name") == name), None)
    if not isinstance(count, int):
        count = KNOWN[name].train - run.dataset.validation if name in KNOWN else None
    return count if limit is None or count is None else min(limit, count)


def took(run: Record) -> float:
    """Seconds of a finished run from its first step to its last, without breaks; 0: not known.

    The clock tells, unless what it says beside the training cannot be.
    """
    training = run.number("perf/train_seconds") or 0.0
    by_clock = 0.0
    attempts: Any = run.record.get("attempts")
    with suppress(TypeError, ValueError, KeyError):
        for attempt in attempts:
            started, ended = (datetime.strptime(attempt[e], CLOCK) for e in ("started", "ended"))
            by_clock += (ended - started).total_seconds()
    return by_clock if training <= by_clock <= 2 * training + SLACK else training


def there(done: Record) -> tuple[str, str, str]:
    """The processor that a run had, and the precision."""
    was = part(done.record, "machine")
    kind = str(was.get("device")).partition(":")[0]
    return kind, str(was.get("gpu" if kind == "cuda" else "cpu")), str(was.get("precision"))


@cache
def here(device: str, precision: str) -> tuple[str, str, str]:
    """The same that such a run would have now: kind, name, precision."""
    found = machine.find_device(device)
    name = torch.cuda.get_device_name(found) if found.type == "cuda" else machine.cpu_name()
    return found.type, name, machine.find_precision(precision, found)


def probed(
    plan: Plan, arms: Container[str], known: Mapping[str, Estimate], show: Show, threads: int
) -> dict[str, Estimate]:
    """The same, with a few steps of each of `arms` of which nothing is known: seconds for each.

    With as many `threads` as members get that say nothing of it.
    """
    found = dict(known)
    for member in plan.members:
        arm = member.arm.name
        if arm in arms and arm not in found:
            show.note(f"trying {arm}")
            try:
                run = replace(member.run, threads=member.run.threads or threads)
                facts = rehearse(run, show)
            except (Diverged, NoResources) as error:
                show.note(f"{arm}: {error}")
            else:
                found[arm] = Estimate(facts["seconds_estimated"], "a probe")
    return found


def share_done(run: Record, epochs: int) -> float:
    """How much of a run that was begun need not be done again."""
    with suppress(BadRun):
        return min(1.0, len(records.rows(run.path)) / epochs)
    return 0.0


def checkpoint_bytes(run: Run, parameters: int) -> int:
    """What the checkpoints of a run take on the disk."""
    numbers = NUMBERS + bool(run.training.ema)
    return KEPT * numbers * FLOAT * parameters
