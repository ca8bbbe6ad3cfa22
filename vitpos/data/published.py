"""Data sets that torchvision reads. Each file is compared with its digest before it is opened."""

import warnings
from pathlib import Path

import numpy as np
import torch

from vitpos.data import files
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
    reader = idx if facts.folder.endswith("raw") else batches
    try:
        train, test, classes = reader(facts, where)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # torchvision leaves a strange file to whatever stumbles over it
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


def batches(facts: Known, where: Path) -> tuple[Samples, Samples, tuple[str, ...]]:
    """The batch files of CIFAR.

    They are pickles: torchvision compares digests once more, with ours, before it opens them.
    """
    base = getattr(torchvision().datasets, facts.reader)
    digests = facts.files
    pinned = type(
        "Pinned",
        (base,),
        {
            "train_list": [[name, digests[name]] for name, _ in base.train_list],
            "test_list": [[name, digests[name]] for name, _ in base.test_list],
            "meta": {**base.meta, "md5": digests[base.meta["filename"]]},
        },
    )
    with warnings.catch_warnings():  # numpy 2.4.0 to 2.4.4 warn of pickles that old (numpy #31177)
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        parts = [pinned(where, train=train) for train in (True, False)]
    train, test = (
        Samples(
            torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(part.targets)
        )
        for part in parts
    )
    return train, test, tuple(parts[0].classes)


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
