"""Files out of an archive, by the names that they must have: what else is in it stays there.

No name, link or size that an archive tells of is believed. A file is written beside its place, held
against its digest, and only then renamed.
"""

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from vitpos.data.known import Known
from vitpos.received import opened

CHUNK = 2**20
ODD = (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, ValueError)


@runtime_checkable
class Source(Protocol):
    """An open file inside another."""

    def read(self, size: int = ..., /) -> bytes:
        """So many bytes at most."""


def digest(path: Path) -> str:
    """The SHA-256 of a plain file; empty if there is none."""
    try:
        with opened(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def alone(path: Path, facts: Known, name: str, folder: Path) -> None:
    """The one file of a `.gz`; raises `ValueError` if it is not what was published."""
    with opened(path) as packed, gzip.open(packed) as file:
        put(file, facts, name, folder)


def together(path: Path, facts: Known, folder: Path) -> None:
    """All files of a `.tar.gz`; raises `ValueError` if one is not there, or not as published."""
    missing = set(facts.files)
    with opened(path) as packed, tarfile.open(fileobj=packed, mode="r|gz") as archive:
        for member, name in members(archive, facts):
            file = archive.extractfile(member) if name in missing else None
            if file is not None:
                put(file, facts, name, folder)
                missing.remove(name)
    if missing:
        raise ValueError(f"no {min(missing)} in {path.name}")


def members(archive: tarfile.TarFile, facts: Known) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Those that are wanted, by their exact names, as plain files of a bearable size."""
    for member in archive:
        if member.size > facts.largest(""):
            raise ValueError(f"{member.name[:80]!a} has {member.size:,} bytes")
        top, _, name = member.name.partition("/")
        if member.isreg() and top == facts.folder and name in facts.files:
            yield member, name


def put(file: Source, facts: Known, name: str, folder: Path) -> None:
    """Write what can be read of a file, if it is what was published."""
    total = hashlib.new(facts.algorithm, usedforsecurity=False)
    part = folder / f".{name}.{os.getpid()}.part"
    part.unlink(missing_ok=True)  # of a killed process that had this number
    try:
        with part.open("xb") as out:
            while data := file.read(CHUNK):
                if out.tell() + len(data) > facts.largest(name):
                    raise ValueError(f"{name} is larger than it can be")
                total.update(data)
                out.write(data)
            out.flush()
            os.fsync(out.fileno())
        if total.hexdigest() != facts.files[name]:
            raise ValueError(f"{name} is not what was published: {facts.algorithm}")
        part.replace(folder / name)
    finally:
        part.unlink(missing_ok=True)
