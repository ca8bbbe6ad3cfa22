"""The loop: it yields what happened and writes nothing.

Every random number of a step is a function of (seed, epoch, sample) or (seed, step), so the loop
can stop after any step and go on from its tensors alone.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vitpos import build, state
from vitpos.data.augment import Augmenter
from vitpos.data.samples import Data, Samples
from vitpos.data.shuffle import tile
from vitpos.errors import BadInput, BadRun, Diverged
from vitpos.feed import Feed
from vitpos.graphs import Repeated
from vitpos.keys import generator, key
from vitpos.machine import Machine
from vitpos.metrics import Answers, Evaluation, Exam, peak_memory
from vitpos.optim import learning_rate
from vitpos.schema import Run
from vitpos.step import Learner
from vitpos.tasks.asked import asked
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
        self.task = asked(run, len(data.classes))
        self.model = model.to(device)
        model.attend_with(machine.attention)
        self.augment = Augmenter(
            run.dataset,
            self.training.augment,
            shuffle=tile(run.patch),
            scene=self.task.scene(self.samples),
            seed=run.stream,
            samples=len(self.samples.labels),
            classes=len(data.classes),
            mean=data.mean,
            std=data.std,
            device=device,
        )
        self.feed = Feed(run.stream, self.training, self.augment, device)
        self.learner = Learner(
            model, self.training, self.samples, self.augment, self.feed, machine, self.task
        )
        self.exam = self.examined(data.validation)
        self.look = Repeated(self.answers, device, plain=1) if machine.records else self.answers
        self.step = 0
        self.ready = False
        self.held = 0  # bytes of the GPU that others had before
        self.peak: int | None = None  # that it took at most, of which the first run knows

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.training.epochs * self.steps_per_epoch

    @property
    def weights(self) -> ViT:
        """The weights that count: the averaged ones where there are any."""
        return self.learner.averaged or self.model

    @property
    def manner(self) -> str:
        """How steps are made: eager, compiled, recorded, or compiled and recorded."""
        return self.learner.manner

    def run_to_end(self) -> Iterator[Step | Epoch]:
        """Go on from where the loop is. It may be left after any item."""
        self.model.train()
        while self.step < self.total:
            epoch = self.step // self.steps_per_epoch
            self.feed.begin(self.step)
            self.prepare()
            for _ in range(self.step % self.steps_per_epoch, self.steps_per_epoch):
                self.learn()
                self.step += 1
                if self.machine.device.type == "cpu":
                    self.stop_if_diverged()
                if self.step % self.steps_per_epoch:
                    yield Step(self.step, epoch + 1)
                else:
                    yield self.finish_epoch(epoch)

    def prepare(self) -> None:
        """Compile, the first time."""
        if not self.ready:
            self.learner.prepare()
            self.ready = True

    def learn(self) -> None:
        """One step of the optimiser; what is random in it belongs to (seed, step).

        Each of several processes draws for its own images: other numbers than one alone would.
        """
        world = self.machine.world
        own = () if world.leads else (f"process {world.rank} of {world.size}",)
        self.learner.learn(key(self.run.stream, "step", self.step, *own))

    def finish_epoch(self, epoch: int) -> Epoch:
        """The epoch's means, and the validation images seen with the weights as they are.

        On a GPU the host waits here, once, and only after it has drawn the next epoch.
        """
        if self.machine.device.type == "cuda" and self.step < self.total:
            self.feed.plan(epoch + 1)
        trained, begun = time.monotonic(), self.moment()
        answers = self.look()
        ended = self.moment()
        (loss, *measured, images, norm), found = self.wait(answers)
        if begun is not None and ended is not None:
            trained = time.monotonic() - begun.elapsed_time(ended) / 1000
        self.learner.sums.zero_()
        if not math.isfinite(found.loss):
            raise self.diverged(self.step, "the validation loss is not finite after step")
        row: dict[str, float | int] = {
            "epoch": epoch + 1,
            "step": self.step,
            "images": self.step * self.training.batch_size,
            "train/loss": loss / images,
            **{
                f"train/{name}": value / images
                for name, value in zip(self.task.measures, measured, strict=True)
            },
            **found.named("val"),
            "optim/lr": learning_rate(self.training, self.step - 1, self.steps_per_epoch),
            "optim/grad_norm": norm / images,
        }
        return Epoch(row, trained)

    def wait(self, answers: Answers) -> tuple[list[float], Evaluation]:
        """The sums of the epoch and its validation, in one transfer. Raises `Diverged`."""
        parts = [self.learner.first_bad, *self.learner.sums, answers.loss, *answers.measured]
        told = torch.stack([p.to(answers.loss) for p in parts]).tolist()
        if told[0] != math.inf:
            raise self.diverged(int(told[0]), "the loss is not finite at step")
        last = 1 + len(self.learner.sums)
        return told[1:last], self.exam.found(answers, told[last:])

    def moment(self) -> torch.cuda.Event | None:
        """When the GPU will be done with what it was given so far, by its own clock."""
        if self.machine.device.type != "cuda":
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def peak_memory(self) -> int:
        """The most bytes that a run took; of runs that renew a loop those of the first."""
        self.peak = self.peak or peak_memory(self.machine.device, self.held)
        return self.peak

    def answers(self) -> Answers:
        """What the weights that count say of the validation images."""
        return self.exam(self.weights)

    def evaluate(self, samples: Samples) -> Evaluation:
        """The weights that count, on these images."""
        return self.examined(samples).of(self.weights)

    def examined(self, samples: Samples) -> Exam:
        """The exam in what this run asks, on these images."""
        data, side = self.data, tile(self.run.patch)
        return Exam(samples, data.mean, data.std, self.machine, None, side, self.task)

    def trouble(self) -> list[str]:
        """What did not work and was done otherwise; each told once."""
        told, self.learner.trouble = self.learner.trouble, []
        return told

    def takes(self, run: Run) -> bool:
        """Whether `renew` can make this the loop of `run`: all that differs is fed to the steps."""
        return alike(run) == alike(self.run)

    def renew(self, run: Run) -> None:
        """Be the loop of another run before its first step, with its bits, but in the old places.

        So what was compiled and recorded serves one seed after another. Raises ValueError if the
        steps of that run are others.
        """
        if not self.takes(run):
            raise ValueError("the steps of that run are not those of this one")
        self.run, self.training = run, run.training
        self.feed.renew(run.stream, run.training)
        self.learner.renew(build.network(run, len(self.data.classes)), run.training)
        self.step = 0

    def stop_if_diverged(self) -> None:
        """Raise `Diverged` if a loss or gradient was not finite."""
        step = self.learner.first_bad.item()
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
        return state.tensors(self.learner)

    def load(self, step: int, saved: Mapping[str, Tensor]) -> None:
        """Go to where another loop was when it gave `tensors`."""
        state.stop_at_mismatch(self.model, saved)
        try:
            state.restore(self.learner, saved)
        except (KeyError, ValueError, AttributeError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            raise BadRun(f"the checkpoint of step {step} does not fit: {why}") from error
        self.step = step


def subset(data: Data, limit: int | None) -> Samples:
    """The training images, or a fixed choice of `limit` of them."""
    count = len(data.train.labels)
    if limit is None or limit >= count:
        return data.train
    ids = torch.randperm(count, generator=generator(0, "limit", data.name))[:limit]
    ids = ids.sort().values.to(data.train.labels.device)
    return Samples(data.train.pixels[ids], data.train.labels[ids])


def alike(run: Run) -> tuple[Run, list[str]]:
    """What the steps of a run are made of, and nothing else: names, seeds and rates left out."""
    training = replace(
        run.training, epochs=1, lr=1.0, schedule="", warmup_epochs=0.0, checkpoint_seconds=0.0
    )
    nameless = replace(run, outputs="", study="", name=None, notes="", tensorboard=False)
    return replace(nameless, seed=0, replica=0, training=training), list(run.embedding)
