"""Files that are whole or not there: atomic replacement, and lines with check sums.

A file is written beside its place, synced, renamed over it, and the folder is synced: after a crash
or a power cut there is the old content or the new, never half of one.
"""

import errno
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from vitpos import seals
from vitpos.errors import BadRun, NoResources
from vitpos.received import opened, plain, unlinked

FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "quota exceeded",
    errno.EFBIG: "no file may be as large",
    errno.EROFS: "read-only",
}

LONGEST = 2**23  # bytes of a JSON document: what is made of the worst takes 25 times as much
MOST_LINES = 2**28  # bytes of a file of lines: a run of half a million epochs


@contextmanager
def disk_errors(path: Path, need: int = 0) -> Iterator[None]:
    """Turn what a disk can say into one line that names the file."""
    try:
        yield
    except OSError as error:
        why = FULL.get(error.errno or 0) or error.strerror or str(error)
        size = f", {need / 2**20:.2f} MiB needed{free(path)}" if need else ""
        hint = "make room, then `vitpos resume` the run" if error.errno in FULL else ""
        raise NoResources(f"cannot write {path}: {why}{size}", hint) from error


def free(path: Path) -> str:
    """How much room there is, if it can be told."""
    try:
        return f", {shutil.disk_usage(path.parent).free / 2**20:.2f} MiB free"
    except OSError:
        return ""


def write(path: Path, content: bytes) -> None:
    """Replace a file by `content`, all or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path, len(content)):
        try:
            temporary.unlink(missing_ok=True)  # of a killed process that had this number
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a JSON file, all or nothing; it ends with its check sum."""
    write(path, seals.document(data))


def read_json(path: Path | str, longest: int = LONGEST) -> dict[str, Any]:
    """A JSON object without its check sum, or `BadRun` that names the file."""
    try:
        with io.FileIO(path, opener=plain) as file:  # of ten thousand runs, what `open` does more
            data = seals.read_document(all_of(file, longest))
    except FileNotFoundError as error:
        raise BadRun(f"{path} is not there") from error
    except OSError as error:
        raise BadRun(f"{path} cannot be read: {error.strerror}") from error
    except seals.Changed as error:
        raise BadRun(f"{path} is damaged: {error}", seals.BY_HAND) from error
    except (ValueError, RecursionError) as error:
        raise BadRun(f"{path} is damaged: {error}") from error
    if not isinstance(data, dict):
        raise BadRun(f"{path} is damaged: not an object")
    return data


def all_of(file: io.FileIO | BinaryIO, most: int) -> bytes:
    """What is in an open file; a `ValueError` if that is more than `most` bytes."""
    size = os.fstat(file.fileno()).st_size
    if size > most:
        raise ValueError(f"{size} bytes are more than the {most} that are read")
    return file.read(size + 1) or b""


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, that a power cut does not take away."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_temporary(folder: Path) -> None:
    """Remove what an interrupted `write` left behind. Only for who holds the folder's lock."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            path.unlink()


class Lines:
    """A file of JSON objects, one a line, each with the CRC-32 of its own text."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a line, and wait until it is on the disk."""
        line = seals.line(row)
        unlinked(self.path)
        with disk_errors(self.path, len(line)), self.path.open("a+b") as file:
            drop_torn(file)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """All lines; a last one that was cut off by a crash is left out."""
        rows, damaged = self.examine()
        if damaged:
            raise BadRun(f"{self.path} is damaged at line {damaged[0]}")
        return rows

    def examine(self) -> tuple[list[dict[str, Any]], list[int]]:
        """The lines that are whole, and the numbers of those that are damaged."""
        rows, damaged = list[dict[str, Any]](), list[int]()
        *lines, last = self.content().split(b"\n")
        for number, line in enumerate(lines, start=1):
            row = seals.read_line(line)
            if row is not None:
                rows.append(row)
            elif line:
                damaged.append(number)
        row = seals.read_line(last)
        if row is not None:
            rows.append(row)
        elif seals.read_line(last[:-1]) is not None:  # its end is no end any more
            damaged.append(len(lines) + 1)
        return rows, damaged

    def content(self) -> bytes:
        """All of the file; nothing if there is none."""
        try:
            with opened(self.path) as file:
                return all_of(file, MOST_LINES)
        except FileNotFoundError:
            return b""
        except (OSError, ValueError) as error:  # a ValueError for a name that none can have
            why = getattr(error, "strerror", None) or error
            raise BadRun(f"{self.path} cannot be read: {why}") from error

    def rewrite(self, rows: list[dict[str, Any]]) -> None:
        """Replace all lines."""
        write(self.path, b"".join(map(seals.line, rows)))


def drop_torn(file: BinaryIO) -> None:
    """Cut off a last line without an end, which the next would turn into damage in the middle."""
    end = file.seek(0, os.SEEK_END)
    if not end:
        return
    file.seek(end - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        content = file.read()
        start = content.rfind(b"\n") + 1
        if seals.read_line(content[start:]) is None:
            file.truncate(start)
        else:
            file.write(b"\n")  # only its end is missing, and readers have it
