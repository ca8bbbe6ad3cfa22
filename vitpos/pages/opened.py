"""A run as its card looks at it: the network now and at the start, and what it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from vitpos import build, snapshots
from vitpos.data.samples import Report
from vitpos.embeddings.base import Site
from vitpos.errors import BadRun
from vitpos.grid import Grid
from vitpos.probes import controls, loading
from vitpos.probes.running import newest
from vitpos.probes.subject import Subject
from vitpos.probes.trace import Layer, one
from vitpos.records import Record
from vitpos.runs import RunFolder
from vitpos.schema import Run
from vitpos.shapes import Images
from vitpos.snapshots import Snapshot
from vitpos.vit import ViT


@dataclass(frozen=True)
class Opened:
    """A finished run. What is shown of blocks is of those that attend to the first such grid.

    Networks of several stages have smaller grids later, and perhaps convolutions before.
    """

    record: Record
    step: int
    sha256: str  # of the checkpoint
    subject: Subject
    start: ViT  # as it was before the first step: exactly, for it is drawn by the seed
    blocks: tuple[int, ...]  # those that are shown, numbered from 0 over all stages
    site: Site  # of the first of them
    chosen: tuple[int, ...]  # which images are shown one by one
    classes: tuple[str, ...]  # of the data

    @property
    def run(self) -> Run:
        """As it was composed."""
        return self.subject.run

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Of its position on the way, where they were kept."""
        return snapshots.read(self.record.path).snapshots

    @property
    def grid(self) -> Grid:
        """Of the blocks that are shown."""
        return self.site.grid

    @property
    def images(self) -> Images:
        """Those that are shown one by one, as the network gets them."""
        return self.subject.images(max(self.chosen) + 1)[list(self.chosen)]

    @property
    def pixels(self) -> UInt8[Tensor, "images channels height width"]:
        """The same as they are drawn."""
        shape = (1, -1, 1, 1)
        mean, std = (torch.tensor(x).view(shape) for x in (self.subject.mean, self.subject.std))
        drawn = (self.images.cpu() * std + mean) * 255
        return drawn.round().clamp(0, 255).to(torch.uint8)

    @property
    def labels(self) -> list[int]:
        """What is right of each of them, as one number; -1 where that is none."""
        return labels_of(self.subject.labels(max(self.chosen) + 1))[list(self.chosen)].tolist()


def opened(record: Record, images: int, report: Report, note: Any) -> Opened:
    """A run ready to be looked at, on `images` images; `BadRun` if its weights are lost."""
    folder = RunFolder(record.path)
    step, subject = loading.subject(folder, {}, controls.MOST, report, note)
    weights = newest(folder, step)
    classes = tuple(map(str, folder.record()["data"]["classes"]))
    start = build.network(subject.run, len(classes)).eval()
    sha256 = str(weights["sha256"]) if weights else ""
    return looked_at(record, step, sha256, subject, start, classes, images)


def looked_at(
    record: Record,
    step: int,
    sha256: str,
    subject: Subject,
    start: ViT,
    classes: tuple[str, ...],
    images: int,
) -> Opened:
    """The same of a network that is there already."""
    layers = one(subject.model, subject.images(1))
    blocks = alike(layers)
    if not blocks:
        raise BadRun(f"{record.path}: no block attends to all of a grid")
    site = layers[blocks[0]].site
    chosen = choice(labels_of(subject.labels(subject.limit)), images)
    return Opened(record, step, sha256, subject, start, blocks, site, chosen, classes)


def labels_of(wanted: Tensor) -> Tensor:
    """What is right of an image as one number: its class, or its cell; -1 if it is no such."""
    if wanted.ndim == 1:
        return wanted.long()
    boxed = wanted.is_floating_point()  # class and box
    return wanted[:, 0].long() if boxed else torch.full((len(wanted),), -1)


def alike(layers: Sequence[Layer]) -> tuple[int, ...]:
    """The blocks that attend to all of the grid that is the first to be attended to."""
    open_ = [
        number
        for number, layer in enumerate(layers)
        if layer.weights is not None
        and layer.weights.shape[-1] == layer.site.prefix + layer.grid.cells
    ]
    return tuple(n for n in open_ if layers[n].grid == layers[open_[0]].grid)


def choice(labels: Tensor, count: int) -> tuple[int, ...]:
    """The first image of as many classes, in their order in the test; then those that follow."""
    first = list({label: i for i, label in reversed(list(enumerate(labels.tolist())))}.values())
    rest = [i for i in range(len(labels)) if i not in set(first)]
    return tuple((sorted(first) + rest)[:count])
