"""Decoded images on disk: named by what they depend on, sealed with a digest, written in one step.

Anything wrong with such a file only means that the images are decoded again.
"""

import hashlib
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from vitpos.data.files import cache
from vitpos.data.folder import Image

LARGEST_HEAD = 2**16  # bytes of a file beside its pixels


def place(name: str) -> Path:
    """The file of this name: below `~/.cache/vitpos/decoded`, which may be deleted at any time."""
    return cache() / "decoded" / f"{name}.safetensors"


def key(root: Path, images: Sequence[Image], size: int, channels: int) -> str:
    """What the pixels depend on, without reading them.

    The root is in it, because other images may have the same names, sizes and times, and so is the
    version of Pillow, because decoders round differently.
    """
    total = hashlib.sha256(repr((1, PIL.__version__, size, channels)).encode())
    total.update(os.fsencode(root.resolve()))
    for image in images:
        total.update(b"\0" + os.fsencode(image.path) + f"\0{image.size}\0{image.modified}".encode())
    return total.hexdigest()[:32]


def recall(name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The kept pixels, or None if there are none or they are not what was written."""
    try:
        path = place(name)
        if not path.is_file() or path.stat().st_size > LARGEST_HEAD + math.prod(shape):
            return None
        with safe_open(path, framework="numpy") as file:
            digest = (file.metadata() or {}).get("sha256")
            found = file.get_tensor("pixels")
    except (OSError, SafetensorError, ValueError):
        return None
    same = isinstance(found, np.ndarray) and found.shape == shape and found.dtype == np.uint8
    return found if same and digest == seal(name, found) else None


def keep(name: str, found: np.ndarray) -> None:
    """Write the pixels whole or not at all."""
    path = place(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        save_file({"pixels": found}, temporary, metadata={"sha256": seal(name, found)})
        os.fsync(handle)
        Path(temporary).replace(path)
    except SafetensorError as error:  # how the library says that the disk is full
        raise OSError(str(error)) from error
    finally:
        os.close(handle)
        Path(temporary).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def seal(name: str, found: np.ndarray) -> str:
    """Sha256 over the key and the pixels: a file under another name is not taken for this one."""
    total = hashlib.sha256(name.encode())
    total.update(np.ascontiguousarray(found).data)
    return total.hexdigest()
