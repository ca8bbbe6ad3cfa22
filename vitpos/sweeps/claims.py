"""Who is at work on a run, wherever it will lie, so that no two processes compute the same one.

::

    outputs/.claims/<identity>    locked as long as its process lives; how far that is, as JSON

A claim is on the identity of a run and is taken before there is a folder. It goes with the process,
however that ends. On a network disk without locks everybody goes on unguarded.
"""

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vitpos.durable import disk_errors
from vitpos.errors import Locked, UserError
from vitpos.received import opened

FOLDER = ".claims"
LONGEST = 2**14  # bytes of what is told
TRIES = 10  # somebody who only looks holds the lock for a moment too


class Claim:
    """What the process that has a claim says of itself; who looks reads it without asking."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.facts: dict[str, Any] = {"process": os.getpid(), "host": platform.node()}
        self.tell()

    def tell(self, **facts: Any) -> None:
        """Say more. It is only for show: what a full disk does not take is left out."""
        self.facts |= facts
        text = json.dumps(self.facts).encode()
        with suppress(OSError):
            os.pwrite(self.descriptor, text, 0)
            os.ftruncate(self.descriptor, len(text))


def place(outputs: Path, identity: str) -> Path:
    """The file of a claim."""
    return outputs.expanduser() / FOLDER / identity


@contextmanager
def claimed(outputs: Path, identity: str) -> Iterator[Claim]:
    """Be the only process at work on this run; raises `Locked` if another one is."""
    path = place(outputs, identity)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, guarded = taken(path)
    try:
        yield Claim(descriptor)
    finally:
        if guarded:
            with suppress(OSError):
                path.unlink()  # while nobody else can hold it
        os.close(descriptor)


def taken(path: Path) -> tuple[int, bool]:
    """An open file that is locked and still lies there, and whether there are locks at all."""
    for attempt in range(TRIES):
        with disk_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            time.sleep(0.02 * (attempt + 1 < TRIES))
            continue
        except OSError:
            return descriptor, False
        if same(descriptor, path):
            return descriptor, True
        os.close(descriptor)  # who had it took it away since it was opened
    who = told(path.parents[1], path.name)
    process = f"process {who.get('process')} on {who.get('host')}" if who else "another process"
    raise Locked(f"{process} has this run: {who.get('path', path.name[:8])}")


def tidy(outputs: Path, identities: Iterable[str]) -> None:
    """Remove what killed processes left of their claims on these runs."""
    for identity in identities:
        if place(outputs, identity).exists():
            with suppress(UserError), claimed(outputs, identity):
                pass  # who has it takes it away at the end


def same(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def held(outputs: Path, identity: str) -> bool:
    """Whether a process has this run."""
    try:
        with opened(place(outputs, identity), links=False) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def told(outputs: Path, identity: str) -> Mapping[str, Any]:
    """What the process that has it said last; nothing if there is none, or just while it writes."""
    try:
        with opened(place(outputs, identity), links=False) as file:
            found = json.loads(file.read(LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
