"""The loop over steps of several runs at once: `vitpos.train` with lanes.

Each run stays a `train.Loop` whose tensors are rows of those trained here. So it validates, saves
and is gone on with by itself, and none of that need be told twice.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vitpos.errors import Diverged
from vitpos.lanes.chances import Chances
from vitpos.lanes.network import LaneViT
from vitpos.lanes.shapes import Images, Labels, Scores, Targets
from vitpos.lanes.stacking import Stack
from vitpos.optim import learning_rate
from vitpos.train import Epoch, Loop, Step, order

Event = Step | Epoch | Diverged
PerLane = Float[Tensor, " lanes"]


class Lanes:
    """Several loops of one arm that are at the same step, trained together."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        first = loops[0]
        self.loops, self.first, self.training = loops, first, first.training
        self.machine, self.samples = first.machine, first.samples
        self.streams = [loop.run.stream for loop in loops]
        self.stack = Stack(loops)
        self.network = LaneViT([loop.model for loop in loops])
        self.sums = torch.stack([loop.sums for loop in loops])
        self.first_bad = torch.stack([loop.first_bad for loop in loops])
        for loop, sums, first_bad in zip(loops, self.sums, self.first_bad, strict=True):
            loop.sums, loop.first_bad = sums, first_bad

    def run_to_end(self) -> Iterator[list[Event]]:
        """Go on from where the loops are; after each step, what happened in each lane.

        It may be left after any step. After one in which a lane diverged it must be: what is left
        of that lane is no run any more, and the others go on as `Lanes` of their own.
        """
        for loop in self.loops:
            loop.model.train()
        while self.first.step < self.first.total:
            epoch = self.first.step // self.first.steps_per_epoch
            tables = self.tables(epoch)
            for batch in self.batches(epoch)[self.first.step % self.first.steps_per_epoch :]:
                self.learn(batch, tables)
                for loop in self.loops:
                    loop.step += 1
                yield self.events(epoch)

    def events(self, epoch: int) -> list[Event]:
        """What a step that was just made means for each lane."""
        over = self.first.step % self.first.steps_per_epoch == 0
        waits = self.machine.device.type != "cpu" and not over
        fine = waits or bool((self.first_bad == torch.inf).all())
        if fine and not over:
            return [Step(self.first.step, epoch + 1)] * len(self.loops)
        found: list[Event] = []
        for loop in self.loops:
            try:
                loop.stop_if_diverged()
                found.append(loop.finish_epoch(epoch) if over else Step(loop.step, epoch + 1))
            except Diverged as error:
                found.append(error)
        return found

    def tables(self, epoch: int) -> list[dict[str, Tensor]]:
        """What happens to each sample in each lane; one table for all lanes if they can share."""
        own = [loop.augment.tables(epoch) for loop in self.loops]
        if self.first.augment.mix is not None:
            return own
        return [{name: torch.cat([tables[name] for tables in own]) for name in own[0]}]

    def batches(self, epoch: int) -> list[Int64[Tensor, "lanes batch"]]:
        """The ids of each batch, in each lane those of its run."""
        size = self.training.batch_size
        own = [order(stream, epoch, self.samples, size) for stream in self.streams]
        return [torch.stack(lanes) for lanes in zip(*own, strict=True)]

    def learn(self, ids: Int64[Tensor, "lanes batch"], tables: list[dict[str, Tensor]]) -> None:
        """One step of the optimiser, in each lane on its own batch."""
        training, step = self.training, self.first.step
        loss, correct = self.backward(ids, tables)
        norm = self.stack.clipped(training.clip_grad)
        self.stack.move(learning_rate(training, step, self.first.steps_per_epoch))
        self.stack.average(training.ema, step)
        fine = loss.isfinite() & norm.isfinite()
        bad = self.first_bad.clamp(max=step + 1)
        self.first_bad.copy_(torch.where(fine, self.first_bad, bad))
        norm = norm.nan_to_num(0.0, 0.0)
        count = torch.full_like(loss, ids.shape[1])
        sums = [loss * count, correct.to(loss), count, norm * count]
        self.sums += torch.stack(sums, dim=1)

    def backward(
        self, ids: Int64[Tensor, "lanes batch"], tables: list[dict[str, Tensor]]
    ) -> tuple[PerLane, Int64[Tensor, " lanes"]]:
        """The gradients of each lane's mean loss, a micro-batch at a time; losses and hits."""
        images, targets = self.augmented(ids, tables)
        labels, count = self.samples.labels[ids], ids.shape[1]
        chances = Chances(self.streams, self.first.step, images.device)
        weights = self.stack.weights()
        size = self.training.micro_batch or self.machine.micro_batch
        loss = torch.zeros(len(ids), device=images.device)
        correct = torch.zeros(len(ids), dtype=torch.int64, device=images.device)
        for part, target, label in zip(
            images.split(size, 1), targets.split(size, 1), labels.split(size, 1), strict=True
        ):
            with self.machine.autocast():
                scores = self.network(part, weights, chances)
            share = mean_loss(scores, target, self.training.label_smoothing) * (
                part.shape[1] / count
            )
            share.sum().backward()
            loss += share.detach()
            correct += (scores.detach().argmax(dim=-1) == label).sum(1)
        return loss, correct

    def augmented(
        self, ids: Int64[Tensor, "lanes batch"], tables: list[dict[str, Tensor]]
    ) -> tuple[Images, Targets]:
        """Each lane's batch as the network learns from it."""
        pixels, labels = self.samples.pixels, self.samples.labels
        if len(tables) == len(self.loops):
            rows = zip(self.loops, ids, tables, strict=True)
            made = [loop.augment(pixels[i], labels[i], i, table) for loop, i, table in rows]
            images, targets = (torch.stack(column) for column in zip(*made, strict=True))
            return images, targets
        shift = len(labels) * torch.arange(len(ids), device=ids.device)[:, None]
        flat, places = ids.flatten(), (ids + shift).flatten()
        images, targets = self.first.augment(pixels[flat], labels[flat], places, tables[0])
        return images.unflatten(0, ids.shape), targets.unflatten(0, ids.shape)


def mean_loss(scores: Scores, targets: Targets, smoothing: float) -> PerLane:
    """Cross-entropy in each lane, as `torch.nn.functional.cross_entropy` has it."""
    if smoothing:
        targets = targets * (1 - smoothing) + smoothing / targets.shape[-1]
    surprise = scores.float().log_softmax(dim=-1) * targets
    return -surprise.flatten(1).sum(dim=1) / scores.shape[1]
