"""The far end of a member on another machine: it runs the member there, and tells how that goes.

::

    outputs/<study>/jobs/<plan>-<number>-<token>/
      state    what the far end tells: host, process, at last the exit code
      word     what it is told: end, die

Both lie there from the start and are written in place: network disks remember for a minute what was
not there a moment ago. Words are all that is handed over, and the disk is shared.
"""

import json
import os
import platform
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from vitpos.runs import now
from vitpos.sweeps.member import PARENT

STATE, WORD = "state", "word"
END, DIE = "end", "die"
LONGEST = 2**12  # bytes of either
PAUSE = 0.5  # seconds between two looks at the word
# Schedulers send these to every process of a job, so that the member would get each of them twice,
# and a second signal means to leave at once: it is deaf to them, and is told by SIGINT, once.
SCHEDULERS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def run(folder: str, words: Sequence[str], cwd: str, log: str, settings: Mapping[str, str]) -> int:
    """Run a member to its end; its exit code, which is told first."""
    here, heard = Path(folder), list[int]()

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {n: signal.signal(n, hear) for n in (signal.SIGINT, *SCHEDULERS)}
    try:
        tell(here, host=platform.node(), process=os.getpid())
        code = attempt(here, words, cwd, log, settings, heard)
        tell(here, host=platform.node(), process=os.getpid(), code=code)
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    return code


def attempt(
    here: Path,
    words: Sequence[str],
    cwd: str,
    log: str,
    settings: Mapping[str, str],
    heard: list[int],
) -> int:
    """Start the member unless it was called off, and follow it."""
    if heard or word(here):
        return 128 + signal.SIGTERM
    with Path(log).open("ab", buffering=0) as file:
        file.write(f"--- {now()} on {platform.node()}\n".encode())
        mask = signal.pthread_sigmask(signal.SIG_SETMASK, SCHEDULERS)
        try:
            child = subprocess.Popen(
                words,
                cwd=cwd,
                env=os.environ | settings | {PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                process_group=0,
            )
        except OSError as error:
            file.write(f"error: cannot start a process: {error}\n".encode())
            return 1
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return followed(child, here, heard)


def followed(child: "subprocess.Popen[bytes]", here: Path, heard: list[int]) -> int:
    """Wait for its end, and pass on what is heard or told; its exit code."""
    told = False
    while True:
        try:
            code = child.wait(PAUSE)
        except subprocess.TimeoutExpired:
            said = word(here)
        except KeyboardInterrupt:
            said = END
        else:
            early = told and code == -signal.SIGINT  # before it could say so itself
            return 128 + signal.SIGINT if early else code
        if said == DIE:
            child.kill()
        elif (heard or said == END) and not told:
            child.send_signal(signal.SIGINT)
            told = True


def prepare(here: Path) -> None:
    """Lay out the two files."""
    for name in (STATE, WORD):
        (here / name).touch()


def tell(here: Path, **facts: Any) -> None:
    """Say how it goes; raises `OSError`."""
    put(here / STATE, json.dumps(facts).encode())


def told(here: Path) -> dict[str, Any]:
    """What the far end said last; nothing before it begins, or while it writes."""
    try:
        found = json.loads(get(here / STATE))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def say(here: Path, what: str) -> None:
    """Have the far end end the member, or kill it."""
    with suppress(OSError):  # of a full disk: the queue is asked as well
        put(here / WORD, what.encode())


def word(here: Path) -> str:
    """What it was told."""
    return get(here / WORD).decode("ascii", "replace")


def put(path: Path, content: bytes) -> None:
    """Write in place, and see that others see it."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def get(path: Path) -> bytes:
    """What is written, opened anew, as network disks want it."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST)
    except OSError:
        return b""
