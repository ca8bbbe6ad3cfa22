"""Data sets that torchvision reads. Each file is compared with its digest before it is opened."""

import warnings
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from vitpos.data import files
from vitpos.data.known import Known, known
from vitpos.data.samples import Samples
from vitpos.data.vision import torchvision
from vitpos.errors import BadData, BadInput

Pair = tuple[UInt8[Tensor, "images channels height width"], Int64[Tensor, " labels"]]


def read(name: str, where: Path) -> tuple[Samples, Samples, tuple[str, ...]]:
    """Training images, test images and the names of the classes of a data set in `known`.

    Raises `BadData` naming the file that is damaged, or what else is wrong.
    """
    facts = known(name)
    files.verify(name, where)
    reader = idx if facts.folder.endswith("raw") else batches
    try:
        train, test, classes = reader(facts, where)
    except Exception as error:
        if isinstance(error, BadInput | MemoryError):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise BadData(
            f"{name}: {where / facts.folder} is not in its format: {reason}",
            f"fetch it again: {files.fetch(name, where)}",
        ) from error
    check(name, facts, "training", facts.train, *train)
    check(name, facts, "test", facts.test, *test)
    return Samples(*train), Samples(*test), classes


def idx(facts: Known, where: Path) -> tuple[Pair, Pair, tuple[str, ...]]:
    """The four IDX files of MNIST and its kin.

    Read file by file: torchvision's class would prefer a `processed/training.pt` beside them.
    """
    datasets = torchvision().datasets

    def pair(part: str) -> Pair:
        images = datasets.mnist.read_image_file(
            str(where / facts.folder / f"{part}-images-idx3-ubyte")
        )
        labels = datasets.mnist.read_label_file(
            str(where / facts.folder / f"{part}-labels-idx1-ubyte")
        )
        return images[:, None], labels

    names = getattr(datasets, facts.reader).classes
    return pair("train"), pair("t10k"), tuple(name.partition(" - ")[0] for name in names)


def batches(facts: Known, where: Path) -> tuple[Pair, Pair, tuple[str, ...]]:
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
    with warnings.catch_warnings():  # the files are older than today's numpy
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        train, test = pinned(where, train=True), pinned(where, train=False)

    first, second = (
        (torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(part.targets))
        for part in (train, test)
    )
    return first, second, tuple(train.classes)


def check(
    name: str,
    facts: Known,
    part: str,
    count: int,
    pixels: UInt8[Tensor, "images channels height width"],
    labels: Int64[Tensor, " labels"],
) -> None:
    """Raise `BadData` unless there are so many images of that shape, each with a label in range."""
    shape = (facts.channels, facts.size, facts.size)
    worst = [int(label) for label in (labels.min(), labels.max())] if len(labels) else []
    problems = {
        f"{len(pixels):,} {part} images with {len(labels):,} labels": len(pixels) != len(labels),
        f"{len(pixels):,} {part} images, not {count:,}": len(pixels) != count,
        f"{part} images of {list(pixels.shape[1:])}, not {list(shape)}": pixels.shape[1:] != shape,
        f"{part} labels {worst}, not 0..{facts.classes - 1}": worst
        and not 0 <= worst[0] <= worst[1] < facts.classes,
    }
    for problem, found in problems.items():
        if found:
            raise BadData(f"{name}: {problem}", f"fetch it again: {files.fetch(name)}")
