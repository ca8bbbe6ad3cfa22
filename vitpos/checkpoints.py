"""The state of a run, saved so that damage is always noticed.

One safetensors file per checkpoint; a line in `index.jsonl` with its digest makes it count. At
least two are kept, and a damaged one is passed over for the one before.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from vitpos.durable import Lines, disk_errors, sweep_temporary, write
from vitpos.errors import BadRun

KEEP = 2


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> None:
    """Write the state after `step` steps; it counts once its line is in the index."""
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    content = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {"step": str(step), **facts},
    )
    path = folder / f"step-{step:08d}.safetensors"
    write(path, content)
    index = Lines(folder / "index.jsonl")
    digest = hashlib.sha256(content).hexdigest()
    row = {"step": step, "file": path.name, "size": len(content), "sha256": digest}
    rows = [old for old in index.read() if old["step"] < step]
    index.rewrite([*rows[1 - KEEP :], row])
    for old in rows[: 1 - KEEP]:
        with suppress(OSError):
            (folder / str(old["file"])).unlink()


def load(folder: Path, note: Callable[[str], None]) -> tuple[int, dict[str, Tensor]] | None:
    """The newest whole checkpoint: its step and tensors, or None if none was written yet.

    Raises `BadRun` when there are checkpoints but every one is damaged.
    """
    sweep_temporary(folder)
    rows = Lines(folder / "index.jsonl").read()
    for row in reversed(rows):
        path = folder / Path(str(row["file"])).name
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() == row["sha256"]:
            try:
                return int(row["step"]), safetensors.torch.load(content)
            except SafetensorError as error:
                raise BadRun(f"{path} is not a checkpoint: {error}") from error
        note(f"{path} is damaged ({len(content)} of {row['size']} bytes); using the one before")
    if rows:
        raise BadRun(f"no checkpoint in {folder} is whole", "start the run again: `vitpos train`")
    return None
