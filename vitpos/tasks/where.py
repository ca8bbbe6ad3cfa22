"""Which cell of a grid over the canvas holds an image."""

import torch
from torch import Tensor
from typing_extensions import override

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Rows
from vitpos.data.placing import Shown, laid
from vitpos.data.samples import Samples
from vitpos.data.scene import Ids, Look
from vitpos.tasks.canvas import Canvas, shrunk
from vitpos.tasks.choice import Choice


class Where(Choice):
    """Answers are cells, row by row."""

    def __init__(self, how: schema.Where, patch: int) -> None:
        super().__init__(how.cells**2)
        self.how, self.patch = how, patch

    @override
    def scene(self, samples: Samples) -> Canvas:
        return InCell(samples, self.how, self.patch)


class InCell(Canvas):
    """One image, wholly within one of the cells."""

    def __init__(self, samples: Samples, how: schema.Where, patch: int) -> None:
        super().__init__(samples, how, patch)
        self.cells, self.cell = how.cells, self.side // how.cells

    @override
    def tables(self, draws: Draws) -> Rows:
        cell = draws.integers("where/cell", 0, self.cells - 1, 2)
        room = (self.cell - self.size) // self.step
        place = cell * self.cell + self.step * draws.integers("where/place", 0, room, 2)
        number = cell @ torch.tensor([self.cells, 1])
        return {"cell": number, "place": place.int(), **self.clutter(draws)}

    @override
    def __call__(self, ids: Ids, rows: Rows, look: Look) -> tuple[Shown, Tensor]:
        image = shrunk(look(ids), self.times)
        return laid(self.background(rows, image), image, rows["place"]), rows["cell"]
