"""One step of several runs: `vitpos.step` with lanes."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from typing_extensions import override

from vitpos.lanes.chances import Chances
from vitpos.lanes.feed import LaneFeed
from vitpos.lanes.network import LaneViT
from vitpos.lanes.shapes import Images, Labels, Scores, Targets
from vitpos.lanes.stacking import Stack
from vitpos.optim import set_rate
from vitpos.step import Learner
from vitpos.train import Loop

PerLane = Float[Tensor, " lanes"]
Hits = Int64[Tensor, " lanes"]


class LaneLearner(Learner):
    """The learners of several loops as one. What they have become its rows."""

    feed: LaneFeed

    def __init__(self, loops: Sequence[Loop]) -> None:
        learners = [loop.learner for loop in loops]
        first, feed = learners[0], LaneFeed([loop.feed for loop in loops])
        super().__init__(
            first.model,
            first.training,
            first.samples,
            first.augment,
            feed,
            first.machine,
            first.task,
        )
        self.learners = learners
        self.streams = [loop.run.stream for loop in loops]
        self.network = LaneViT([learner.model for learner in learners])
        self.stack = Stack(learners)
        self.optimiser, self.averaged = self.stack.optimiser, None
        self.sums = torch.stack([learner.sums for learner in learners], dim=1)
        self.first_bad = torch.stack([learner.first_bad for learner in learners])
        for i, learner in enumerate(learners):
            learner.sums, learner.first_bad = self.sums[:, i], self.first_bad[i]
        self.chances: Chances | None = None

    @override
    def learn(self, number: int) -> None:
        """Make step `number` of the runs, counted from zero."""
        device = self.machine.device
        # on a GPU lanes draw nothing in a step (`rule`), so that it can be recorded
        self.chances = Chances(self.streams, number, device) if device.type == "cpu" else None
        super().learn(number)

    @override
    def work(self) -> None:
        set_rate(self.optimiser, self.feed.rate())
        loss, correct = self.backward(self.feed.batch())
        norm = self.move()
        self.stack.average(self.feed.share())
        self.count(loss, correct[None], norm)
        self.feed.advance()

    @override
    def backward(self, ids: Labels) -> tuple[PerLane, Hits]:
        images, targets = self.augmented(ids)
        labels = self.samples.labels[ids]
        size = self.training.micro_batch or self.machine.micro_batch
        loss = torch.zeros(len(ids), device=images.device)
        correct = torch.zeros(len(ids), dtype=torch.int64, device=images.device)
        for part, target, label in zip(
            images.split(size, 1), targets.split(size, 1), labels.split(size, 1), strict=True
        ):
            mean, hits = self.judge(part, target, label)
            share = mean * (part.shape[1] / images.shape[1])
            share.sum().backward()
            loss += share.detach()
            correct += hits
        return loss, correct

    @override
    def judged(self, images: Images, targets: Targets, labels: Labels) -> tuple[PerLane, Hits]:
        with self.machine.autocast():
            scores = self.network(images, self.stack.weights(), self.chances)
        mean = mean_loss(scores.to(targets), targets, self.training.label_smoothing)
        return mean, (scores.detach().argmax(dim=-1) == labels).sum(1)

    def augmented(self, ids: Labels) -> tuple[Images, Targets]:
        """Each lane's batch as the network learns from it.

        All lanes as one batch, unless images are mixed: the partner of one is the next in its lane.
        """
        pixels, labels = self.samples.pixels[ids], self.samples.labels[ids]
        if self.augment.mix is not None:
            rows = [
                self.change(pixels[i], labels[i], own, self.feed.table(i))
                for i, own in enumerate(ids)
            ]
            images, targets = (torch.stack(column) for column in zip(*rows, strict=True))
            return images, targets
        lanes = torch.arange(len(ids), device=ids.device)[:, None]
        places = (ids + lanes * len(self.samples.labels)).flatten()
        images, targets = self.change(
            pixels.flatten(0, 1), labels.flatten(), places, self.feed.one_table()
        )
        return images.unflatten(0, ids.shape), targets.unflatten(0, ids.shape)

    @override
    def move(self) -> PerLane:
        norm = self.stack.clipped(self.training.clip_grad)
        self.stack.move()
        return norm


def mean_loss(scores: Scores, targets: Targets, smoothing: float) -> PerLane:
    """Cross-entropy in each lane, as `torch.nn.functional.cross_entropy` has it."""
    if smoothing:
        targets = targets * (1 - smoothing) + smoothing / targets.shape[-1]
    surprise = scores.log_softmax(dim=-1) * targets
    return -surprise.flatten(1).sum(dim=1) / scores.shape[1]
