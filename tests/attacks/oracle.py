"""What a process does to the world outside, heard through Python's audit hooks."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {  # events whose first arguments are paths that are changed
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"), 1),
    **dict.fromkeys(("os.chown", "os.utime", "shutil.rmtree", "os.setxattr"), 1),
    **dict.fromkeys(("os.rename", "os.link", "shutil.move"), 2),
}
NEVER = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"),
    *("os.fork", "os.forkpty", "os.kill", "subprocess.Popen", "pty.spawn", "webbrowser.open"),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request"),
    *("ftplib.connect", "smtplib.connect", "pickle.find_class"),
)
PAYLOAD = "payload"  # a module that lies about, which nobody may import
FREE = ("/dev/null", "/dev/tty", "/proc/self")


class Ears:
    """What was heard that must not be."""

    def __init__(self, *allowed: Path) -> None:
        self.allowed = tuple(f"{os.path.realpath(path)}{os.sep}" for path in allowed)
        self.heard: list[str] = []

    def hear(self, event: str, words: tuple[Any, ...]) -> None:
        """One event."""
        if event in NEVER:
            self.heard.append(f"{event} {words!r}"[:300])
        elif event == "open" and isinstance(words[2], int) and words[2] & WRITES:
            self.changed(event, words[0])
        elif event in CHANGES:
            for path in words[: CHANGES[event]]:
                self.changed(event, path)
        elif event == "os.symlink":
            self.changed(event, words[1])
        elif event == "import" and str(words[0]).partition(".")[0] == PAYLOAD:
            self.heard.append(f"import {words[0]}")

    def changed(self, event: str, path: Any) -> None:
        """A path that is written, unless it is where that may be."""
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a file that is open already
        place, name = os.path.split(os.path.join(os.getcwd(), os.fsdecode(path)))  # noqa: PTH109, PTH118
        real = os.path.join(os.path.realpath(place), name)  # noqa: PTH118
        if event == "open":
            real = os.path.realpath(real)
        if not f"{real}{os.sep}".startswith(self.allowed) and not real.startswith(FREE):
            self.heard.append(f"{event} {real}")


LISTENING: list[Ears] = []


def hook(event: str, words: tuple[Any, ...]) -> None:
    """Cannot be taken away again; without anybody listening it does nothing."""
    if LISTENING:
        ears = LISTENING.pop()  # what is asked of the disk below is no news
        try:
            ears.hear(event, words)
        finally:
            LISTENING.append(ears)


sys.addaudithook(hook)


@contextmanager
def listening(*allowed: Path) -> Iterator[Ears]:
    """Hear what is done, and where it is written but for `allowed` folders."""
    ears, before = Ears(*allowed), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # what Python keeps of its modules is no news either
    LISTENING.append(ears)
    try:
        yield ears
    finally:
        LISTENING.clear()
        sys.dont_write_bytecode = before
