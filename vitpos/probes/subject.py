"""What is probed: a trained network, what it was trained on, and images it has not seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Int64
from torch import Tensor

from vitpos.data.augment import normalise
from vitpos.data.samples import Samples
from vitpos.keys import generator
from vitpos.machine import Machine
from vitpos.metrics import BATCH
from vitpos.schema import Run
from vitpos.shapes import Images
from vitpos.vit import ViT

IMAGES = 1000  # that are looked at unless somebody asks for another number


@dataclass(frozen=True)
class Subject:
    """A trained network in evaluation, and the test images of what it was trained on.

    `mean` and `std` are those of its training; `limit` is the largest number of images that were
    asked for, `asked` other settings by name, such as ``rule=ntk``.
    """

    run: Run
    model: ViT
    samples: Samples
    mean: tuple[float, ...]
    std: tuple[float, ...]
    machine: Machine
    limit: int = IMAGES
    asked: Mapping[str, str] = field(default_factory=dict)

    def images(self, count: int) -> Images:
        """The first `count` test images, normalised, on the device; fewer if there are fewer."""
        chosen = self.samples.pixels[: min(count, self.limit)]
        return normalise(chosen.to(self.machine.device), self.mean, self.std)

    def labels(self, count: int) -> Int64[Tensor, " images"]:
        """The classes of the same images."""
        return self.samples.labels[: min(count, self.limit)].to(self.machine.device)

    def generator(self, *purpose: str) -> torch.Generator:
        """Numbers that belong to this purpose and to the seed of the run, on the CPU.

        They are the same each time, and the same in all arms of a study.
        """
        return generator(self.run.stream, "probe", *purpose)


def passes(images: Tensor) -> Iterator[Tensor]:
    """The images in parts of a fixed number, so that sums over them are always the same."""
    return iter(images.split(BATCH))
