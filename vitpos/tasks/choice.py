"""Tasks that choose one of several answers, for an image or for each of its tokens."""

from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from vitpos.tasks.task import Measured, PerImage, Task


class Choice(Task):
    """Cross-entropy, and whether the answer with the highest score is the right one.

    Scores are [images, answers] or [images, tokens, answers]; what is right has a number for each.
    """

    @override
    def loss(self, scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.cross_entropy(scores.float().movedim(-1, 1), targets, label_smoothing=smoothing)

    @override
    def losses(self, scores: Tensor, wanted: Tensor) -> PerImage:
        found = F.cross_entropy(scores.movedim(-1, 1), wanted, reduction="none")
        return found.unflatten(0, (-1, 1)).flatten(1).mean(dim=1)

    @override
    def measured(self, scores: Tensor, wanted: Tensor) -> Measured:
        right = (scores.argmax(dim=-1) == wanted).float()
        return right.unflatten(0, (-1, 1)).flatten(1).mean(dim=1)[None]

    @override
    def answer(self, scores: Tensor) -> Tensor:
        return scores.argmax(dim=-1)

    @override
    def kept(self, answers: Tensor, wanted: Tensor) -> dict[str, Any]:
        predicted, labels = (np.asarray(part, np.int32) for part in (answers, wanted))
        arrays = {"predicted": predicted, "labels": labels}
        if labels.ndim > 1:  # an image is neither right nor wrong
            return arrays
        return arrays | {"correct": np.packbits(predicted == labels)}
