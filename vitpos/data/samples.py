"""Images and labels as tensors, and what is worked out from them: splits, statistics, a digest."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from vitpos.errors import BadData
from vitpos.keys import generator

Report = Callable[[int, int, str], None]
"""Called now and then during long work: (done, total, what)."""


def silent(done: int, total: int, what: str) -> None:
    """Report to nobody."""


class Samples(NamedTuple):
    """Images in 0..255 and the class of each."""

    pixels: UInt8[Tensor, "images channels height width"]
    labels: Int64[Tensor, " images"]

    def take(self, chosen: Int64[Tensor, " chosen"] | Bool[Tensor, " images"] | slice) -> "Samples":
        """These images, by number, by mask or as a slice."""
        return Samples(self.pixels[chosen], self.labels[chosen])

    def to(self, device: torch.device) -> "Samples":
        """The same images on a device."""
        return Samples(self.pixels.to(device), self.labels.to(device))

    def whose(self) -> str:
        """Sha256 of the labels: tables that belong to these samples, and to no run, have it."""
        return hashlib.sha256(self.labels.cpu().numpy().astype("<i8").tobytes()).hexdigest()


@dataclass(frozen=True)
class Data:
    """A data set, whole, in memory.

    `mean` and `std` are per channel, of pixels in 0..1. `digest` is a sha256 over the pixels and
    labels of all three splits: two runs with one digest saw the same images.
    """

    name: str
    train: Samples
    validation: Samples
    test: Samples
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digest: str

    def to(self, device: torch.device) -> "Data":
        """The same images on a device."""
        splits = {name: getattr(self, name).to(device) for name in ("train", "validation", "test")}
        return replace(self, **splits)


def holdout(
    labels: Int64[Tensor, " images"], count: int, purpose: str, name: str
) -> Bool[Tensor, " images"]:
    """Choose `count` images to set aside, each class in proportion (largest remainders).

    The choice is keyed by what it is for and by the name of the data set, never by the seed of a
    run: all arms and seeds hold out the same images. Raises `BadData` if a class would keep none.
    """
    sizes = torch.bincount(labels)
    exact = sizes.double() * (count / len(labels))
    quota = exact.floor().long()
    quota[(quota - exact).argsort(stable=True)[: count - int(quota.sum())]] += 1
    if count >= len(labels) or bool(((quota >= sizes) & (sizes > 0)).any()):
        raise BadData(
            f"{name}: {count} images cannot be held out for {purpose} of {len(labels)} in "
            f"{len(sizes)} classes: none would be left to learn from",
            "hold out fewer: `dataset.validation=N`",
        )
    order = torch.randperm(len(labels), generator=generator(0, purpose, name))
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label, wanted in enumerate(quota.tolist()):
        chosen[order[labels[order] == label][:wanted]] = True
    return chosen


def split(samples: Samples, count: int, purpose: str, name: str) -> tuple[Samples, Samples]:
    """The images that stay and those held out, both in their old order."""
    held = holdout(samples.labels, count, purpose, name)
    return samples.take(~held), samples.take(held)


def moments(
    pixels: UInt8[Tensor, "images channels height width"],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, pixels in 0..1: exact, by counting values."""
    values = torch.arange(256, dtype=torch.float64) / 255
    means, deviations = [], []
    for channel in pixels.unbind(1):
        share = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        mean = float(share @ values)
        means.append(mean)
        # images of one single value are divided by a grey step, not by nothing
        deviations.append(max(math.sqrt(float(share @ (values - mean) ** 2)), 1 / 255))
    return tuple(means), tuple(deviations)


def digest(**splits: Samples) -> str:
    """Sha256 over the name, shape, pixels and labels of each split."""
    total = hashlib.sha256()
    for name, (pixels, labels) in splits.items():
        total.update(f"{name} {list(pixels.shape)}\n".encode())
        total.update(pixels.contiguous().numpy().data)
        total.update(labels.contiguous().numpy().astype("<i8").data)
    return total.hexdigest()
