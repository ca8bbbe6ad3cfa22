"""The loop: it yields what happened and writes nothing.

Every random number of a step is a function of (seed, epoch, sample) or (seed, step), so the loop
can stop after any step and go on from its tensors alone.
"""

import copy
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor

from vitpos.data.augment import Augmenter
from vitpos.data.samples import Data, Samples
from vitpos.data.shuffle import tile
from vitpos.errors import BadInput, BadRun, Diverged
from vitpos.keys import generator, key
from vitpos.machine import Machine
from vitpos.metrics import Evaluation, evaluate
from vitpos.optim import average, learning_rate, optimiser
from vitpos.schema import Run
from vitpos.shapes import Labels, Pixels
from vitpos.vit import ViT


@dataclass(frozen=True)
class Step:
    """One step of the optimiser is done, and it was not the last of its epoch."""

    step: int  # counted from one
    epoch: int


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images is done, its last step too, and validated."""

    row: dict[str, float | int]  # a line of metrics.jsonl
    trained: float  # when the last step was done, by `time.monotonic`


class Loop:
    """A network, its optimiser, its data: everything that changes from step to step."""

    def __init__(self, run: Run, model: ViT, data: Data, machine: Machine) -> None:
        self.run, self.data, self.machine = run, data, machine
        self.training, device = run.training, machine.device
        self.samples = subset(data, self.training.limit)
        self.steps_per_epoch = len(self.samples.labels) // self.training.batch_size
        if not self.steps_per_epoch:
            raise BadInput(
                f"training.batch_size = {self.training.batch_size}: larger than"
                f" {len(self.samples.labels)} training images"
            )
        self.model = model.to(device)
        model.attend_with(machine.attention)
        self.optimiser = optimiser(model, self.training)
        self.scaler = torch.amp.GradScaler(device.type, enabled=machine.precision == "fp16")
        self.averaged = copy.deepcopy(model) if self.training.ema else None
        self.forward = torch.compile(model, dynamic=False) if run.compile else model
        self.augment = Augmenter(
            run.dataset,
            self.training.augment,
            shuffle=tile(run.patch),
            seed=run.stream,
            samples=len(self.samples.labels),
            classes=len(data.classes),
            mean=data.mean,
            std=data.std,
            device=device,
        )
        self.step = 0
        exact = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(4, dtype=exact, device=device)  # loss, correct, images, norm
        self.first_bad = torch.full((), torch.inf, device=device)  # step of the first bad loss

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.training.epochs * self.steps_per_epoch

    @property
    def weights(self) -> ViT:
        """The weights that count: the averaged ones where there are any."""
        return self.averaged or self.model

    def run_to_end(self) -> Iterator[Step | Epoch]:
        """Go on from where the loop is. It may be left after any item."""
        self.model.train()
        while self.step < self.total:
            epoch = self.step // self.steps_per_epoch
            tables = self.augment.tables(epoch)
            batches = order(self.run.stream, epoch, self.samples, self.training.batch_size)
            for batch in batches[self.step % self.steps_per_epoch :]:
                self.learn(batch, tables)
                self.step += 1
                if self.machine.device.type == "cpu":
                    self.stop_if_diverged()
                if self.step % self.steps_per_epoch:
                    yield Step(self.step, epoch + 1)
                else:
                    yield self.finish_epoch(epoch)

    def learn(self, ids: Int64[Tensor, " batch"], tables: dict[str, Tensor]) -> None:
        """One step of the optimiser on these training images."""
        whole, world = len(ids), self.machine.world
        ids = world.share(ids)
        pixels, labels = self.samples.pixels[ids], self.samples.labels[ids]
        self.reseed()
        rate = learning_rate(self.training, self.step, self.steps_per_epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        weights = list(self.model.parameters())
        loss, correct = world.add_up(weights, *self.backward(pixels, labels, ids, tables, whole))
        self.scaler.unscale_(self.optimiser)
        norm = torch.nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None])
        if self.training.clip_grad:
            torch.nn.utils.clip_grads_with_norm_(weights, self.training.clip_grad, norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        if self.averaged is not None:
            shadow = list(self.averaged.parameters())
            average([w.data for w in shadow], weights, self.training.ema, self.step)
        fine = loss.isfinite() & (norm.isfinite() | self.scaler.is_enabled())
        self.first_bad = torch.where(fine, self.first_bad, self.first_bad.clamp(max=self.step + 1))
        norm = norm.nan_to_num(0.0, 0.0)  # of a step that the scaler of fp16 left out
        count = torch.full_like(loss, whole)
        self.sums += torch.stack([loss * count, correct.to(loss), count, norm * count])

    def backward(
        self,
        pixels: Pixels,
        labels: Labels,
        ids: Labels,
        tables: dict[str, Tensor],
        whole: int,
    ) -> tuple[Tensor, Tensor]:
        """Add the gradients of the mean loss, a micro-batch at a time; the loss and the hits.

        `whole` is the size of the batch; these images are this process's share of it, and give its
        share of the loss.
        """
        images, targets = self.augment(pixels, labels, ids, tables)
        own = whole // self.machine.world.size
        images, targets, labels = images[:own], targets[:own], labels[:own]
        size = self.training.micro_batch or self.machine.micro_batch
        loss = torch.zeros((), device=images.device)
        correct = torch.zeros((), dtype=torch.int64, device=images.device)
        for part, target, label in zip(
            images.split(size), targets.split(size), labels.split(size), strict=True
        ):
            with self.machine.autocast():
                scores = self.forward(part)
            smoothing = self.training.label_smoothing
            mean = F.cross_entropy(scores.float(), target, label_smoothing=smoothing)
            share = mean * (len(part) / whole)
            self.scaler.scale(share).backward()
            loss += share.detach()
            correct += (scores.detach().argmax(dim=-1) == label).sum()
        return loss, correct

    def reseed(self) -> None:
        """What dropout and stochastic depth draw belongs to (seed, step).

        Each process draws for its own images: with several of them, other numbers than with one.
        """
        rank, size = self.machine.world.rank, self.machine.world.size
        number = key(self.run.stream, "step", self.step, *([f"{rank}/{size}"] if rank else []))
        torch.default_generator.manual_seed(number)
        if self.machine.device.type == "cuda":
            torch.cuda.default_generators[self.machine.device.index].manual_seed(number)

    def finish_epoch(self, epoch: int) -> Epoch:
        """The epoch's means, and the validation images seen with the weights as they are."""
        self.stop_if_diverged()
        trained = time.monotonic()
        loss, correct, images, norm = self.sums.tolist()
        self.sums.zero_()
        validation = self.evaluate(self.data.validation)
        if not math.isfinite(validation.loss):
            raise self.diverged(self.step, "the validation loss is not finite after step")
        row: dict[str, float | int] = {
            "epoch": epoch + 1,
            "step": self.step,
            "images": self.step * self.training.batch_size,
            "train/loss": loss / images,
            "train/accuracy": correct / images,
            **validation.named("val"),
            "optim/lr": learning_rate(self.training, self.step - 1, self.steps_per_epoch),
            "optim/grad_norm": norm / images,
        }
        return Epoch(row, trained)

    def evaluate(self, samples: Samples) -> Evaluation:
        """The weights that count, on these images."""
        data, side = self.data, tile(self.run.patch)
        return evaluate(self.weights, samples, data.mean, data.std, self.machine, shuffle=side)

    def stop_if_diverged(self) -> None:
        """Raise `Diverged` if a loss or gradient was not finite."""
        step = self.first_bad.item()
        if step != torch.inf:
            raise self.diverged(int(step), "the loss is not finite at step")

    def stop_if_spoilt(self) -> None:
        """Raise `Diverged` if a loss, a gradient or a weight is not finite."""
        self.stop_if_diverged()
        if not torch.stack([w.isfinite().all() for w in self.model.parameters()]).all():
            raise self.diverged(self.step, "weights are not finite after step")

    def diverged(self, step: int, what: str) -> Diverged:
        """The error that says what happened at `step`, counted from one."""
        rate = learning_rate(self.training, step - 1, self.steps_per_epoch)
        return Diverged(
            f"{what} {step} of {self.total} (lr {rate:.2g})",
            f"training.lr={self.training.lr / 3:.1g}",
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a later process needs to go on with the same bits."""
        names = {id(weight): name for name, weight in self.model.named_parameters()}
        state = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.averaged is not None:
            state |= {f"averaged/{n}": t for n, t in self.averaged.state_dict().items()}
        for weight, moments in self.optimiser.state.items():
            for what, tensor in moments.items():
                state[f"optimiser/{what}/{names[id(weight)]}"] = tensor
        scale = [self.scaler.get_scale(), self.scaler._get_growth_tracker()]
        state["loop/scaler"] = torch.tensor(scale, dtype=torch.float64)
        return state | {"loop/sums": self.sums}

    def load(self, step: int, state: Mapping[str, Tensor]) -> None:
        """Go to where another loop was when it gave `tensors`."""
        self.stop_at_mismatch(state)
        try:
            self.restore(step, state)
        except (KeyError, ValueError, AttributeError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            raise BadRun(f"the checkpoint of step {step} does not fit: {why}") from error

    def restore(self, step: int, state: Mapping[str, Tensor]) -> None:
        """`load` without its checks."""
        self.model.load_state_dict(under(state, "model/"))
        if self.averaged is not None:
            self.averaged.load_state_dict(under(state, "averaged/"))
        for what in ("step", "exp_avg", "exp_avg_sq"):
            for name, tensor in under(state, f"optimiser/{what}/").items():
                weight = self.model.get_parameter(name)
                self.optimiser.state[weight][what] = tensor.to(self.machine.device)
        scale, tracker = state["loop/scaler"].tolist()
        if self.scaler.is_enabled():
            known = self.scaler.state_dict()
            self.scaler.load_state_dict(known | {"scale": scale, "_growth_tracker": int(tracker)})
        self.sums = state["loop/sums"].to(self.sums)
        self.step = step

    def stop_at_mismatch(self, state: Mapping[str, Tensor]) -> None:
        """Raise `BadRun` naming the first weights that differ from the checkpoint's."""
        have = {f"model/{n}": tuple(t.shape) for n, t in self.model.state_dict().items()}
        said = {n: tuple(t.shape) for n, t in state.items() if n.startswith("model/")}
        if have != said:
            odd = sorted(n for n in have.keys() | said.keys() if have.get(n) != said.get(n))
            raise BadRun(f"the checkpoint has other weights: {', '.join(odd[:3])}")


def order(
    seed: int, epoch: int, samples: Samples, batch_size: int
) -> list[Int64[Tensor, " batch"]]:
    """The full batches of an epoch as ids; a rest smaller than a batch is left out."""
    count = len(samples.labels)
    ids = torch.randperm(count, generator=generator(seed, "order", epoch))
    whole = ids[: count // batch_size * batch_size].to(samples.labels.device)
    return list(whole.split(batch_size))


def subset(data: Data, limit: int | None) -> Samples:
    """The training images, or a fixed choice of `limit` of them."""
    count = len(data.train.labels)
    if limit is None or limit >= count:
        return data.train
    ids = torch.randperm(count, generator=generator(0, "limit", data.name))[:limit]
    ids = ids.sort().values.to(data.train.labels.device)
    return Samples(data.train.pixels[ids], data.train.labels[ids])


def under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names start with `prefix`, without it."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
