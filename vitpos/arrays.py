"""Arrays on the disk: `.npz` files, of which every number has a check sum and none is a program."""

import io
import math
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from vitpos.durable import all_of
from vitpos.errors import BadRun
from vitpos.received import opened

LARGEST = 2**26  # bytes of a file, and of what is packed in it: a test set of millions of images
MOST = 256  # arrays in a file
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, MemoryError),
    *(SyntaxError, OverflowError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, Warning),
)  # zipfile and numpy leave a strange file to whatever stumbles over it


def read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file by name; raises `BadRun` that names it."""
    try:
        with opened(path) as file:
            return unpacked(all_of(file, LARGEST))
    except FileNotFoundError as error:
        raise BadRun(f"{path} is not there") from error
    except DAMAGED as error:
        why = " ".join(str(error).split())[:100] or type(error).__name__
        raise BadRun(f"{path} is damaged: {why}") from error


def wanted(path: Path, *names: str) -> list[np.ndarray]:
    """Those of these names, of as many rows each; raises `BadRun`."""
    found = read(path)
    if missing := [name for name in names if name not in found]:
        raise BadRun(f"{path} is damaged: no {missing[0]}")
    if len({found[name].shape[:1] for name in names}) > 1 or not found[names[0]].ndim:
        raise BadRun(f"{path} is damaged: {' and '.join(names)} are not of the same images")
    return [found[name] for name in names]


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in a file; each part is read to its end, where its check sum is compared."""
    if content.count(b"PK\x01\x02") > MOST:
        raise ValueError(f"more than {MOST} parts")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        parts = file.infolist()
        if sum(part.file_size for part in parts) > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes when it is unpacked")
        if any(part.compress_type not in PACKED for part in parts):
            raise ValueError("packed in another way")
        return {part.filename.removesuffix(".npy"): array(file.read(part)) for part in parts}


def array(content: bytes) -> np.ndarray:
    """An array from its header and its numbers; none that would be a Python object."""
    file = io.BytesIO(content)
    with warnings.catch_warnings(action="error"):  # of headers that numpy reads with pains
        if np.lib.format.read_magic(file) != (1, 0):  # others are for names of fields
            raise ValueError("not a plain array")
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
        if kind.hasobject or len(content) - file.tell() != kind.itemsize * math.prod(shape):
            raise ValueError("not as many numbers as its header says")
        file.seek(0)
        found: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return found
