"""The patches of an image in random places: each token is asked from which cell it comes.

After Noroozi and Favaro 2016, https://arxiv.org/abs/1603.09246, with one answer for each patch and
not one for the whole permutation.
"""

import torch
from torch import Tensor
from typing_extensions import override

from vitpos.data.draws import Draws
from vitpos.data.geometry import Rows
from vitpos.data.placing import Shown
from vitpos.data.samples import Samples
from vitpos.data.scene import Ids, Look, Scene
from vitpos.data.shuffle import shuffled
from vitpos.tasks.choice import Choice


class Jigsaw(Choice):
    """Answers are cells, row by row, one for each token."""

    per_token = True

    def __init__(self, size: int, patch: int) -> None:
        super().__init__((size // patch) ** 2)
        self.patch = patch

    @override
    def scene(self, samples: Samples) -> Scene:
        return Mixed(samples, self.patch)


class Mixed(Scene):
    """One permutation for each image."""

    def __init__(self, samples: Samples, patch: int) -> None:
        super().__init__(samples, samples.pixels.shape[-1])
        self.patch, self.cells = patch, (self.side // patch) ** 2

    @override
    def tables(self, draws: Draws) -> Rows:
        return {"order": draws.permutations("jigsaw", self.cells)}

    @override
    def __call__(self, ids: Ids, rows: Rows, look: Look) -> tuple[Shown, Tensor]:
        order = rows["order"].long()
        return shuffled(look(ids).float(), self.patch, order).to(torch.uint8), order
