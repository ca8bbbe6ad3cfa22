"""Probe runs: what is missing of each is measured and kept, one probe after the other.

A run that was probed already, with the same weights, images and settings, is only read.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from vitpos import __version__, checkpoints, ranks, records
from vitpos.data.samples import Report
from vitpos.errors import BadRun, UserError
from vitpos.hints import command
from vitpos.memory import resources
from vitpos.probes import load, loading, results
from vitpos.probes.asked import Asked
from vitpos.probes.pace import Pace
from vitpos.probes.results import entry_name
from vitpos.probes.subject import Subject
from vitpos.records import Record, part
from vitpos.runs import RunFolder, now
from vitpos.signals import Stop
from vitpos.words import counted

Note = Callable[[str], None]
Job = tuple[str, dict[str, str]]  # a probe, and the settings that it reads


@dataclass
class Probed:
    """A run, what is known of it now, and what of that was measured just now."""

    path: Path
    entries: dict[str, dict[str, Any]]
    measured: list[str] = field(default_factory=list)


def run(
    paths: Sequence[Path], asked: Asked, report: Report, note: Note, *, force: bool = False
) -> list[Probed]:
    """Probe all finished runs in these folders; raises `BadRun` if there are none."""
    ranks.alone("`vitpos probe`")
    found = finished(paths, note)
    with Stop():
        todo = {one.path: missing(one, asked, force=force) for one in found}
        pace = Pace(sum(map(len, todo.values())), report)
        done = []
        for one in found:
            try:
                done.append(measure(one, asked, todo[one.path], pace, report, note))
            except (BadRun, FileNotFoundError) as error:
                if len(found) == 1 or not isinstance(error, UserError):
                    raise
                note(f"left out: {error}")
                pace.skip(todo[one.path])
        if not done:
            raise BadRun("none of these runs could be probed")
    return done


def finished(paths: Sequence[Path], note: Note) -> list[Record]:
    """The finished runs; what is not finished is said."""
    every = [records.read(path) for path in records.find(paths)]
    found = [one for one in every if one.status == "finished"]
    if not found:
        first = every[0]
        more = f" and {len(every) - 1} more" if len(every) > 1 else ""
        hint = command("resume", first.path) if first.status != "damaged" else ""
        raise BadRun(f"{first.path}{more}: {first.status}, not finished", hint)
    if len(found) < len(every):
        note(f"{counted(len(every) - len(found), 'run')} not finished: left out")
    return found


def missing(one: Record, asked: Asked, *, force: bool) -> list[Job]:
    """What was not measured yet of these weights, on so many images, with these settings."""
    jobs = [(name, settings) for name in asked.names for settings in asked.ways(name)]
    if force:
        return jobs
    try:
        known, weights = results.read(one.path), newest(RunFolder(one.path))
    except BadRun:
        return jobs  # whoever measures will say what is wrong
    most = part(one.record, "data").get("test")
    images = min(asked.images, most) if isinstance(most, int) else asked.images
    wanted = {"weights": weights, "images": images}

    def is_there(name: str, settings: dict[str, str]) -> bool:
        entry = known.get(entry_name(name, settings), {})
        return wanted.items() <= entry.items()

    return [job for job in jobs if not is_there(*job)]


def newest(folder: RunFolder, step: int | None = None) -> dict[str, Any] | None:
    """What tells weights apart: those of a step, else the last ones; None if there are none."""
    found = [e for e in checkpoints.entries(folder.checkpoints) if step in (None, e.step)]
    return {"step": found[-1].step, "sha256": found[-1].sha256} if found else None


def measure(
    one: Record, asked: Asked, jobs: Sequence[Job], pace: Pace, report: Report, note: Note
) -> Probed:
    """Measure what is missing of a run; each probe is kept as soon as it is done."""
    folder = RunFolder(one.path)
    made = []
    if jobs:
        step, subject = loading.subject(folder, asked.machine, asked.images, report, note)
        weights = newest(folder, step)
        for name, settings in jobs:
            with pace.of(name, one.path.name), resources(subject.run):
                entry, arrays = looked(replace(subject, asked=settings), name)
            with folder.locked():
                told = entry | {"weights": weights, "at": now()}
                results.add(one.path, entry_name(name, settings), told, arrays)
            made.append(entry_name(name, settings))
    every = results.read(one.path)
    names = [entry_name(name, way) for name in asked.names for way in asked.ways(name)]
    return Probed(one.path, {name: every[name] for name in names if name in every}, made)


def looked(subject: Subject, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An entry for what a probe finds, and its arrays."""
    known, started = load(name), time.perf_counter()
    with torch.random.fork_rng(devices=[]):  # a probe draws from generators of its own
        why = known.why_not(subject)
        found = None if why else known.measure(subject)
    numbers = {} if found is None else found.numbers
    entry = {
        "probe": name,
        "asked": dict(subject.asked),
        "images": min(subject.limit, len(subject.samples.labels)),
        "why_not": why,
        "numbers": dict(told(name, numbers)),
        "device": str(subject.machine.device),
        "precision": subject.machine.precision,
        "seconds": round(time.perf_counter() - started, 3),
        "vitpos": __version__,
    }
    return entry, {} if found is None else found.arrays


def told(name: str, numbers: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Numbers under the names that they have everywhere; what is not finite is no number."""
    for number, value in numbers.items():
        if math.isfinite(value):
            yield f"probe/{name}/{number}", float(value)
