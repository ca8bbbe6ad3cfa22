"""What is measured: loss and accuracy on a set, parameters, operations, memory."""

import resource
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int64
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vitpos.build import is_position
from vitpos.data.augment import normalise
from vitpos.data.samples import Samples
from vitpos.data.shuffle import fixed, shuffled
from vitpos.machine import Machine
from vitpos.vit import Attention, ViT

BATCH = 500  # images of one pass in evaluation: a fixed number, so that sums are too


@dataclass(frozen=True)
class Evaluation:
    """A network on a set of images."""

    loss: float  # mean cross-entropy, in nats
    accuracy: float  # 0..1
    predicted: Int64[Tensor, " images"]

    def named(self, split: str) -> dict[str, float]:
        """Under the names they have everywhere."""
        return {f"{split}/loss": self.loss, f"{split}/accuracy": self.accuracy}


class Answers(NamedTuple):
    """What a network says of a set of images, on its device."""

    loss: Float64[Tensor, ""]  # the sum of all cross-entropies
    correct: Int64[Tensor, ""]
    predicted: Int64[Tensor, " images"]


class Exam:
    """A set of images that networks are judged by: resized to `image_size` if that differs.

    `shuffle` is the side of patches that are put in random places, in pixels; 0: none are. Asking
    a network makes the host wait for nothing, and always does the same: it can be recorded.
    """

    def __init__(
        self,
        samples: Samples,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        machine: Machine,
        image_size: int | None = None,
        shuffle: int = 0,
    ) -> None:
        self.samples, self.mean, self.std, self.machine = samples, mean, std, machine
        self.image_size, self.shuffle = image_size, shuffle
        side = image_size or samples.pixels.shape[-1]
        cells = (side // shuffle) ** 2 if shuffle else 0
        self.places = fixed(len(samples.labels), cells).to(samples.labels.device)

    @torch.no_grad()
    def __call__(self, model: torch.nn.Module) -> Answers:
        """Ask a network about all of them."""
        was = model.training
        model.eval()
        (pixels, labels), world = self.samples, self.machine.world
        parts = [whole.split(BATCH) for whole in (pixels, labels, self.places)]
        losses = torch.zeros(len(parts[0]), dtype=torch.float64, device=labels.device)
        found = torch.zeros_like(labels)
        for number, (part, wanted, order) in enumerate(zip(*parts, strict=True)):
            if number % world.size != world.rank:
                continue
            with self.machine.autocast():
                scores = model(self.images(part, order)).float()
            losses[number] = F.cross_entropy(scores, wanted, reduction="none").double().sum()
            found[BATCH * number :][: len(part)] = scores.argmax(dim=-1)
        model.train(was)
        world.add(losses)  # what other processes did is zero here: each sum is exact
        world.add(found)
        return Answers(losses.sum(), (found == labels).sum(), found)

    def images(self, pixels: Tensor, order: Tensor) -> Tensor:
        """What the network gets."""
        images = normalise(pixels, self.mean, self.std)
        if self.image_size is not None and images.shape[-1] != self.image_size:
            size = [self.image_size] * 2
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        return shuffled(images, self.shuffle, order) if self.shuffle else images


def evaluate(
    model: torch.nn.Module,
    samples: Samples,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    machine: Machine,
    image_size: int | None = None,
    shuffle: int = 0,
) -> Evaluation:
    """Loss and accuracy on all of `samples`: an `Exam`, waited for."""
    answers = Exam(samples, mean, std, machine, image_size, shuffle)(model)
    count = len(samples.labels)
    return Evaluation(
        answers.loss.item() / count, answers.correct.item() / count, answers.predicted.cpu()
    )


def cost(model: ViT, channels: int, image_size: int) -> dict[str, int]:
    """Parameters, those of the position embedding, and operations of one forward pass of one image.

    Operations count a multiplication and an addition as two, in matrix products and convolutions.
    """
    position = is_position(model)
    sizes = {name: weight.numel() for name, weight in model.named_parameters()}
    parts = [m for m in model.modules() if isinstance(m, Attention)]
    before = [part.implementation for part in parts]
    for part in parts:
        part.implementation = "explicit"  # the counter does not know every fused kernel
    device = next(model.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, channels, image_size, image_size, device=device))
    for part, implementation in zip(parts, before, strict=True):
        part.implementation = implementation
    return {
        "params": sum(sizes.values()),
        "params_embedding": sum(sizes[name] for name in position),
        "flops_per_image": counter.get_total_flops(),
        "tokens": len(model.prefix) + model.position.trunk.grid.cells,
    }


def begin_memory(device: torch.device) -> int:
    """Bytes of the GPU that are taken before a run, whose own peak is looked for from now on."""
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def peak_memory(device: torch.device, before: int = 0) -> int:
    """Bytes: of the GPU's allocator, but for those `before`, or of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) - before
    peak: Any = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)
