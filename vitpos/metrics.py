"""What is measured: loss and accuracy on a set, parameters, operations, memory."""

import resource
import sys
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int64
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


@torch.no_grad()
def evaluate(
    model: torch.nn.Module,
    samples: Samples,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    machine: Machine,
    image_size: int | None = None,
    shuffle: int = 0,
) -> Evaluation:
    """Loss and accuracy on all of `samples`, resized to `image_size` pixels if that differs.

    `shuffle` is the side of patches that are put in random places, in pixels; 0: none are.
    """
    was = model.training
    model.eval()
    world = machine.world
    batches = -(-len(samples.labels) // BATCH)
    losses = torch.zeros(batches, dtype=torch.float64, device=samples.labels.device)
    found = torch.zeros_like(samples.labels)
    cells = ((image_size or samples.pixels.shape[-1]) // shuffle) ** 2 if shuffle else 0
    places = fixed(len(samples.labels), cells).to(samples.labels.device)
    for number in range(world.rank, batches, world.size):  # sums over processes add zeros: exact
        chosen = slice(number * BATCH, (number + 1) * BATCH)
        pixels, labels, order = samples.pixels[chosen], samples.labels[chosen], places[chosen]
        images = normalise(pixels, mean, std)
        if image_size is not None and images.shape[-1] != image_size:
            images = F.interpolate(images, [image_size] * 2, mode="bilinear", antialias=True)
        if shuffle:
            images = shuffled(images, shuffle, order)
        with machine.autocast():
            scores = model(images).float()
        losses[number] = F.cross_entropy(scores, labels, reduction="none").double().sum()
        found[chosen] = scores.argmax(dim=-1)
    model.train(was)
    loss = world.add(losses).sum().item() / len(samples.labels)
    world.add(found)
    accuracy = (found == samples.labels).sum().item() / len(samples.labels)
    return Evaluation(loss, accuracy, found.cpu())


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


def peak_memory(device: torch.device) -> int:
    """Bytes: of the GPU's allocator, or of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak: Any = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)
