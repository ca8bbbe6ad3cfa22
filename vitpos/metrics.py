"""What is measured: loss, accuracy and what else a task tells, parameters, operations, memory."""

import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int64, Shaped
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vitpos.build import is_position
from vitpos.data.augment import normalise
from vitpos.data.samples import Samples
from vitpos.data.shuffle import fixed, shuffled
from vitpos.machine import Machine
from vitpos.tasks.classify import Classify
from vitpos.tasks.task import Task
from vitpos.vit import Attention, ViT

BATCH = 500  # images of one pass in evaluation: a fixed number, so that sums are too


@dataclass(frozen=True)
class Evaluation:
    """A network on a set of images."""

    loss: float  # the mean; of choices the cross-entropy, in nats
    accuracy: float  # 0..1
    predicted: Shaped[Tensor, "images ..."]  # answers
    wanted: Shaped[Tensor, "images ..."]  # right ones
    more: Mapping[str, float] = field(default_factory=dict)  # means of what else is measured

    def named(self, split: str) -> dict[str, float]:
        """Under the names they have everywhere."""
        numbers = {"loss": self.loss, "accuracy": self.accuracy, **self.more}
        return {f"{split}/{name}": value for name, value in numbers.items()}


class Answers(NamedTuple):
    """What a network says of a set of images, on its device."""

    loss: Float64[Tensor, ""]  # the sum over all images
    measured: Float64[Tensor, " measures"]  # the same of what the task measures
    predicted: Shaped[Tensor, "images ..."]
    wanted: Shaped[Tensor, "images ..."]


class Exam:
    """A set of images that networks are judged by: resized to `image_size` if that differs.

    `shuffle` is the side of patches that are put in random places, in pixels; 0: none are. `task`
    is what is asked; where it shows scenes they have their own size, and are always the same.
    Asking a network makes the host wait for nothing, and always does the same: it can be recorded.
    """

    def __init__(
        self,
        samples: Samples,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        machine: Machine,
        image_size: int | None = None,
        shuffle: int = 0,
        task: Task | None = None,
    ) -> None:
        self.task = task or Classify(0)
        self.scene = self.task.scene(samples)
        self.rows = {} if self.scene is None else self.scene.settled()
        self.samples, self.mean, self.std, self.machine = samples, mean, std, machine
        self.image_size, self.shuffle = image_size, shuffle
        side = self.scene.side if self.scene else image_size or samples.pixels.shape[-1]
        cells = (side // shuffle) ** 2 if shuffle else 0
        self.places = fixed(len(samples.labels), cells).to(samples.labels.device)

    @torch.no_grad()
    def __call__(self, model: torch.nn.Module) -> Answers:
        """Ask a network about all of them."""
        was = model.training
        model.eval()
        world, device = self.machine.world, self.samples.labels.device
        batches = torch.arange(len(self.samples.labels), device=device).split(BATCH)
        sums = torch.zeros(len(batches), 1 + len(self.task.measures), device=device).double()
        said: list[tuple[Tensor, Tensor]] = []
        for number, ids in enumerate(batches):
            images, wanted = self.shown(ids)
            said.append((torch.zeros_like(wanted), wanted))
            if number % world.size != world.rank:
                continue
            with self.machine.autocast():
                scores = model(images).float()
            losses = self.task.losses(scores, wanted).double().sum()
            found = self.task.measured(scores, wanted).double().sum(dim=1)
            sums[number] = torch.cat([losses[None], found])
            said[-1][0].copy_(self.task.answer(scores))
        model.train(was)
        predicted, right = (torch.cat(parts) for parts in zip(*said, strict=True))
        world.add(sums)  # what other processes did is zero here: each sum is exact
        world.add(predicted)
        loss, *measured = (column.contiguous().sum() for column in sums.unbind(1))
        return Answers(loss, torch.stack(measured), predicted, right)

    def shown(self, ids: Int64[Tensor, " batch"]) -> tuple[Tensor, Tensor]:
        """What the network gets in place of these images, and what is right to say of it."""
        pixels, wanted = self.samples.take(ids)
        if self.scene is not None:
            rows = {name: table.index_select(0, ids) for name, table in self.rows.items()}
            pixels, wanted = self.scene(ids, rows, self.samples.pixels.__getitem__)
        return self.images(pixels, self.places[ids]), wanted

    def images(self, pixels: Tensor, order: Tensor) -> Tensor:
        """The same in numbers around zero."""
        images = normalise(pixels, self.mean, self.std)
        if self.image_size is not None and images.shape[-1] != self.image_size:
            size = [self.image_size] * 2
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        return shuffled(images, self.shuffle, order) if self.shuffle else images

    def of(self, model: torch.nn.Module) -> Evaluation:
        """A network on all of them, waited for."""
        answers = self(model)
        return self.found(answers, [answers.loss.item(), *answers.measured.tolist()])

    def found(self, answers: Answers, sums: Sequence[float]) -> Evaluation:
        """Means, from the sums of the loss and of what is measured; answers on the CPU."""
        loss, accuracy, *others = (number / len(self.samples.labels) for number in sums)
        more = dict(zip(self.task.measures[1:], others, strict=True))
        return Evaluation(loss, accuracy, answers.predicted.cpu(), answers.wanted.cpu(), more)


def evaluate(
    model: torch.nn.Module,
    samples: Samples,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    machine: Machine,
    image_size: int | None = None,
    shuffle: int = 0,
    task: Task | None = None,
) -> Evaluation:
    """What a network says of all of `samples`: an `Exam`, waited for."""
    return Exam(samples, mean, std, machine, image_size, shuffle, task).of(model)


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
