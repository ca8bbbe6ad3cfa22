"""Data sets that everybody knows. Each file is compared with its digest before it is opened."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vitpos.data import batches, files
from vitpos.data.known import Known, known
from vitpos.data.samples import Samples
from vitpos.data.vision import torchvision
from vitpos.errors import BadData, UserError


def read(name: str, where: Path) -> tuple[Samples, Samples, tuple[str, ...]]:
    """Training images, test images and the names of the classes of a data set in `known`.

    Raises `BadData` naming the file that is damaged, or what else is wrong.
    """
    facts = known(name)
    files.verify(name, where)
    reader = idx if facts.folder.endswith("raw") else cifar
    try:
        train, test, classes = reader(facts, where)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # a strange file is left to whatever stumbles over it
        reason = f"{type(error).__name__}: {error}"
        raise BadData(
            f"{name}: {where / facts.folder} is not in its format: {reason}",
            f"fetch it again: {files.fetch(name, where)}",
        ) from error
    check(name, facts, "training", facts.train, train)
    check(name, facts, "test", facts.test, test)
    return train, test, classes


def idx(facts: Known, where: Path) -> tuple[Samples, Samples, tuple[str, ...]]:
    """The four IDX files of MNIST and its kin.

    Read file by file: torchvision's class would prefer a `processed/training.pt` beside them.
    """
    datasets = torchvision().datasets

    def part(word: str) -> Samples:
        stem = str(where / facts.folder / word)
        images = datasets.mnist.read_image_file(f"{stem}-images-idx3-ubyte")
        return Samples(images[:, None], datasets.mnist.read_label_file(f"{stem}-labels-idx1-ubyte"))

    names = getattr(datasets, facts.reader).classes
    return part("train"), part("t10k"), tuple(name.partition(" - ")[0] for name in names)


def cifar(facts: Known, where: Path) -> tuple[Samples, Samples, tuple[str, ...]]:
    """The batch files of CIFAR; the last one names the classes."""
    fine = "fine_" if facts.classes == 100 else ""
    *names, meta = facts.files
    shape = (-1, facts.channels, facts.size, facts.size)

    def part(chosen: Sequence[str]) -> Samples:
        found = [batches.read(where / facts.folder / name, facts) for name in chosen]
        pixels = np.concatenate([batches.array(one["data"]) for one in found]).reshape(shape)
        labels = [label for one in found for label in batches.labels(one[f"{fine}labels"])]
        return Samples(torch.from_numpy(pixels), torch.tensor(labels))

    train = part([name for name in names if not name.startswith("test")])
    test = part([name for name in names if name.startswith("test")])
    classes = batches.read(where / facts.folder / meta, facts)[f"{fine}label_names"]
    return train, test, tuple(map(str, classes))


def check(name: str, facts: Known, part: str, count: int, samples: Samples) -> None:
    """Raise `BadData` unless there are so many images of that shape, each with a label in range."""
    pixels, labels = samples
    shape, last = [facts.channels, facts.size, facts.size], facts.classes - 1
    span = [int(labels.min()), int(labels.max())] if len(labels) else [0, 0]
    problems = {
        f"{len(pixels):,} {part} images with {len(labels):,} labels": len(pixels) != len(labels),
        f"{len(pixels):,} {part} images, not {count:,}": len(pixels) != count,
        f"{part} images of {list(pixels.shape[1:])}, not {shape}": list(pixels.shape[1:]) != shape,
        f"{part} pixels of {pixels.dtype}, not bytes": pixels.dtype != torch.uint8,
        f"{part} labels of {labels.dtype}, not integers": labels.dtype != torch.int64,
        f"{part} labels from {span[0]} to {span[1]}, not 0..{last}": min(span) < 0
        or max(span) > last,
    }
    for problem, found in problems.items():
        if found:
            raise BadData(f"{name}: {problem}", f"fetch it again: {files.fetch(name)}")
