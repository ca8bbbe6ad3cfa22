"""Pickles where numbers are expected: in checkpoints, archives and data, by whatever name."""

import hashlib
import io
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import torch

from attacks.place import Attack, Place
from vitpos import seals

LOADING = (["resume", "RUN"], ["eval", "RUN"], ["probe", "RUN"])
READING = (["compare", "RUN", "RUN"], ["diff", "RUN", "RUN"], ["show", "RUN"])


class Bomb:
    """Starts a process if it is ever unpickled."""

    def __reduce__(self) -> object:
        return os.system, ("touch effect",)


def of_torch() -> bytes:
    """As `torch.save` writes it."""
    file = io.BytesIO()
    torch.save({"model": Bomb()}, file)
    return file.getvalue()


def of_numpy(**arrays: object) -> bytes:
    """An archive whose arrays are objects."""
    file = io.BytesIO()
    np.savez(file, **{name: np.array([one], dtype=object) for name, one in arrays.items()})
    return file.getvalue()


PROTOCOL_0 = b"cos\nsystem\n(S'touch effect'\ntR."
CONTENTS = {
    "a pickle": pickle.dumps(Bomb()),
    "protocol 0": PROTOCOL_0,
    "of torch": of_torch(),
    "compressed": zlib.compress(PROTOCOL_0),
    "of NumPy": of_numpy(model=Bomb()),
}


def checkpoint(content: bytes, name: str = "", *, listed: bool = True) -> Attack:
    """Every checkpoint is this, and the index has its digest."""

    def prepare(place: Place) -> None:
        place.unfinished()
        folder = place.run / "checkpoints"
        index = folder / "index.jsonl"
        rows = []
        for number, before in enumerate(sorted(folder.glob("step-*")), start=1):
            before.unlink()
            path = before.with_name(name) if name else before
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            identity = place.record()["identity"]
            rows.append(
                {"step": number, "file": path.name, "size": len(content), "sha256": digest,
                 "identity": identity}
            )  # fmt: skip
        if listed:
            index.write_bytes(b"".join(map(seals.line, rows)))

    return Attack(prepare, LOADING, codes=(4,), says=("checkpoint",))


def predictions(content: bytes | Callable[[], bytes]) -> Attack:
    """The predictions of a finished run are this."""

    def prepare(place: Place) -> None:
        data = content if isinstance(content, bytes) else content()
        (place.run / "predictions.npz").write_bytes(data)

    return Attack(prepare, READING, codes=(0, 4))


def beside(name: str) -> Attack:
    """A file that other programs would load by itself."""

    def prepare(place: Place) -> None:
        for folder in (place.run, place.run / "checkpoints", place.cwd / "received"):
            (folder / name).write_bytes(pickle.dumps(Bomb()))

    return Attack(prepare, READING, codes=(0,))


def zipped(name: str) -> bytes:
    """An archive with a pickle by the name of an array."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for array in ("correct", "labels", "predicted"):
            archive.writestr(f"{array}{name}", pickle.dumps(Bomb()))
    return file.getvalue()


ATTACKS = {
    **{f"checkpoint: {name}": checkpoint(content) for name, content in CONTENTS.items()},
    "checkpoint: not listed": checkpoint(CONTENTS["a pickle"], listed=False),
    "checkpoint: named .pt": checkpoint(of_torch(), "last.pt"),
    "predictions: objects": predictions(
        of_numpy(correct=Bomb(), labels=Bomb(), predicted=Bomb())
    ),
    "predictions: a pickle": predictions(CONTENTS["a pickle"]),
    "predictions: of torch": predictions(of_torch()),
    "predictions: in an archive": predictions(zipped(".npy")),
    "predictions: without an ending": predictions(zipped("")),
    "beside: model.pt": beside("model.pt"),
    "beside: sitecustomize.py": beside("sitecustomize.py"),
    "beside: __init__.pyc": beside("__init__.pyc"),
    "beside: positions.pkl": beside("positions.pkl"),
}  # fmt: skip
