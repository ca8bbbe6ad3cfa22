"""Numbers that promise more than there is: headers of tensors, archives of arrays."""

import functools
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
from safetensors.numpy import save

from attacks.pickles import LOADING, READING, checkpoint, predictions
from attacks.place import Attack, Place


def header(facts: Mapping[str, object], data: bytes = b"") -> bytes:
    """A file of tensors of this header."""
    text = json.dumps(facts).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape: list[int], offsets: list[int], kind: str = "F32") -> dict[str, object]:
    """One that is said to lie there."""
    return {"dtype": kind, "shape": shape, "data_offsets": offsets}


HEADERS = {
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header of 100 MB that is not there": struct.pack("<Q", 10**8) + b"{}",
    "a header of 2^64 - 1 bytes": b"\xff" * 16,
    "10^12 numbers": header({"model/x": tensor([10**12], [0, 4 * 10**12])}),
    "10^12 numbers in no bytes": header({"model/x": tensor([10**6, 10**6], [0, 4])}, b"\0" * 4),
    "a product that overflows": header({"model/x": tensor([2**32, 2**32], [0, 0])}),
    "overlapping": header(
        {"model/x": tensor([1], [0, 4]), "model/y": tensor([1], [0, 4])}, b"\0" * 4
    ),
    "backwards": header({"model/x": tensor([1], [4, 0])}, b"\0" * 4),
    "negative": header({"model/x": tensor([1], [-4, 0])}, b"\0" * 4),
    "a negative length": header({"model/x": tensor([-1], [0, 4])}, b"\0" * 4),
    "a hole": header({"model/x": tensor([1], [4, 8])}, b"\0" * 8),
    "an unknown kind": header({"model/x": tensor([1], [0, 4], "OBJECT")}, b"\0" * 4),
    "deep": struct.pack("<Q", 60_000) + b"[" * 60_000,
    "many dimensions": header({"model/x": tensor([1] * 9999, [0, 4])}, b"\0" * 4),
    "names of 1 MB": header({"model/" + "x" * 2**20: tensor([1], [0, 4])}, b"\0" * 4),
    "100,000 tensors of nothing": header({f"model/{n}": tensor([0], [0, 0]) for n in range(10**5)}),
    "other weights": save({"model/x": np.zeros(1, np.float32)}),
    "no weights": save({}),
}


def packed(**members: bytes) -> bytes:
    """An archive of arrays, compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def array(shape: str, data: bytes, kind: str = "|u1") -> bytes:
    """One that says it has this shape."""
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-len(text) - 11 % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def all_of(content: bytes) -> bytes:
    """Everything that is asked for is this."""
    return packed(correct=content, labels=content, predicted=content)


@functools.cache
def zeros() -> bytes:
    """Zeros in a thousandth of the place, made when they are needed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("correct", "labels", "predicted"):
            with archive.open(f"{name}.npy", "w") as member:
                member.write(array(f"({2**28},)", b""))
                for _ in range(2**8):
                    member.write(bytes(2**20))
    return file.getvalue()


NPZ: dict[str, bytes | Callable[[], bytes]] = {
    "768 MB of zeros": zeros,
    "10^12 numbers": all_of(array("(1000000000000,)", b"\0")),
    "a long shape": all_of(array(f"({'9' * 4000},)", b"\0")),
    "a shape that is a program": all_of(array("__import__('os').system('touch effect')", b"\0")),
    "deep brackets": all_of(array("(" * 5000 + ")" * 5000, b"\0")),
    "objects": all_of(array("(1,)", b"cos\nsystem\n(S'touch effect'\ntR.", "|O")),
    "a negative shape": all_of(array("(-1,)", b"\0")),
    "no numbers": all_of(array("()", b"\1")),
    "no archive": b"PK\x05\x06" + bytes(18),
    "names twice": packed(correct=b"x") * 2,
}


def probed(content: bytes | Callable[[], bytes]) -> Attack:
    """Arrays of a probe, as a report reads them."""

    def prepare(place: Place) -> None:
        (place.run / "probes").mkdir()
        data = content if isinstance(content, bytes) else content()
        (place.run / "probes/similarity.npz").write_bytes(data)
        entry = {"numbers": {}, "arrays": "probes/similarity.npz", "weights": {"step": 12}}
        text = json.dumps({"format": 1, "found": {"similarity": entry}})
        (place.run / "probes.json").write_text(text)

    return Attack(prepare, READING, codes=(0,))


def snapshots(content: bytes) -> Attack:
    """Every snapshot of the embedding is this."""

    def prepare(place: Place) -> None:
        for path in (place.run / "positions").glob("step*"):
            path.write_bytes(content)

    words = (*READING, ["report", "RUN", "--only", "appendix"])
    return Attack(prepare, words, codes=(0, 4), limited=False)


def cached(content: bytes) -> Attack:
    """What is kept of decoded images was exchanged; it is decoded again."""

    def prepare(place: Place) -> None:
        from attacks.images import folder_of_images

        folder_of_images(place)
        seal = hashlib.sha256(content).hexdigest()
        (place.top / "cache/vitpos/decoded").mkdir(parents=True)
        for name in (seal[:32], "0" * 32):
            path = place.top / f"cache/vitpos/decoded/{name}.safetensors"
            path.write_bytes(content)

    return Attack(prepare, LOADING[:1], codes=(0, 4), limited=False)


ATTACKS = {
    **{f"checkpoint: {name}": checkpoint(content) for name, content in HEADERS.items()},
    **{f"predictions: {name}": predictions(content) for name, content in NPZ.items()},
    "probe: 768 MB of zeros": probed(NPZ["768 MB of zeros"]),
    "probe: objects": probed(NPZ["objects"]),
    "snapshot: 10^12 numbers": snapshots(HEADERS["10^12 numbers"]),
    "snapshot: a header of 2^63 bytes": snapshots(HEADERS["a header of 2^63 bytes"]),
    "cache: a header of 2^63 bytes": cached(HEADERS["a header of 2^63 bytes"]),
}
