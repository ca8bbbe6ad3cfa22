"""One step of the optimiser, as one function of tensors that stay where they are.

It takes nothing and gives nothing: its images, rates and draws are where `vitpos.feed` put them,
and its weights, moments and sums stay in their places. So the same code runs as it stands on a CPU,
and on a GPU is recorded once, from augmentation to averaged weights, and then repeated whole
(`vitpos.graphs`). Nothing in it makes the host wait, but for the rates of a CPU.
"""

import copy

import torch
from torch import Tensor

from vitpos import compiling
from vitpos.data.augment import Augmenter
from vitpos.data.samples import Samples
from vitpos.feed import Feed
from vitpos.graphs import Repeated
from vitpos.machine import Machine
from vitpos.optim import average, optimiser, set_rate
from vitpos.schema import Training
from vitpos.shapes import Labels
from vitpos.tasks.task import Task
from vitpos.vit import ViT


class Learner:
    """A network, what moves its weights, and what is counted meanwhile."""

    def __init__(
        self,
        model: ViT,
        training: Training,
        samples: Samples,
        augment: Augmenter,
        feed: Feed,
        machine: Machine,
        task: Task,
    ) -> None:
        self.model, self.training, self.machine = model, training, machine
        self.task = task
        self.samples, self.augment, self.feed = samples, augment, feed
        device = machine.device
        self.optimiser = optimiser(model, training, recorded=machine.records)
        self.scaler = torch.amp.GradScaler(device.type, enabled=machine.precision == "fp16")
        self.averaged = copy.deepcopy(model) if training.ema else None
        exact = torch.float32 if device.type == "mps" else torch.float64
        told = 3 + len(task.measures)  # loss, what is measured, images, norm
        self.sums = torch.zeros(told, dtype=exact, device=device)
        self.first_bad = torch.full((), torch.inf, device=device)  # step of the first bad loss
        self.change, self.judge = augment.__call__, self.judged
        self.repeated = Repeated(self.work, device, mend=self.mend) if machine.records else None
        self.trouble: list[str] = []  # what did not work, a line each

    def prepare(self) -> None:
        """Compile what is to be compiled, with the first images of the feed."""
        if not self.machine.compiles:
            return
        self.judge = compiling.whole(self.judged)
        if self.machine.device.type == "cuda":  # on a CPU it asks for what images want: less work
            self.change = compiling.whole(self.augment.__call__)
        try:
            self.backward(self.feed.batch())
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a compiler may think of
            self.change, self.judge = self.augment.__call__, self.judged
            self.trouble.append(compiling.failed(error, self.machine.compile))
        self.optimiser.zero_grad(set_to_none=True)

    @property
    def manner(self) -> str:
        """How steps are made: eager, compiled, recorded, or compiled and recorded."""
        compiled = ["compiled"] * (self.judge != self.judged)
        recorded = ["recorded"] * (self.repeated is not None)
        return " and ".join(compiled + recorded) or "eager"

    def learn(self, number: int) -> None:
        """Make the step; what dropout and stochastic depth draw in it belongs to `number`."""
        torch.default_generator.manual_seed(number)
        device = self.machine.device
        if device.type == "cuda":
            torch.cuda.default_generators[device.index].manual_seed(number)
        if self.repeated is None:
            self.work()
            return
        self.repeated()
        if self.repeated.failure is not None:
            self.trouble.append(compiling.failed(self.repeated.failure, self.machine.compile))
            self.repeated = None

    def mend(self) -> None:
        """Forget a step that was begun and not made."""
        self.optimiser.zero_grad(set_to_none=True)
        enabled, known = self.scaler.is_enabled(), self.scaler.state_dict()
        self.scaler = torch.amp.GradScaler(self.machine.device.type, enabled=enabled)
        self.scaler.load_state_dict(known)

    def work(self) -> None:
        """The step itself: all that is recorded."""
        set_rate(self.optimiser, self.feed.rate())
        mine = self.backward(self.feed.batch())
        loss, measured = self.machine.world.add_up(list(self.model.parameters()), *mine)
        norm = self.move()
        if self.averaged is not None:
            shadow = [weight.data for weight in self.averaged.parameters()]
            average(shadow, list(self.model.parameters()), self.feed.share())
        self.count(loss, measured, norm)
        self.feed.advance()

    def backward(self, ids: Labels) -> tuple[Tensor, Tensor]:
        """Add the gradients of the mean loss, a micro-batch at a time; the loss, what is measured.

        Of several processes, each takes its share of the images, and gives its share of the loss.
        """
        world, whole = self.machine.world, len(ids)
        ids, own = world.share(ids), whole // world.size
        pixels, labels = self.samples.pixels[ids], self.samples.labels[ids]
        changed = self.change(pixels, labels, ids, self.feed.tables)
        images, targets, labels = (tensor[:own] for tensor in (*changed, labels))
        wanted = self.task.wanted(targets, labels)
        size = self.training.micro_batch or self.machine.micro_batch
        loss = torch.zeros((), device=images.device)
        measured = torch.zeros(len(self.task.measures), device=images.device)
        for part, target, right in zip(
            images.split(size), targets.split(size), wanted.split(size), strict=True
        ):
            mean, found = self.judge(part, target, right)
            share = mean * (len(part) / whole)
            self.scaler.scale(share).backward()
            loss += share.detach()
            measured += found
        return loss, measured

    def judged(self, images: Tensor, targets: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss of images, and the sums of what the task measures of them."""
        with self.machine.autocast():
            scores = self.model(images)
        mean = self.task.loss(scores, targets, self.training.label_smoothing)
        return mean, self.task.measured(scores.detach(), wanted).sum(dim=1)

    def move(self) -> Tensor:
        """Clip the gradients, move the weights; the norm of the gradients before."""
        self.scaler.unscale_(self.optimiser)
        weights = list(self.model.parameters())
        norm = torch.nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None])
        if self.training.clip_grad:
            torch.nn.utils.clip_grads_with_norm_(weights, self.training.clip_grad, norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return norm

    def count(self, loss: Tensor, measured: Tensor, norm: Tensor) -> None:
        """Add to the sums of the epoch; remember the first step that was not finite."""
        fine = loss.isfinite() & (norm.isfinite() | self.scaler.is_enabled())
        number = (self.feed.done + 1).to(self.first_bad)
        bad = torch.minimum(self.first_bad, number)
        self.first_bad.copy_(torch.where(fine, self.first_bad, bad))
        norm = norm.nan_to_num(0.0, 0.0)  # of a step that the scaler of fp16 left out
        count = torch.full_like(loss, self.training.batch_size)
        self.sums += torch.stack([loss * count, *measured.to(loss), count, norm * count])

    def renew(self, model: ViT, training: Training) -> None:
        """Begin again from the weights of `model`, all in the places of before."""
        self.training = training
        pairs = zip(places(self.model), places(model), strict=True)
        with torch.no_grad():
            for (name, place), (other, value) in pairs:
                if name != other:
                    raise ValueError(f"{other} of another network would come to {name}")
                there = value.to(place.device)
                if place.requires_grad or not torch.equal(place, there):  # some constants are views
                    place.copy_(there)
        if self.averaged is not None:
            self.averaged.load_state_dict(self.model.state_dict())
        for moments in self.optimiser.state.values():
            for tensor in moments.values():
                tensor.zero_()
        if self.scaler.is_enabled():
            fresh = torch.amp.GradScaler(self.machine.device.type)
            self.scaler.load_state_dict(fresh.state_dict())
        self.sums.zero_()
        self.first_bad.fill_(torch.inf)


def places(model: ViT) -> list[tuple[str, Tensor]]:
    """Everything that a network knows, its constants too."""
    return [*model.named_parameters(), *model.named_buffers()]
