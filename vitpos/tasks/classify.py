"""The class of an image."""

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from vitpos.tasks.choice import Choice


class Classify(Choice):
    """Aimed at are shares of classes, for images may be mixed; right is the class of the first."""

    @override
    def wanted(self, targets: Tensor, labels: Tensor) -> Tensor:
        return labels

    @override
    def loss(self, scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        return F.cross_entropy(scores.to(targets), targets, label_smoothing=smoothing)
