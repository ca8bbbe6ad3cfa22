"""The state of a run, saved so that damage is always noticed.

One safetensors file per checkpoint; a line in `index.jsonl` with its digest makes it count. At
least two are kept, and a damaged one is passed over for the one before.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from vitpos.durable import Lines, disk_errors, make_folder, write
from vitpos.errors import BadRun

KEEP = 2


class Entry(NamedTuple):
    """A line of the index."""

    step: int
    file: str
    size: int
    sha256: str
    identity: str  # of the run, so that a file of another one is not taken


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], identity: str) -> None:
    """Write the state after `step` steps; it counts once its line is in the index."""
    with disk_errors(folder):
        make_folder(folder)
    content = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {"run": json.dumps({"identity": identity, "step": step})},  # several have no fixed order
    )
    name = f"step-{step:08d}.safetensors"
    digest = hashlib.sha256(content).hexdigest()
    write(folder / name, content)
    before = [entry for entry in entries(folder) if entry.step < step]
    kept = [*before[1 - KEEP :], Entry(step, name, len(content), digest, identity)]
    Lines(folder / "index.jsonl").rewrite([entry._asdict() for entry in kept])
    names = {entry.file for entry in kept}
    for path in folder.glob("step-*.safetensors"):
        if path.name not in names:
            with suppress(OSError):
                path.unlink()


def load(
    folder: Path,
    note: Callable[[str], None],
    *,
    identity: str | None = None,
    before: int | None = None,
) -> tuple[int, dict[str, Tensor]] | None:
    """The newest whole checkpoint: its step and tensors, or None if none was written yet.

    Those of step `before` and later do not count. Raises `BadRun` when there are checkpoints but
    every one is damaged, or one is of a run that is not `identity`. Only reads, so that a run that
    goes on is not disturbed.
    """
    found = entries(folder)
    if not found and any(folder.glob("step-*.safetensors")):
        note(f"{folder / 'index.jsonl'} lists no checkpoint: starting from the beginning")
    found = [entry for entry in found if before is None or entry.step < before]
    for entry in reversed(found):
        path = folder / entry.file
        if identity is not None and entry.identity != identity:
            raise BadRun(f"{path} belongs to another run")
        content, why = read(path, entry)
        if why:
            note(f"{path} is damaged ({why})" + ("; using the one before" * (entry != found[0])))
        else:
            return entry.step, tensors_of(path, content)
    if found:
        names = ", ".join(entry.file for entry in found)
        raise BadRun(f"no checkpoint in {folder} is whole: {names}", "start the run again")
    return None


def forget(folder: Path, after: int) -> None:
    """Strike those later than step `after`, which a run that goes on from there makes again.

    Else a damaged one would be among the two that are kept.
    """
    found = entries(folder)
    kept = [entry for entry in found if entry.step <= after]
    if kept != found:
        Lines(folder / "index.jsonl").rewrite([entry._asdict() for entry in kept])


def entries(folder: Path) -> list[Entry]:
    """The lines of the index, oldest first."""
    path = folder / "index.jsonl"
    found = []
    for number, row in enumerate(Lines(path).read(), start=1):
        match row:
            case {
                "step": int(step),
                "file": str(file),
                "size": int(length),
                "sha256": str(digest),
                "identity": str(identity),
            }:
                found.append(Entry(step, Path(file).name, length, digest, identity))
            case _:
                raise BadRun(f"{path} is damaged at line {number}")
    return found


def size(path: Path) -> int:
    """Bytes of a file; -1 if it is none."""
    try:
        return path.stat().st_size if path.is_file() else -1
    except OSError:
        return -1


def read(path: Path, entry: Entry) -> tuple[bytes, str]:
    """The content of a checkpoint, and what is wrong with it."""
    found = size(path)
    if found != entry.size:
        return b"", "not there" if found < 0 else f"{found} of {entry.size} bytes"
    try:
        content = path.read_bytes()
    except OSError as error:
        return b"", error.strerror or "cannot be read"
    right = hashlib.sha256(content).hexdigest() == entry.sha256
    return content, "" if right else "another sha256 than when it was written"


def tensors_of(path: Path, content: bytes) -> dict[str, Tensor]:
    """The tensors of a whole file. Only safetensors is read, whatever the file's name says."""
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise BadRun(f"{path} is not a checkpoint: {error}") from error
