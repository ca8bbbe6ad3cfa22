"""What is probed: a trained network, what it was trained on, and images it has not seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from vitpos.data.samples import Samples
from vitpos.data.shuffle import tile
from vitpos.keys import generator
from vitpos.machine import Machine
from vitpos.metrics import BATCH, Exam
from vitpos.schema import Run
from vitpos.shapes import Images
from vitpos.tasks.classify import Classify
from vitpos.tasks.task import Task
from vitpos.vit import ViT

IMAGES = 1000  # that are looked at unless somebody asks for another number


@dataclass(frozen=True)
class Subject:
    """A trained network in evaluation, and the test images of what it was trained on.

    `mean` and `std` are those of its training; `limit` is the largest number of images that were
    asked for, `asked` other settings by name, such as ``rule=ntk``; `task` is what it was trained
    to say, by default the class of an image.
    """

    run: Run
    model: ViT
    samples: Samples
    mean: tuple[float, ...]
    std: tuple[float, ...]
    machine: Machine
    limit: int = IMAGES
    asked: Mapping[str, str] = field(default_factory=dict)
    task: Task = field(default_factory=lambda: Classify(0))

    @cached_property
    def exam(self) -> Exam:
        """The test images as the network is shown them, and what is right to say."""
        samples, tiles = self.samples.to(self.machine.device), tile(self.run.patch)
        return Exam(samples, self.mean, self.std, self.machine, None, tiles, self.task)

    def images(self, count: int) -> Images:
        """The first `count` test images, normalised, on the device; fewer if there are fewer.

        Where the task shows canvases these are canvases, those that the run was evaluated on.
        """
        return self.exam.shown(self._first(count))[0]

    def labels(self, count: int) -> Tensor:
        """What is right to say of the same images: the class of each, or what its task asks."""
        return self.exam.shown(self._first(count))[1]

    def _first(self, count: int) -> Tensor:
        most = min(count, self.limit, len(self.samples.labels))
        return torch.arange(most, device=self.machine.device)

    def generator(self, *purpose: str) -> torch.Generator:
        """Numbers that belong to this purpose and to the seed of the run, on the CPU.

        They are the same each time, and the same in all arms of a study.
        """
        return generator(self.run.stream, "probe", *purpose)


def passes(images: Tensor) -> Iterator[Tensor]:
    """The images in parts of a fixed number, so that sums over them are always the same."""
    return iter(images.split(BATCH))
