"""Image files to one uint8 tensor.

The shorter side is scaled to the wanted size and the middle square is taken (bilinear,
antialiased), in one step from the original pixels. The orientation that a camera noted is not
applied, as in torchvision.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image as Pillow
from torch import Tensor

from vitpos.data import kept
from vitpos.data.folder import Image
from vitpos.data.samples import Report, silent
from vitpos.errors import BadData, NoResources

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
LARGE = 16_384  # bytes: decoding releases Python's lock, opening small files only fights for it
CHUNK = 256
MANY = 2**24  # pixels: they take 64 MB while they are decoded
EMPTY = 200  # pixels a byte; photographs have ten at most


def pixels(
    root: Path, images: Sequence[Image], size: int, channels: int, report: Report = silent
) -> UInt8[Tensor, "images channels size size"]:
    """The images as squares of `size` pixels, grey (1 channel) or RGB (3); decoded once, then kept.

    Raises `BadData` for an image that cannot be decoded, `NoResources` if they do not fit into
    memory.
    """
    name = kept.key(root, images, size, channels)
    shape = (len(images), channels, size, size)
    found = kept.recall(name, shape)
    if found is None:
        found = decode(root, images, shape, report)
        try:
            kept.keep(name, found)
        except OSError as error:  # a full or read-only cache only costs time
            report(len(images), len(images), f"decoded images not kept: {error.strerror or error}")
    return torch.from_numpy(found)


def decode(
    root: Path, images: Sequence[Image], shape: tuple[int, ...], report: Report
) -> np.ndarray:
    """Decode all images, large ones in as many threads as there are cores."""
    fits(shape)
    result = np.empty(shape, dtype=np.uint8)
    _, channels, size, _ = shape

    def work(start: int) -> int:
        chosen = range(start, min(start + CHUNK, len(images)))
        for index in chosen:
            result[index] = square(root / images[index].path, size, channels)
        return len(chosen)

    large = sum(image.size for image in images) > LARGE * len(images)
    done = 0
    with quiet(), ThreadPoolExecutor(os.cpu_count() if large else 1) as pool:
        try:
            for count in pool.map(work, range(0, len(images), CHUNK)):
                done += count
                report(done, len(images), "decoding images")
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return result


def square(path: Path, size: int, channels: int) -> np.ndarray:
    """One image, uint8 [channels, size, size]."""
    try:
        with Pillow.open(path, formats=FORMATS) as image:
            stop_at_bombs(path, image)
            plain = shallow(image).convert("L" if channels == 1 else "RGB")
        wide, high = plain.size
        side = min(wide, high)
        left, top = (wide - side) / 2, (high - side) / 2
        box = (left, top, left + side, top + side)
        small = plain.resize((size, size), Pillow.Resampling.BILINEAR, box=box)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise BadData(
            f"{path} is too large an image: {error}", "scale it down, or take it out"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can make Pillow raise almost anything
        reason = str(error) or type(error).__name__
        raise BadData(
            f"{path} is not an image that can be read: {reason}", "replace it, or take it out"
        ) from error
    return np.asarray(small).reshape(size, size, channels).transpose(2, 0, 1)


def stop_at_bombs(path: Path, image: Pillow.Image) -> None:
    """Raise for a large image in a file so small that it shows nothing."""
    count, size = image.width * image.height, path.stat().st_size
    if count > MANY and count > EMPTY * size:
        raise Pillow.DecompressionBombError(f"{count} pixels in {size} bytes")


def shallow(image: Pillow.Image) -> Pillow.Image:
    """An image of 8 bits a value: Pillow itself would cut 16-bit grey values off at 255."""
    if image.mode == "F":
        raise ValueError("floating point values have no agreed range")
    if image.mode.startswith("I"):
        return Pillow.fromarray((np.asarray(image).clip(0, 65_535) >> 8).astype(np.uint8))
    return image.convert("RGBA") if "transparency" in image.info else image


@contextmanager
def quiet() -> Iterator[None]:
    """No remarks about odd files, but an error for an image that is a bomb."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Pillow.DecompressionBombWarning)
        yield


def fits(shape: tuple[int, ...]) -> None:
    """Raise `NoResources` for more pixels than half of the memory: splitting them makes a copy."""
    wanted = int(np.prod(shape, dtype=np.int64))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if wanted > memory / 2:
        raise NoResources(
            f"{shape[0]:,} images of {shape[2]} x {shape[3]} are {wanted / 1e9:.1f} GB, twice "
            f"that while they are split; this machine has {memory / 1e9:.1f} GB",
            "take a smaller `dataset.size`",
        )
