"""What a step needs to know besides the network: an epoch's order, tables and rates, in one place.

All of it is drawn on the CPU and goes to the device once an epoch, into tensors that stay where
they are; `at` says how far the epoch is, and is a tensor too. So a step reads only from the device,
from the same places every time, and can be recorded once and repeated.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vitpos.data.augment import Augmenter
from vitpos.keys import generator
from vitpos.optim import learning_rate, share
from vitpos.schema import Training


def order(seed: int, epoch: int, count: int, batch_size: int) -> Int64[Tensor, "steps batch"]:
    """The full batches of an epoch of `count` images; a rest smaller than a batch is left out."""
    ids = torch.randperm(count, generator=generator(seed, "order", epoch))
    return ids[: count // batch_size * batch_size].view(-1, batch_size)


@dataclass(frozen=True)
class Plan:
    """An epoch before its first step, on the CPU."""

    epoch: int
    ids: Int64[Tensor, "steps ..."]  # [steps, batch], of lanes [steps, lanes, batch]
    tables: dict[str, Tensor]  # of the augmentation
    rates: Float[Tensor, " steps"]  # learning rates
    shares: Float[Tensor, " steps"]  # of the new weights in the averaged ones


class Feed:
    """The epoch that is being learnt, where the steps find it."""

    def __init__(
        self, stream: int, training: Training, augment: Augmenter, device: torch.device
    ) -> None:
        self.stream, self.training, self.augment, self.device = stream, training, augment, device
        self.steps = augment.samples // training.batch_size
        self.told = device.type == "cpu"  # the host reads rates and shares, and gives them on
        exact = torch.float64 if self.told else torch.float32
        self.ids = torch.zeros(self.steps, training.batch_size, dtype=torch.int64, device=device)
        self.rates, self.shares = torch.zeros(2, self.steps, dtype=exact, device=device)
        self.tables: dict[str, Tensor] = {}
        self.at = torch.zeros(1, dtype=torch.int64, device=device)  # steps of this epoch
        self.done = torch.zeros((), dtype=torch.int64, device=device)  # steps of the run
        self.ready: Plan | None = None

    def renew(self, stream: int, training: Training) -> None:
        """Forget what was planned: another run begins."""
        self.stream, self.training, self.ready = stream, training, None
        self.augment.seed = stream

    def plan(self, epoch: int) -> Plan:
        """Draw an epoch, unless it was drawn ahead."""
        if self.ready is None or self.ready.epoch != epoch:
            first, exact = epoch * self.steps, self.rates.dtype
            steps = range(first, first + self.steps)
            rates = [learning_rate(self.training, step, self.steps) for step in steps]
            shares = [share(self.training.ema, step) for step in steps]
            self.ready = Plan(
                epoch,
                order(self.stream, epoch, self.augment.samples, self.training.batch_size),
                self.augment.drawn(epoch),
                torch.tensor(rates, dtype=exact),
                torch.tensor(shares, dtype=exact),
            )
        return self.ready

    def begin(self, step: int) -> None:
        """Be where the next step is number `step` of the run, counted from zero."""
        plan = self.plan(step // self.steps)
        self.at.fill_(step % self.steps)
        self.done.fill_(step)
        for name, table in plan.tables.items():
            if name not in self.tables:
                self.tables[name] = torch.empty_like(table, device=self.device)
        pairs = [(self.ids, plan.ids), (self.rates, plan.rates), (self.shares, plan.shares)]
        pairs += [(self.tables[name], table) for name, table in plan.tables.items()]
        for place, drawn in pairs:
            pinned = drawn.pin_memory() if self.device.type == "cuda" else drawn
            place.copy_(pinned, non_blocking=True)

    def batch(self) -> Int64[Tensor, "..."]:
        """The ids of this step's images."""
        return self.ids.index_select(0, self.at)[0]

    def rate(self) -> float | Tensor:
        """The learning rate of this step."""
        return self._now(self.rates)

    def share(self) -> float | Tensor:
        """How much of this step's weights goes into the averaged ones."""
        return self._now(self.shares)

    def _now(self, row: Tensor) -> float | Tensor:
        """A number, as Python made it; or a tensor where the host must not wait for it."""
        value = row.index_select(0, self.at)[0]
        return value.item() if self.told else value

    def advance(self) -> None:
        """One more step is done."""
        self.at += 1
        self.done += 1
