"""The loop over steps of several runs at once: `vitpos.train` with lanes.

Each run stays a `train.Loop` whose tensors are rows of those trained here. So it validates, saves
and is gone on with by itself, and none of that need be told twice.
"""

import time
from collections.abc import Iterator, Sequence

import torch

from vitpos.errors import Diverged
from vitpos.lanes.learner import LaneLearner
from vitpos.train import Epoch, Loop, Step

Event = Step | Epoch | Diverged


class Lanes:
    """Several loops of one arm that are at the same step, trained together."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops, self.first = loops, loops[0]
        self.learner = LaneLearner(loops)
        self.trained = 0.0  # when the last step was done, by `time.monotonic`

    def run_to_end(self) -> Iterator[list[Event]]:
        """Go on from where the loops are; after each step, what happened in each lane.

        It may be left after any step. After one in which a lane diverged it must be: that lane is
        no run any more, and the others go on as `Lanes` of their own.
        """
        for loop in self.loops:
            loop.model.train()
        first, whole = self.first, self.first.steps_per_epoch
        self.learner.feed.begin(first.step)
        self.learner.prepare()
        while first.step < first.total:
            epoch = first.step // whole
            self.learner.feed.begin(first.step)
            for _ in range(first.step % whole, whole):
                self.learner.learn(first.step)
                for loop in self.loops:
                    loop.step += 1
                yield self.events(epoch)

    def events(self, epoch: int) -> list[Event]:
        """What a step that was just made means for each lane."""
        over = self.first.step % self.first.steps_per_epoch == 0
        self.trained = time.monotonic()
        waits = self.first.machine.device.type != "cpu"  # for the end of the epoch
        if not over and (waits or (self.learner.first_bad == torch.inf).all()):
            return [Step(self.first.step, epoch + 1)] * len(self.loops)
        return [self.event(loop, epoch, over=over) for loop in self.loops]

    def event(self, loop: Loop, epoch: int, *, over: bool) -> Event:
        """The same of one lane, whose epoch may be over."""
        try:
            loop.stop_if_diverged()
            return loop.finish_epoch(epoch) if over else Step(loop.step, epoch + 1)
        except Diverged as error:
            return error

    @property
    def manner(self) -> str:
        """How steps are made."""
        return self.learner.manner

    def trouble(self) -> list[str]:
        """What did not work and was done otherwise; each told once."""
        told, self.learner.trouble = self.learner.trouble, []
        return told
