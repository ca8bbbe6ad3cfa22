"""What a trained network is worth on other images."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vitpos import config
from vitpos.data.augment import normalise
from vitpos.data.moved import MOVED
from vitpos.data.samples import Data
from vitpos.errors import BadInput
from vitpos.metrics import BATCH
from vitpos.probes.asking import answers, no_classes, share
from vitpos.probes.loading import data
from vitpos.probes.probe import Found
from vitpos.probes.regression import Features, accuracy
from vitpos.probes.resolution import resize
from vitpos.probes.subject import Subject
from vitpos.schema import Dataset
from vitpos.shapes import Images

LEARN = 5  # training images for each test image that is looked at


class Transfer:
    """Images of another kind: accuracy as the network is, and of a linear map of its features.

    Other images are those of its own data set, moved about as `dataset.moved` does, the same for
    all runs:

    - `shifted`: by whole pixels, up to a quarter of the side each way; black comes in;
    - `rotated`: by up to 45 degrees either way;
    - `cluttered`: four squares from other images, a quarter of the side each, at random places; the
      lighter pixel is seen.

    `data=fashion_mnist` (several with commas; the folder of an image data set by its path) adds
    data sets with as many channels, resized to the size of the training. Images are normalised as
    in the training always.

    Of each kind K:

    - `K/accuracy`: the test images as the network classifies them, where there are as many classes;
      `K/drop` of changed images: what the change costs;
    - `K/linear_accuracy`: of multinomial logistic regression on the pooled features that the head
      sees, learned from training images of the same kind, five for each test image that is looked
      at (the first ones), with standardised features and 0.001 / 2 times the squared weights beside
      the mean cross-entropy.

    `accuracy` and `linear_accuracy` are those of the images as they are.

    No arrays.
    """

    name = "transfer"
    source = "linear probes: Kornblith et al. 2019, arXiv 1805.08974; clutter: arXiv 1406.6247"
    options = ("data",)

    def why_not(self, subject: Subject) -> str:
        """It has to say classes, and other data has to fit it."""
        why = no_classes(subject)
        for name in others(subject):
            channels = other(name, subject.run.dataset).channels
            if channels != subject.run.dataset.channels:
                own = subject.run.dataset.channels
                why = why or f"{name} has {channels} channels, the network reads {own}"
        return why

    def measure(self, subject: Subject) -> Found:
        """Its own data set, changed and unchanged, or the others that are asked for."""
        if others(subject):
            return Found(elsewhere(subject), {})
        own = subject.run.dataset
        numbers = both(subject, data(own))
        found = dict(numbers)
        for how in MOVED:
            told = both(subject, data(replace(own, moved=how)))
            found |= {f"{how}/{name}": value for name, value in told.items()}
            found[f"{how}/drop"] = numbers["accuracy"] - told["accuracy"]
        return Found(found, {})


def elsewhere(subject: Subject) -> dict[str, float]:
    """The numbers of other data sets."""
    found: dict[str, float] = {}
    for name in others(subject):
        known = data(other(name, subject.run.dataset))
        told = both(subject, known)
        if len(known.classes) != subject.model.head.out_features:
            del told["accuracy"]
        found |= {f"{known.name}/{what}": value for what, value in told.items()}
    return found


def both(subject: Subject, known: Data) -> dict[str, float]:
    """Accuracy as the network is, and by regression on its features."""
    learnt = known.train.take(slice(LEARN * subject.limit)).to(subject.machine.device)
    tried = known.test.take(slice(subject.limit)).to(subject.machine.device)
    before, images = (ready(subject, pixels) for pixels in (learnt.pixels, tried.pixels))
    right = answers(subject, images) == tried.labels
    seen = [features(subject, before), learnt.labels, features(subject, images), tried.labels]
    return {"accuracy": share(right), "linear_accuracy": accuracy(*seen)}


def ready(subject: Subject, pixels: Tensor) -> Images:
    """Images as the network was trained on: of that size, in numbers around zero."""
    return resize(normalise(pixels, subject.mean, subject.std), subject.run.dataset.size)


def features(subject: Subject, images: Images) -> Features:
    """What the head is given of each image, in float32."""
    found: list[Tensor] = []
    hook = subject.model.head.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    try:
        with torch.no_grad(), subject.machine.autocast():
            for part in images.split(BATCH):
                subject.model(part)
    finally:
        hook.remove()
    return torch.cat(found).float()


def others(subject: Subject) -> list[str]:
    """The data sets that are asked for."""
    return [name for name in subject.asked.get("data", "").split(",") if name]


def other(name: str, own: Dataset) -> Dataset:
    """A data set by its name, or the folder of one; raises `BadInput` if there is none."""
    if "/" not in name:
        return config.compose_dataset([f"dataset={name}"])
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise BadInput(f"data={name}: there is no such folder")
    usual = config.compose_dataset(["dataset=imagefolder"])
    return replace(
        usual,
        name=folder.name,
        root=str(folder),
        size=own.size,
        channels=own.channels,
        validation=1,
    )


PROBE = Transfer()
