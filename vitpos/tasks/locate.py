"""The class of an image on a canvas, and the box that it fills.

One regression, without the queries and the matching of DETR (Carion et al. 2020,
https://arxiv.org/abs/2005.12872), whose losses these are: cross-entropy, the L1 distance of boxes,
and one minus their generalised intersection over union, with weights.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Rows
from vitpos.data.placing import Shown, laid
from vitpos.data.samples import Samples
from vitpos.data.scene import Ids, Look
from vitpos.tasks.boxes import boxed, extent, overlap
from vitpos.tasks.canvas import Canvas, shrunk
from vitpos.tasks.task import Measured, PerImage, Task


class Locate(Task):
    """Scores are those of the classes, then a box before the sigmoid; answers are [class, box]."""

    measures = ("accuracy", "iou", "centre_error")

    def __init__(self, classes: int, how: schema.Locate, size: int, patch: int) -> None:
        super().__init__(classes + 4)
        self.classes, self.how, self.patch = classes, how, patch
        self.side = how.side(size)

    @override
    def scene(self, samples: Samples) -> Canvas:
        return Placed(samples, self.how, self.patch)

    @override
    def loss(self, scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return self.parts(scores.float(), targets, smoothing).mean()

    @override
    def losses(self, scores: Tensor, wanted: Tensor) -> PerImage:
        return self.parts(scores, wanted, 0.0)

    def parts(self, scores: Tensor, wanted: Tensor, smoothing: float) -> PerImage:
        """The weighted sum, image by image."""
        classes, boxes = wanted[:, 0].long(), wanted[:, 1:]
        surprise = F.cross_entropy(
            scores[:, : self.classes], classes, reduction="none", label_smoothing=smoothing
        )
        found = scores[:, self.classes :].sigmoid()
        distance = (found - boxes).abs().sum(dim=1)
        return surprise + self.how.l1 * distance + self.how.giou * (1 - overlap(found, boxes)[1])

    @override
    def measured(self, scores: Tensor, wanted: Tensor) -> Measured:
        answers = self.answer(scores)
        right = (answers[:, 0] == wanted[:, 0]).float()
        iou, _ = overlap(answers[:, 1:], wanted[:, 1:])
        apart = (answers[:, 1:3] - wanted[:, 1:3]).norm(dim=1) * self.side
        return torch.stack((right, iou, apart))

    @override
    def answer(self, scores: Tensor) -> Tensor:
        scores = scores.float()
        classes = scores[:, : self.classes].argmax(dim=1, keepdim=True).float()
        return torch.cat((classes, scores[:, self.classes :].sigmoid()), dim=1)

    @override
    def kept(self, answers: Tensor, wanted: Tensor) -> dict[str, Any]:
        predicted, labels = (np.asarray(part[:, 0], np.int32) for part in (answers, wanted))
        return {
            "predicted": predicted,
            "labels": labels,
            "correct": np.packbits(predicted == labels),
            "boxes": np.asarray(answers[:, 1:], np.float32),
            "true_boxes": np.asarray(wanted[:, 1:], np.float32),
        }


class Placed(Canvas):
    """One image anywhere. The right answer is [class, box]."""

    @override
    def tables(self, draws: Draws) -> Rows:
        place = self.step * draws.integers("locate/place", 0, self.free, 2)
        return {"place": place.int(), **self.clutter(draws)}

    @override
    def __call__(self, ids: Ids, rows: Rows, look: Look) -> tuple[Shown, Tensor]:
        image, at = shrunk(look(ids), self.times), rows["place"]
        box = boxed((extent(image) + at.repeat(1, 2)) / self.side)
        labels = self.samples.labels.index_select(0, ids).to(box)
        canvas = laid(self.background(rows, image), image, at)
        return canvas, torch.cat((labels[:, None], box), dim=1)
