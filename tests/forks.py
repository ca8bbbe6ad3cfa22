"""Processes that cost no second: copies of this one, which has loaded everything already."""

import ctypes
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from vitpos import cli, outcome

VERSION = 0x20080522  # of the format of capabilities
PATIENCE = 300.0  # seconds


class Child(NamedTuple):
    """A copy of this process, and the file into which it says something."""

    pid: int
    said: Path

    def text(self) -> str:
        """What it said so far."""
        return self.said.read_text("utf-8")

    def wait(self) -> int:
        """Its exit code, once it has one."""
        return ended([self], 1)[self.pid]


def fork(said: Path, work: Callable[[], Any]) -> Child:
    """Do `work` in a copy of this process; what it returns, if a number, is its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch has threads, and they are idle
        pid = os.fork()
    if pid:
        return Child(pid, said)
    code = 70
    try:
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for number in (1, 2):
            os.dup2(descriptor, number)
        sys.stdout, sys.stderr = (
            os.fdopen(n, "w", encoding="utf-8", closefd=False) for n in (1, 2)
        )
        code = work() or 0
    except BaseException as error:
        os.write(descriptor, repr(error).encode())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def ended(children: list[Child], number: int) -> dict[int, int]:
    """The exit codes of so many of them, as soon as these have ended."""
    codes: dict[int, int] = {}
    end = time.monotonic() + PATIENCE
    while len(codes) < number:
        for child in children:
            if child.pid not in codes:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    codes[pid] = os.waitstatus_to_exitcode(status)
        assert time.monotonic() < end, codes
        time.sleep(0.005)
    return codes


def command(*words: object) -> int:
    """`vitpos ...` in this process; its exit code."""
    return outcome.of(lambda: cli.app(args=[str(word) for word in words], prog_name="vitpos"))


def without_privileges() -> None:
    """Let permissions count for this process, also if it is a superuser's; only on Linux."""
    if os.geteuid() != 0:
        return
    header = (ctypes.c_uint32 * 2)(VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")
