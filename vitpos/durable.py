"""Files that are whole or not there: atomic replacement, and lines with check sums.

A file is written beside its place, synced, renamed over it, and the folder is synced: after a crash
or a power cut there is the old content or the new, never half of one.
"""

import errno
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from vitpos.errors import BadRun, NoResources
from vitpos.received import DOCUMENT, content, opened, unlinked

LONGEST = 2**20  # bytes of a line
FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "quota exceeded",
    errno.EFBIG: "no file may be as large",
    errno.EROFS: "read-only",
}


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
    """Replace a JSON file, all or nothing."""
    write(path, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path | str, longest: int = DOCUMENT) -> dict[str, Any]:
    """A JSON object of at most so many bytes, or `BadRun` that names the file."""
    try:
        data = json.loads(content(path, longest).decode())
    except FileNotFoundError as error:
        raise BadRun(f"{path} is not there") from error
    except OSError as error:
        raise BadRun(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadRun(f"{path} is damaged: {error}") from error
    if not isinstance(data, dict):
        raise BadRun(f"{path} is damaged: not an object")
    return data


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
        line = seal(row)
        unlinked(self.path)
        with disk_errors(self.path, len(line)), self.path.open("a+b") as file:
            drop_torn(file)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """All lines; a last one that was cut off by a crash is left out."""
        try:
            with opened(self.path) as file:
                return [*self.rows(file)]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:  # a ValueError for a name that none can have
            why = getattr(error, "strerror", None) or error
            raise BadRun(f"{self.path} cannot be read: {why}") from error

    def rows(self, file: BinaryIO) -> Iterator[dict[str, Any]]:
        """The objects of an open file, none of them longer than any that is written."""
        for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), b""), start=1):
            row = unseal(line) if len(line) <= LONGEST else None
            if row is not None:
                yield row
            elif len(line) > LONGEST or (line != b"\n" and line.endswith(b"\n")):
                raise BadRun(f"{self.path} is damaged at line {number}")

    def rewrite(self, rows: list[dict[str, Any]]) -> None:
        """Replace all lines."""
        write(self.path, b"".join(map(seal, rows)))


def drop_torn(file: BinaryIO) -> None:
    """Cut off a last line without an end, which the next would turn into damage in the middle."""
    end = file.seek(0, os.SEEK_END)
    if not end:
        return
    file.seek(end - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def seal(row: Mapping[str, Any]) -> bytes:
    """A line of JSON that ends with the check sum of what comes before."""
    text = json.dumps(row)
    return f'{text[:-1]}, "crc32": "{zlib.crc32(text.encode()):08x}"}}\n'.encode()


def unseal(line: bytes) -> dict[str, Any] | None:
    """The object of a line whose check sum is right."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    said = row.pop("crc32", None) if isinstance(row, dict) else None
    return row if said == f"{zlib.crc32(json.dumps(row).encode()):08x}" else None
