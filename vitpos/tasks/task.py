"""What every task says: how many numbers the head gives, the loss, what is measured and kept."""

from abc import ABC, abstractmethod
from typing import Any

from jaxtyping import Float
from torch import Tensor

from vitpos.data.samples import Samples
from vitpos.data.scene import Scene

PerImage = Float[Tensor, " images"]
Measured = Float[Tensor, "measures images"]


class Task(ABC):
    """A question about images.

    `targets` are what training aims at; `wanted` is what is right, with which answers are compared.
    Both have a row for each image, as scores have. What is measured is a number for each image,
    whose mean is told; the first is always accuracy, the share that is right.
    """

    measures: tuple[str, ...] = ("accuracy",)
    per_token = False  # whether every token is asked, or the image as a whole

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs  # numbers that the head gives

    def scene(self, samples: Samples) -> Scene | None:
        """What is shown in place of these images; None: they themselves."""
        return None

    def wanted(self, targets: Tensor, labels: Tensor) -> Tensor:
        """What is right, where `targets` are aimed at and `labels` are the classes."""
        return targets

    @abstractmethod
    def loss(self, scores: Tensor, targets: Tensor, smoothing: float) -> Float[Tensor, ""]:
        """What training makes small: the mean over images."""

    @abstractmethod
    def losses(self, scores: Tensor, wanted: Tensor) -> PerImage:
        """The loss of each image in evaluation, where nothing is smoothed."""

    @abstractmethod
    def measured(self, scores: Tensor, wanted: Tensor) -> Measured:
        """The numbers by the names in `measures`."""

    @abstractmethod
    def answer(self, scores: Tensor) -> Tensor:
        """What the network says, without how sure it is; a row for each image."""

    @abstractmethod
    def kept(self, answers: Tensor, wanted: Tensor) -> dict[str, Any]:
        """Arrays for `predictions.npz`, of all test images, from tensors on the CPU.

        `predicted` and `labels`; where every image is right or wrong, a bit for each in `correct`.
        """
