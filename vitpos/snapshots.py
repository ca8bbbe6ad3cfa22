"""What a position embedding looked like on the way, in a few small files of the run's folder.

::

    positions/step000000.safetensors    before the first step
    positions/step000140.safetensors    after epoch 1, then after 2, 4, 8 ... and at the end

A file holds what `PositionEmbedding.views` shows, `table/layer0` [cells, dim] or `map/layer3`
[maps, rows, cols], in float32, and in its metadata, under one key as the order of several is not
fixed, the step, the epoch, the grids of the layers, and a digest. It is a view and no state: a run
goes on without, and a file that is missing or damaged costs pictures and nothing else.
"""

import hashlib
import json
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
from jaxtyping import Float32
from safetensors import SafetensorError, safe_open

from vitpos.durable import disk_errors, make_folder, write

FOLDER, FILES, KEY, FORMAT = "positions", "step*.safetensors", "snapshot", 1
ONE, ALL = 256 * 2**10, 2 * 2**20  # bytes of a snapshot, and of all of a run, at most

Views = Mapping[str, Float32[np.ndarray, "..."]]


@dataclass(frozen=True)
class Snapshot:
    """The tables and maps of a run after so many steps."""

    step: int
    epoch: int
    views: Views  # by name and layer, in this order
    grids: Mapping[str, tuple[int, int]]  # rows and columns of cells, for each of the views
    left_out: tuple[str, ...] = ()  # views that there was no room for


class Found(NamedTuple):
    """All snapshots that can be read, in order, and what is to be said of the others."""

    snapshots: tuple[Snapshot, ...]
    notes: tuple[str, ...]


def epochs_kept(epochs: int) -> list[int]:
    """0, 1, 2, 4, 8 ... and the last: the way is long where much changes."""
    powers = [2**n for n in range(epochs.bit_length()) if 2**n < epochs]
    return [0, *powers, epochs]


def keep(run: Path, snapshot: Snapshot) -> None:
    """Write a snapshot into the folder of its run; raises `NoResources` if that cannot be done.

    One without anything to see makes no file.
    """
    if not snapshot.views:
        return
    folder = run / FOLDER
    with disk_errors(folder):
        make_folder(folder)
    said: dict[str, Any] = {
        "format": FORMAT,
        "step": snapshot.step,
        "epoch": snapshot.epoch,
        "grids": snapshot.grids,
        "left_out": snapshot.left_out,
    }
    said["sha256"] = digest(said, snapshot.views)
    metadata = {KEY: json.dumps(said, sort_keys=True)}
    content = safetensors.numpy.save(dict(snapshot.views), metadata)
    write(folder / f"step{snapshot.step:06d}.safetensors", content)


def forget(run: Path, after: int) -> None:
    """Delete those later than step `after`: a run that goes on from there makes them again."""
    for path in (run / FOLDER).glob(FILES):
        number = path.stem.removeprefix("step")
        if number.isdecimal() and int(number) > after:
            with suppress(OSError):
                path.unlink()


def digest(said: Mapping[str, Any], views: Views) -> str:
    """Of facts, names, shapes and numbers."""
    found = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in sorted(views):
        found.update(f"{name} {views[name].shape} {views[name].dtype}\n".encode())
        found.update(views[name].tobytes())
    return found.hexdigest()


def read(run: Path) -> Found:
    """The snapshots in the folder of a run, oldest first. Raises nothing."""
    snapshots, notes = list[Snapshot](), list[str]()
    try:
        paths = sorted((run / FOLDER).glob(FILES))
    except OSError as error:
        return Found((), (f"{run / FOLDER} cannot be read: {error.strerror}",))
    for path in paths:
        try:
            snapshots.append(opened(path))
        except OSError as error:
            notes.append(f"{path} cannot be read: {error.strerror or error}")
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            notes.append(f"{path} is damaged: {' '.join(str(error).split())[:100]}")
    return Found(tuple(sorted(snapshots, key=lambda one: one.step)), tuple(notes))


def opened(path: Path) -> Snapshot:
    """One file; raises what is wrong with it."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("not a plain file")
    if found.st_size > ONE:
        raise ValueError(f"no snapshot has more than {ONE} bytes")
    with safe_open(path, framework="np") as file:
        said: dict[str, Any] = json.loads((file.metadata() or {})[KEY])
        views = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    if said["format"] != FORMAT:
        raise ValueError(f"its format is {said['format']}, not {FORMAT}")
    if said.pop("sha256") != digest(said, views):
        raise ValueError("another digest than when it was written")
    grids = {name: (int(rows), int(cols)) for name, (rows, cols) in said["grids"].items()}
    names = sorted(views, key=in_order)
    return Snapshot(
        int(said["step"]),
        int(said["epoch"]),
        {name: views[name] for name in names},
        {name: grids[name] for name in names},
        tuple(map(str, said["left_out"])),
    )


def in_order(name: str) -> tuple[str, int]:
    """By what is seen, then by layer: layer 10 comes after layer 9."""
    what, _, number = name.rpartition("/layer")
    return what, int(number)
