"""Patches in random places: a control, in which no position embedding can be worth anything.

A network without position sees the same set of patches as before; any other has to learn that the
places of its patches say nothing.
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Rows
from vitpos.keys import generator

Images = Float32[Tensor, "batch channels height width"]


class Shuffle:
    """Each image has its patches in other places in each epoch."""

    def __init__(self, patch: int, size: int) -> None:
        self.patch, self.cells = patch, (size // patch) ** 2

    def tables(self, draws: Draws) -> Rows:
        return {"shuffle": draws.permutations("shuffle", self.cells)}

    def __call__(self, images: Images, rows: Rows) -> Images:
        return shuffled(images, self.patch, rows["shuffle"].long())


def tile(patch: schema.Patch) -> int:
    """The side of what is shuffled, in pixels; 0: nothing."""
    return patch.size if patch.shuffle else 0


def shuffled(images: Images, patch: int, places: Int64[Tensor, "batch cells"]) -> Images:
    """Images whose cell i, row by row, shows the patch that was in cell `places[:, i]`."""
    channels, height, width = images.shape[1:]
    patches = torch.nn.functional.unfold(images, patch, stride=patch)  # [batch, values, cells]
    moved = patches.gather(2, places[:, None, :].expand_as(patches))
    return torch.nn.functional.fold(moved, (height, width), patch, stride=patch).view(
        -1, channels, height, width
    )


def fixed(images: int, cells: int) -> Int64[Tensor, "{images} {cells}"]:
    """The places for an evaluation: the same for every network and seed."""
    drawn = torch.rand(images, cells, generator=generator(0, "shuffle", cells))
    return drawn.argsort(dim=1)
