"""What processes leave behind on a machine, and what they hold while they live (on Linux)."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vitpos.sweeps import claims

SHARED = Path("/dev/shm")
CACHE = "torchinductor_"  # a folder that PyTorch makes for itself when it is imported


def children(process: int) -> list[int]:
    """The processes that a process, or one of its own, has started and that still live."""
    found, parents = list[int](), dict[int, list[int]]()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(path.parent.name))
    waiting = [process]
    while waiting:
        own = parents.get(waiting.pop(), [])
        found += own
        waiting += own
    return sorted(found)


def living(folder: Path) -> list[int]:
    """Processes that were started with something of this folder in their environment."""
    found, name = [], os.fsencode(folder)
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if name in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def resident(process: int) -> int:
    """Bytes of memory that are its own."""
    text = Path(f"/proc/{process}/status").read_text()
    return sum(int(n) for n in re.findall(r"^RssAnon:\s+(\d+) kB$", text, re.M)) * 1024


def opened(process: int) -> int:
    """How many files it has open."""
    return len([*Path(f"/proc/{process}/fd").iterdir()])


def shared_memory() -> set[str]:
    """Pieces of shared memory that have a name."""
    return {path.name for path in SHARED.glob("*")} if SHARED.is_dir() else set()


def is_mapped(name: str) -> bool:
    """Whether a process that lives has a piece of shared memory."""
    for path in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            if f"{SHARED}/{name}" in path.read_text():
                return True
    return False


def left_behind(folder: Path, study: Path, shared: set[str]) -> Iterator[str]:
    """What must not be there once all is over; `shared` was there before."""
    yield from (f"process {number}" for number in living(folder))
    yield from (f"shared memory {n}" for n in shared_memory() - shared if not is_mapped(n))
    yield from (f"claim {path.name}" for path in study.parent.glob(f"{claims.FOLDER}/*"))
    yield from (str(path) for path in folder.rglob(".*.tmp"))
    temporary = (path for path in (folder / "tmp").iterdir() if not path.name.startswith(CACHE))
    yield from map(str, temporary)
    for path in folder.rglob("*"):
        if path.is_socket() or path.is_fifo():
            yield f"socket {path}"
        elif path.name == "lock" and is_locked(path):
            yield f"lock {path}"
    for path in study.iterdir():
        usual = path.name in ("logs", "plans")
        if path.is_dir() and not usual and not (path / "summary.json").is_file():
            yield f"folder {path}"


def is_locked(path: Path) -> bool:
    """Whether somebody has it."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
