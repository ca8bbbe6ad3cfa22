"""Small data sets in the formats of the large ones, for which the readers are made to take them."""

import hashlib
import io
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from vitpos.data import known
from vitpos.schema import Dataset, Geometry

CONFIGS = Path(__file__).parents[1] / "configs" / "dataset"


def dataset(config: str, **changes: object) -> Dataset:
    """A data set as its file in `configs/` has it, with changes."""
    values = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())
    geometry = Geometry(**values.pop("geometry"))
    return Dataset(**{**values, "geometry": geometry, **changes})


def idx(array: np.ndarray) -> bytes:
    """An array in MNIST's format: magic number, sizes, values."""
    header = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def mnist(root: Path, patch: pytest.MonkeyPatch, *, train: int = 100, labels: int = 100) -> dict:
    """MNIST of 100 training and 40 test images at `root`; returns the arrays."""
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (train, 28, 28)),
        "train-labels-idx1-ubyte": np.arange(labels) % 10,
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (40, 28, 28)),
        "t10k-labels-idx1-ubyte": np.arange(40) % 10,
    }
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        (folder / name).write_bytes(idx(array))
    bless("mnist", root, patch, train=100, test=40)
    return arrays


class OldPickler(pickle.Pickler):
    """Writes dtypes much as the numpy of CIFAR's time did: today's numpy warns about them."""

    def reducer_override(self, thing: object) -> object:
        """`dtype("u1", align=0)`: a number where a boolean is asked for now."""
        if isinstance(thing, np.dtype):
            return np.dtype, (thing.str[1:], 0), (3, "|", None, None, None, -1, -1, 0)
        return NotImplemented


def old_pickle(thing: object) -> bytes:
    """What a file of CIFAR holds."""
    stream = io.BytesIO()
    OldPickler(stream, protocol=2).dump(thing)
    return stream.getvalue()


def cifar10(root: Path, patch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """CIFAR-10 of 5 x 20 training and 20 test images at `root`; returns pixels by file."""
    rng = np.random.default_rng(1)
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    pixels = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pixels[name] = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        batch = {"data": pixels[name], "labels": [i % 10 for i in range(20)]}
        (folder / name).write_bytes(old_pickle(batch))
    (folder / "batches.meta").write_bytes(old_pickle({"label_names": list("abcdefghij")}))
    bless("cifar10", root, patch, train=100, test=20)
    return pixels


def cifar100(root: Path, patch: pytest.MonkeyPatch) -> None:
    """CIFAR-100 of 200 training and 100 test images at `root`."""
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    for name, count in (("train", 200), ("test", 100)):
        labels = [i % 100 for i in range(count)]
        pixels = np.zeros((count, 3072), dtype=np.uint8)
        batch = {"data": pixels, "fine_labels": labels, "coarse_labels": [0] * count}
        (folder / name).write_bytes(old_pickle(batch))
    names = [f"class {i}" for i in range(100)]
    (folder / "meta").write_bytes(old_pickle({"fine_label_names": names}))
    bless("cifar100", root, patch, train=200, test=100)


def bless(name: str, root: Path, patch: pytest.MonkeyPatch, **counts: int) -> None:
    """Take the files as they are now for the published ones."""
    facts = known.KNOWN[name]
    digests = {
        file: hashlib.new(facts.algorithm, (root / facts.folder / file).read_bytes()).hexdigest()
        for file in facts.files
    }
    patch.setitem(known.KNOWN, name, replace(facts, files=digests, **counts))


def picture(
    path: Path, colour: tuple[int, int, int] = (10, 200, 90), size: tuple[int, int] = (8, 8)
) -> None:
    """An image file of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def folder(
    root: Path, *splits: str, classes: tuple[str, ...] = ("cat", "dog"), images: int = 10
) -> Path:
    """A folder of images; the colour tells class and number."""
    for split in splits or ("",):
        for label, name in enumerate(classes):
            for number in range(images):
                picture(root / split / name / f"{number:02}.png", (label, number, len(split)))
    return root
