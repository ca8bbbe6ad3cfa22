"""NumPy archives that somebody else may have written: numbers of a bearable size, and no objects.

A few kilobytes of a compressed archive can stand for gigabytes, so that what it says of itself is
looked at before anything is unpacked.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vitpos.errors import BadRun
from vitpos.received import content

LARGEST = 2**26  # bytes, unpacked: what is kept of a test set of millions of images
WRONG = (OSError, ValueError, EOFError, MemoryError, NotImplementedError, RuntimeError)
DAMAGED = (*WRONG, KeyError, zipfile.BadZipFile, zlib.error)


def read(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """These arrays of a file, or all of them; `BadRun` if one is missing, damaged or too large."""
    try:
        data = content(path, LARGEST)
    except OSError as error:
        raise BadRun(f"{path} cannot be read: {error.strerror}") from error
    return unpacked(path, data, names)


def unpacked(path: Path, data: bytes, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The same of a file that was read already."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            known = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = {name: known[name] for name in (known if names is None else names)}
            size = sum(info.file_size for info in wanted.values())
            if size > LARGEST or len(known) < len(archive.infolist()):
                raise ValueError(f"{size:,} bytes are too many, or a name occurs twice")
            return {name: array(archive.read(info)) for name, info in wanted.items()}
    except KeyError as error:
        raise BadRun(f"{path} is damaged: there is no {error}") from error
    except DAMAGED as error:
        why = getattr(error, "strerror", None) or error
        raise BadRun(f"{path} is damaged: {why}") from error


def array(data: bytes) -> np.ndarray:
    """One array, if there are as many bytes of it as its header says; never an object."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):  # others are for names of fields
        raise ValueError("not a plain array")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject or len(data) - file.tell() != dtype.itemsize * math.prod(shape):
        raise ValueError("not a plain array of numbers")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
