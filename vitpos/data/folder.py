"""A folder of images as a data set: what is in it, before any image is opened.

Either `ROOT/train/CLASS/*` and `ROOT/test/CLASS/*`, and `ROOT/val/CLASS/*` if it is there, or
`ROOT/CLASS/*`, of which a fifth, the same at all times, becomes the test set. Images are files with
one of `SUFFIXES` directly in the folder of their class; other files and hidden ones are passed
over. A symbolic link that leads out of ROOT is refused. Standard library only.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vitpos.errors import BadData

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".bmp",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
)
SHAPE = "wanted: DIR/train/CLASS/* and DIR/test/CLASS/*, or DIR/CLASS/*, with `dataset.root=DIR`"


class Image(NamedTuple):
    """An image file: what is known of it without opening it."""

    path: str  # relative to the root
    label: int
    size: int  # bytes
    modified: int  # nanoseconds


@dataclass(frozen=True)
class Listing:
    """All images of a folder, by split: `train`, `test` and perhaps `val`, or only `all`."""

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, list[Image]]


def layout(root: Path) -> tuple[tuple[str, ...], dict[str, Path]]:
    """The names of the classes and the folder of each split, from folder names alone.

    Raises `BadData` if the root is missing, a file, unreadable, or without two classes.
    """
    try:
        there, is_folder = root.exists(), root.is_dir()
    except OSError as error:
        raise BadData(f"{root} cannot be read: {error.strerror}", SHAPE) from error
    if not there:
        raise BadData(f"no folder {root}", SHAPE)
    if not is_folder:
        raise BadData(f"{root} is a file, not a folder", SHAPE)
    places = {name: root / name for name in ("train", "test", "val") if nested(root / name, root)}
    if not {"train", "test"} & places.keys():
        places = {"all": root}
    elif missing := {"train", "test"} - places.keys():
        raise BadData(
            f"{root} has {' and '.join(places)}, but no class folders in {missing.pop()}",
            f"{SHAPE}; without `val` a part of `train` is held out for validation",
        )
    names = {split: folders(place, root) for split, place in places.items()}
    classes = names["all"] if "all" in names else names["train"]
    if len(classes) < 2:
        raise BadData(
            f"{places.get('train', root)} has {len(classes)} class folders: two at least", SHAPE
        )
    for split, found in names.items():
        if unknown := sorted(set(found) - set(classes)):
            raise BadData(
                f"{root / split / unknown[0]}: no class of that name in {root / 'train'}",
                "give it training images, or take it out",
            )
    return classes, places


def read(root: Path) -> Listing:
    """Every image by split, class and name; raises `BadData` for an empty class."""
    classes, places = layout(root)
    splits = {}
    for split, place in places.items():
        present = set(folders(place, root))
        splits[split] = [
            image
            for label, name in enumerate(classes)
            if name in present
            for image in images(place / name, root, label)
        ]
    return Listing(root, classes, splits)


def images(place: Path, root: Path, label: int) -> list[Image]:
    """The images of one class."""
    found, below = [], place.relative_to(root)
    for entry in entries(place, root):
        if entry.name.lower().endswith(SUFFIXES) and entry.is_file():
            facts = entry.stat()
            path = f"{below}/{entry.name}"
            found.append(Image(path, label, facts.st_size, facts.st_mtime_ns))
    if not found:
        raise BadData(
            f"{place} has no images",
            f"add some ({' '.join(SUFFIXES)}), directly in this folder, or take the folder out",
        )
    return sorted(found)


def folders(place: Path, root: Path) -> tuple[str, ...]:
    """The names of the folders in a folder, sorted."""
    names = sorted(entry.name for entry in entries(place, root) if entry.is_dir())
    for name in names:
        if not name.isprintable():
            raise BadData(
                f"{place}: a class folder has a name that cannot be shown: {name!a}", "rename it"
            )
    return tuple(names)


def nested(place: Path, root: Path) -> bool:
    """Whether this is a folder with folders in it."""
    return place.is_dir() and bool(folders(place, root))


def entries(place: Path, root: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, hidden things aside; raises `BadData` for links out of the root."""
    inside(place, root)
    try:
        with os.scandir(place) as content:
            for entry in content:
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink():
                    inside(Path(entry.path), root)
                yield entry
    except OSError as error:
        raise BadData(
            f"{place} cannot be read: {error.strerror or error}", f"see who may: `ls -ld {place}`"
        ) from error


def inside(path: Path, root: Path) -> None:
    """Raise `BadData` for a link that leads out of the root, or nowhere."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # a loop is a RuntimeError before Python 3.13
        raise BadData(f"{path} is a link that leads nowhere", "take it out") from error
    if not target.is_relative_to(root.resolve()):
        raise BadData(f"{path} is a link that leads out of {root}", "put a copy there instead")
