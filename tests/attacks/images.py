"""Folders of images that were not made to be looked at."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from attacks.place import Attack, Place

TRAIN = (
    "train", "dataset=imagefolder", "dataset.root=RECEIVED/images", "dataset.size=8",
    "dataset.validation=2", "patch.size=4", "training=smoke", "backbone.depth=1",
    "backbone.dim=8", "backbone.heads=1", "device=cpu", "training.batch_size=4", "--dry-run",
)  # fmt: skip


def folder_of_images(place: Place) -> Path:
    """Two classes of a few images each."""
    top = place.received / "images"
    for colour, name in enumerate(("cats", "dogs")):
        (top / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (8, 8), (colour * 90, number, 0)).save(top / name / f"{number}.png")
    return top


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, data: bytes = b"") -> bytes:
    """A PNG of this size, with whatever pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", data) if data else b""
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + pixels + chunk(b"IEND", b"")


def bomb(size: int) -> bytes:
    """Zeros, thousandfold compressed."""
    return zlib.compress(bytes(size), 9)


def jpeg() -> bytes:
    """The first half of a photograph."""
    import io

    file = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(file, "JPEG")
    return file.getvalue()[: len(file.getvalue()) // 2]


CONTENTS: dict[str, tuple[str, bytes]] = {
    "a bomb of 900 million pixels": ("x.png", png(30_000, 30_000, data=bomb(10**7))),
    "a bomb of 100 million pixels": ("x.png", png(10_000, 10_000, data=bomb(10**7))),
    "a PNG of 2^31 by 2^31": ("x.png", png(2**31 - 1, 2**31 - 1)),
    "a PNG of no pixels": ("x.png", png(0, 0)),
    "a text of megabytes": (
        "x.png",
        png(8, 8, *[chunk(b"zTXt", b"k\0\0" + bomb(2**22))] * 80, data=bomb(8 * 25)),
    ),
    "a GIF of 65535 by 65535": ("x.gif", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
     + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x08\x01\x00\x00;"),
    "a cut JPEG": ("x.jpg", jpeg()),
    "a JPEG of 65535 by 65535": (
        "x.jpg", b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xd9"
    ),
    "a BMP of 2^31": ("x.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**31 - 1,
     2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0)),
    "a PPM of 10^9 by 10^9": ("x.ppm", b"P6 1000000000 1000000000 255\n"),
    "an SVG": ("x.jpg", b'<svg><image href="file:///etc/passwd"/></svg>'),
    "PostScript": ("x.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n(effect) (w) file\n"),
    "a PDF": ("x.jpg", b"%PDF-1.4\n"),
    "a pickle": ("x.png", b"cos\nsystem\n(S'touch effect'\ntR."),
    "FITS, which calls gzip": ("x.png", b"SIMPLE  =                    T" + b" " * 50),
    "nothing": ("x.png", b""),
    "TIFF of itself": ("x.tif", b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00"),
}  # fmt: skip


def content(name: str, data: bytes) -> Attack:
    """One of the images is this."""

    def prepare(place: Place) -> None:
        (folder_of_images(place) / "cats" / name).write_bytes(data)

    return Attack(prepare, (TRAIN,), codes=(3,), says=(name,))


def entry(
    make: Callable[[Place, Path], object], *says: str, codes: tuple[int, ...] = (3,)
) -> Attack:
    """Something else in the folder of a class."""

    def prepare(place: Place) -> None:
        make(place, folder_of_images(place) / "cats")

    return Attack(prepare, (TRAIN,), codes=codes, says=says, limited=0 not in codes)


def many(_: Place, folder: Path) -> None:
    """Twenty thousand names."""
    for number in range(20_000):
        (folder / f"n{number}.txt").symlink_to("0.png")


ATTACKS = {
    **{name: content(*what) for name, what in CONTENTS.items()},
    "a link out": entry(
        lambda place, folder: (folder / "x.png").symlink_to(place.outside / "sentinel"), "link"
    ),
    "a link to nowhere": entry(lambda _, folder: (folder / "x.png").symlink_to("gone"), "link"),
    "a class that is a link out": entry(
        lambda place, folder: (folder.parent / "birds").symlink_to(place.outside), "link"
    ),
    "a pipe": entry(lambda _, folder: os.mkfifo(folder / "x.png"), codes=(0,)),
    "a device": entry(
        lambda _, folder: (folder / "x.png").symlink_to("/dev/zero"), "link"
    ),
    "a class that is a pipe": entry(lambda _, folder: os.mkfifo(folder.parent / "b"), codes=(0,)),
    "an escape in a class": entry(
        lambda _, folder: (folder.parent / "a\x1b]0;owned\x07").mkdir(), "cannot be shown"
    ),
    "an escape in a name": entry(
        lambda _, folder: (folder / "a\x1b[2J.png").write_bytes(b"x"), "not an image"
    ),
    "20,000 links": entry(many, codes=(0,)),
}  # fmt: skip
