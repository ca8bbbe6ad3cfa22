"""How two images lie to one another: whether A is left of B, or above it.

A is the one whose class comes first. Both places are drawn before a coin says which is A's.
"""

import torch
from jaxtyping import Int64
from torch import Tensor
from typing_extensions import override

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Rows
from vitpos.data.placing import Shown, laid
from vitpos.data.samples import Samples
from vitpos.data.scene import Ids, Look
from vitpos.errors import BadInput
from vitpos.tasks.canvas import Canvas, shrunk
from vitpos.tasks.choice import Choice


class Relate(Choice):
    """Answers are no and yes."""

    def __init__(self, how: schema.Relate, patch: int) -> None:
        super().__init__(2)
        self.how, self.patch = how, patch

    @override
    def scene(self, samples: Samples) -> Canvas:
        return Pair(samples, self.how, self.patch)


class Pair(Canvas):
    """Each sample with one of another class."""

    def __init__(self, samples: Samples, how: schema.Relate, patch: int) -> None:
        super().__init__(samples, how, patch)
        self.upright = how.relation == "above"
        self.labels = samples.labels.cpu()
        self.by_class = self.labels.argsort(stable=True)
        self.counts = self.labels.bincount()
        if (self.counts > 0).sum() < 2:
            raise BadInput("task=relate: all images are of one class, so that A is not B")

    @override
    def tables(self, draws: Draws) -> Rows:
        partner = self.partners(draws)
        room = (self.side - self.size - self.span) // self.step
        apart = draws.integers("relate/apart", 0, room, 2)
        along = self.step * apart.sort(dim=1).values
        along[:, 1] += self.span
        across = self.step * draws.integers("relate/across", 0, self.free, 2)
        yes = draws.integers("relate/answer", 0, 1)
        first = self.labels[:, None] < self.labels[partner][:, None]  # whether the sample is A
        along = torch.where(yes.bool() == first, along, along.flip(1))
        pair = (along, across) if self.upright else (across, along)
        mine, others = torch.stack(pair, dim=2).int().unbind(1)
        return {
            "answer": yes[:, 0],
            "partner": partner,
            "place": mine,
            "other": others,
            **self.clutter(draws),
        }

    def partners(self, draws: Draws) -> Int64[Tensor, " samples"]:
        """For each sample one of another class, each of them as likely as any other."""
        own = self.counts[self.labels]
        others = draws.samples - own
        number = (draws.uniform("relate/partner") * others).long().clamp_max(others - 1)
        before = self.counts.cumsum(0)[self.labels] - own
        return self.by_class[number + own * (number >= before)]

    @override
    def __call__(self, ids: Ids, rows: Rows, look: Look) -> tuple[Shown, Tensor]:
        image, other = (shrunk(look(which), self.times) for which in (ids, rows["partner"]))
        canvas = laid(self.background(rows, image), image, rows["place"])
        return laid(canvas, other, rows["other"]), rows["answer"]
