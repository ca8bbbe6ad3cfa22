"""Members that did not come to their end: what happened, told in their records and in the journal.

::

    outputs/<study>/journal.jsonl    a line for every attempt of every sweep

A process that died cannot say so itself; the sweep that started it does, and also for one that had
no folder yet, so that every failure is a run that can be counted.
"""

import fcntl
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitpos import identities
from vitpos.durable import Lines, disk_errors
from vitpos.errors import Locked, NoResources, UserError
from vitpos.received import opened
from vitpos.runs import RunFolder, now, place
from vitpos.sweeps import claims
from vitpos.sweeps.plan import Member

JOURNAL = "journal.jsonl"
TAIL = 2**14  # bytes of a log that are looked at
LONGEST = 300


@dataclass(frozen=True)
class Failure:
    """Why a member did not come to its end."""

    kind: str  # error killed timeout memory disk
    detail: str
    code: int  # of the process; negative: the signal


def failure(code: int, log: Path, start: int) -> Failure:
    """What an exit code means, and what the log says of it from byte `start` on."""
    number = -code if code < 0 else code - 128  # a shell says 128 more
    if number > 0:
        guess = ", out of memory?" if number == signal.SIGKILL else ""
        return Failure("killed", f"killed ({signal_name(number)}{guess})", code)
    said = complaint(log, start)
    if code == NoResources.code:
        return Failure("memory" if "memory" in said else "disk", said or "no resources", code)
    return Failure("error", said or f"exit code {code}", code)


def signal_name(number: int) -> str:
    """``SIGSEGV``, or its number if it has no name here."""
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def complaint(log: Path, start: int) -> str:
    """The last error that a log tells of, as one printable line; empty if there is none."""
    try:
        with opened(log, links=False) as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    said = re.sub(r"; this is a bug.*", "", lines[-1].removeprefix("error: ")) if lines else ""
    return "".join(c if c.isprintable() else " " for c in said)[:LONGEST]


def record(member: Member, path: Path | None, found: Failure) -> Path | None:
    """Write it into the record of the run, which is made if there is none; where that lies.

    If somebody else has the run by now it is theirs, and nothing is written.
    """
    try:
        if path is not None:
            return written(RunFolder(path), member, found)
        with claims.claimed(Path(member.run.outputs), member.identity):
            return written(RunFolder.create(member.run, member.words), member, found)
    except Locked:
        return path


def written(folder: RunFolder, member: Member, found: Failure) -> Path:
    """Say in its record that the run failed, and so did its last attempt."""
    with folder.locked():
        facts = folder.record() if folder.is_recorded() else unborn(member)
        attempts = [*facts["attempts"]]
        if attempts and "ended" not in attempts[-1]:
            attempts[-1] = attempts[-1] | {"ended": now(), "status": "failed"}
        facts |= {"attempts": attempts, "status": "failed", "failure": asdict(found)}
        folder.update(**facts)
    return folder.path


def settle(path: Path) -> None:
    """Finish the record of a run whose process was killed when only that was still to write.

    Its summary is there, so nobody would go on with it, nor remove what a write left beside it.
    """
    folder = RunFolder(path)
    with suppress(UserError), folder.locked():
        facts = folder.record()
        if facts.get("status") == "finished":
            return
        attempts = [*facts["attempts"]]
        if attempts:
            attempts[-1] = attempts[-1] | {"ended": now(), "status": "finished"}
        folder.update(attempts=attempts, status="finished")


def unborn(member: Member) -> dict[str, Any]:
    """The record of a run that failed before it could say where its numbers come from."""
    return {
        "format": 1,
        "identity": member.identity,
        "arm": identities.arm(member.run),
        "arm_identity": identities.arm_identity(member.run),
        "seed": member.seed,
        "created": now(),
        "machine": {},
        "data": {},
        "attempts": [],
    }


def journal(member: Member, plan: Path, code: int, seconds: float, detail: str) -> None:
    """Add a line on an attempt that is over."""
    folder = place(member.run).expanduser().parent
    row = {
        "at": now(),
        "plan": plan.stem,
        "arm": member.arm.name,
        "seed": member.seed,
        "identity": member.identity,
        "code": code,
        "seconds": round(seconds, 2),
        "detail": detail,
    }
    with in_turn(folder):
        Lines(folder / JOURNAL).append(row)


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """One sweep at a time adds a line."""
    with disk_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a network disk without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
