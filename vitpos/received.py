"""What somebody else may have sent: read only if it is a plain file, written only where it lies.

The folder of a run is data, whoever made it. A pipe in the place of a file would keep its reader
waiting for ever, a device would never end, and a link would have what is written go elsewhere.
Standard library only.
"""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from io import BufferedReader
from os import open as low_level
from pathlib import Path

from vitpos.errors import BadRun

DOCUMENT = 2**23  # bytes of a document that is read at once: far more than any run has
WRITTEN = ("checkpoints", "positions", "probes")  # folders of a run in which files are written


def opened(path: Path | str, *, links: bool = True) -> BufferedReader:
    """A plain file, to be read; `OSError` for anything else, and unless `links` for a link."""
    return open(path, "rb", opener=plain if links else unfollowed)


def plain(path: Path | str, flags: int) -> int:
    """The descriptor of a plain file, without waiting for who would write into a pipe."""
    try:
        descriptor = low_level(path, flags | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise OSError(errno.EINVAL, "not a plain file", str(path)) from error
        raise
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        number = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
        why = os.strerror(number) if stat.S_ISDIR(kind) else "not a plain file"
        raise OSError(number, why, str(path))
    return descriptor


def unfollowed(path: Path | str, flags: int) -> int:
    """The same, but of no link."""
    try:
        return plain(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.EINVAL, "a link, not a file", str(path)) from error
        raise


def content(path: Path | str, longest: int = DOCUMENT, *, links: bool = True) -> bytes:
    """All of a plain file, as large as it says it is; `OSError` for more than `longest` bytes."""
    with opened(path, links=links) as file:
        size = os.fstat(file.fileno()).st_size
        if size > longest:
            raise OSError(errno.EINVAL, f"{size:,} bytes are too many", str(path))
        return file.read(size)


def enclosed(folder: Path, inside: Iterable[str] = WRITTEN) -> None:
    """Raise `BadRun` if something in a folder, or in some `inside`, leads out of it or is no file.

    For who is about to write there. A folder that is not there has nothing in it.
    """
    top = folder.resolve()
    for place in (folder, *(folder / name for name in inside)):
        for entry in entries(place):
            if entry.is_symlink():
                if not Path(entry.path).resolve().is_relative_to(top):
                    said = f"{entry.path} is a link that leads out of {folder}"
                    raise BadRun(f"{said}: nothing is written there", "put a copy there instead")
            elif not entry.is_file(follow_symlinks=False) and not entry.is_dir():
                raise BadRun(f"{entry.path} is neither a file nor a folder", "take it out")


def unlinked(*paths: Path) -> None:
    """Raise `BadRun` if one of these is a link, or there and neither a file nor a folder."""
    for path in paths:
        if path.is_symlink():
            raise BadRun(f"{path} is a link: nothing is written there", "take it out")
        if path.exists() and not path.is_file() and not path.is_dir():
            raise BadRun(f"{path} is neither a file nor a folder", "take it out")


def entries(place: Path) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing if it is not there."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place) as found:
        return list(found)
    return []
