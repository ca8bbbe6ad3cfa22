"""Disks that are full for a while: a real small one where it can be mounted, else a limit.

A limit of no bytes for files (`RLIMIT_FSIZE`) needs nobody's leave and is the kernel's own refusal:
files and folders can still be made, but nothing can be written into them, as on a disk that has
inodes and no blocks left.
"""

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from traces import children

SIZE = 2**28  # bytes of the small disk
CHUNK = b"\0" * 2**16


class Disk(Protocol):
    """One that can be filled."""

    name: str

    def fill(self, process: int) -> None:
        """For a process and those that it starts."""

    def free(self, process: int) -> None:
        """Make room again."""


class Limits:
    """No process of a sweep may write into files."""

    name = "limit"

    def fill(self, process: int) -> None:
        """Of the sweep first: it starts the others."""
        self.limit(process, 0)

    def free(self, process: int) -> None:
        """As much as there was before."""
        self.limit(process, resource.RLIM_INFINITY)

    def limit(self, process: int, size: int) -> None:
        """Until there is none that it was not told: who was being started meanwhile is the last."""
        told: set[int] = set()
        while new := {process, *children(process)} - told:
            for number in sorted(new):
                with suppress(ProcessLookupError):
                    resource.prlimit(number, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            told |= new


class Small:
    """A disk in memory, with a file that takes all there is."""

    name = "tmpfs"

    def __init__(self, folder: Path) -> None:
        self.filler = folder / "filler"

    def fill(self, process: int) -> None:
        """To the last byte."""
        with suppress(OSError), self.filler.open("wb", buffering=0) as file:
            while True:
                file.write(CHUNK)

    def free(self, process: int) -> None:
        """Remove the file."""
        self.filler.unlink(missing_ok=True)


@contextmanager
def disk(folder: Path, *, small: bool) -> Iterator[Disk]:
    """One for what will lie in a folder: a small one if asked for and if it can be had."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    can = small and shutil.which("mount") is not None
    if not can or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield Limits()
        return
    try:
        yield Small(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
