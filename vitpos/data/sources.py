"""Read a data set into memory: from the package, through torchvision, or from a folder of images.

Never touches the network: `vitpos data NAME` does (`download`).
"""

from pathlib import Path
from typing import NamedTuple

import torch

from vitpos.data import decode, files, folder, mnist5k, published
from vitpos.data.moved import moved
from vitpos.data.samples import Data, Report, Samples, digest, moments, silent, split
from vitpos.schema import Dataset


class Parts(NamedTuple):
    """What a source gives; without validation images, some are held out of the training images."""

    train: Samples
    validation: Samples | None
    test: Samples
    classes: tuple[str, ...]


def load(dataset: Dataset, report: Report = silent) -> Data:
    """Read, verify and split a data set.

    Validation images are `dataset.validation` of the training images, each class in proportion, the
    same for all arms and seeds; a folder with a `val` of its own uses that. Raises `BadData` naming
    the file, what was expected and what was found.
    """
    where = files.locate(dataset)
    if where is None:
        parts = Parts(*mnist5k.read(), mnist5k.CLASSES)
    elif dataset.source == "folder":
        parts = pictures(dataset, where, report)
    else:
        report(0, 1, f"verifying {dataset.name}")
        train, test, classes = published.read(dataset.name, where)
        parts = Parts(train, None, test, classes)
        report(1, 1, f"verifying {dataset.name}")
    train, validation = parts.train, parts.validation
    if validation is None:
        train, validation = split(train, dataset.validation, "validation", dataset.name)
    splits = {"train": train, "validation": validation, "test": parts.test}
    if dataset.moved != "none":
        splits = {name: moved(samples, dataset.moved) for name, samples in splits.items()}
    mean, std = normalisation(dataset, splits["train"])
    return Data(
        name=dataset.name,
        **splits,
        classes=parts.classes,
        mean=mean,
        std=std,
        digest=digest(**splits),
    )


def normalisation(dataset: Dataset, train: Samples) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of the configuration, or of the training pixels where it has none."""
    if dataset.mean is not None and dataset.std is not None:
        return tuple(dataset.mean), tuple(dataset.std)
    mean, std = moments(train.pixels)
    return tuple(dataset.mean or mean), tuple(dataset.std or std)


def pictures(dataset: Dataset, where: Path, report: Report) -> Parts:
    """A folder of images; without `test` a fifth is held out as one, the same at all times."""
    listing = folder.read(where)
    files.agree(dataset, classes=len(listing.classes))
    everything = [image for images in listing.splits.values() for image in images]
    pixels = decode.pixels(where, everything, dataset.size, dataset.channels, report)
    labels = torch.tensor([image.label for image in everything])
    sizes = [len(images) for images in listing.splits.values()]
    parts = {
        name: Samples(*pair)
        for name, *pair in zip(
            listing.splits, pixels.split(sizes), labels.split(sizes), strict=True
        )
    }
    if "all" in parts:
        train, test = split(parts["all"], round(len(everything) / 5), "test", dataset.name)
        return Parts(train, None, test, listing.classes)
    return Parts(parts["train"], parts.get("val"), parts["test"], listing.classes)
