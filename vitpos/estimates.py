"""How long the members of a plan will take, before any of them runs.

From finished runs of the same arm on a machine like this one, wherever in `outputs` they lie; else
from what other runs took on it for as many operations; else, if asked to, from a few steps of each
arm. Where there is nothing to go by, nothing is said.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from statistics import median
from typing import Any

import torch

from vitpos import machine, records
from vitpos.config import arm_identity
from vitpos.data.known import KNOWN
from vitpos.errors import BadRun
from vitpos.experiment import Show, rehearse
from vitpos.forecast import work
from vitpos.plan import Plan
from vitpos.records import Record, part
from vitpos.schema import Run
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


def estimates(plan: Plan, runs: Iterable[Record]) -> dict[str, Estimate]:
    """By arm, as far as the finished ones among `runs` tell."""
    finished = [run for run in runs if run.status == "finished" and took(run)]
    found = {}
    for member in plan.members:
        run, arm = member.run, member.arm.name
        if arm in found or member.seed != plan.members[0].seed:
            continue
        near = [one for one in finished if same_machine(one, run)]
        guess = of_arm(arm_identity(run), near) or of_others(run, near, finished)
        if guess is not None:
            found[arm] = guess
    return found


def of_arm(identity: str, runs: Iterable[Record]) -> Estimate | None:
    """From other seeds of an arm."""
    known = [took(run) for run in runs if run.record.get("arm_identity") == identity]
    return Estimate(median(known), f"{counted(len(known), 'run')} of it") if known else None


def of_others(run: Run, near: Sequence[Record], finished: Sequence[Record]) -> Estimate | None:
    """From the operations that other runs did in their time."""
    images = images_of(run, finished)
    done = [(operations(one), took(one)) for one in near if operations(one)]
    if images is None or not done:
        return None
    pace = sum(seconds for _, seconds in done) / sum(size for size, _ in done)
    return Estimate(work(run, images) * pace, counted(len(done), "other run"))


def operations(run: Record) -> float:
    """Of all passes over training images that a finished run made."""
    seconds, rate = run.number("perf/train_seconds"), run.number("perf/images_per_second")
    return (seconds or 0.0) * (rate or 0.0) * (run.number("cost/flops_per_image") or 0.0)


def images_of(run: Run, finished: Iterable[Record]) -> int | None:
    """Training images of an epoch, if they are known without reading them."""
    name, limit = run.dataset.name, run.training.limit
    sizes = (part(one.record, "data") for one in finished)
    count = next((size.get("train") for size in sizes if size.get("name") == name), None)
    if not isinstance(count, int):
        count = KNOWN[name].train - run.dataset.validation if name in KNOWN else None
    return count if limit is None or count is None else min(limit, count)


def took(run: Record) -> float:
    """Seconds of a finished run with validation and saving, without breaks; 0: not known.

    The clock tells, unless what it says beside the training cannot be.
    """
    training = run.number("perf/train_seconds") or 0.0
    by_clock = 0.0
    attempts: Any = run.record.get("attempts")
    with suppress(TypeError, ValueError, KeyError):
        for attempt in attempts:
            ends = (datetime.strptime(attempt[end], CLOCK) for end in ("ended", "started"))
            ended, started = ends
            by_clock += (ended - started).total_seconds()
    return by_clock if training <= by_clock <= 2 * training + SLACK else training


def same_machine(done: Record, run: Run) -> bool:
    """Whether a run was made on a processor and in a precision that `run` would have here."""
    kind, name, precision = here(run.device, run.precision)
    was = part(done.record, "machine")
    return (
        str(was.get("device")).partition(":")[0] == kind
        and was.get("gpu" if kind == "cuda" else "cpu") == name
        and was.get("precision") == precision
    )


@cache
def here(device: str, precision: str) -> tuple[str, str, str]:
    """The processor that such a run would have: its kind, its name, and in what it computes."""
    found = machine.find_device(device)
    name = torch.cuda.get_device_name(found) if found.type == "cuda" else machine.cpu_name()
    return found.type, name, machine.find_precision(precision, found)


def probed(
    plan: Plan, arms: Container[str], known: Mapping[str, Estimate], show: Show
) -> dict[str, Estimate]:
    """The same, with a few steps of each of `arms` of which nothing is known: seconds for each."""
    found = dict(known)
    for member in plan.members:
        arm = member.arm.name
        if arm in arms and arm not in found:
            show.note(f"trying {arm}")
            found[arm] = Estimate(rehearse(member.run, show)["seconds_estimated"], "a probe")
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
