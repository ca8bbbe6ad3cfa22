"""What position alone does: on images whose patches lie in random places, each its own way.

The kernel and the mean tokens are those of the probes `kernel` and `similarity`, whose definitions
these are; `strength` and `floor` are numbers of the former, layer by layer. A token and itself
share their content whatever the place, so at no offset the kernel is not a number here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitpos.pages.coded import Coded, cosines, signed
from vitpos.pages.opened import Opened
from vitpos.probes import controls, places
from vitpos.probes.kernel import ROUNDS, Moments, centred
from vitpos.probes.trace import Layer, traced

ENTERING = -1  # in the place of a block: what enters the first of them


class Heard:
    """Sums over images of the blocks that are shown."""

    def __init__(self, one: Opened) -> None:
        self.grid, self.blocks = one.grid, one.blocks
        self.logits = [Moments() for _ in one.blocks]
        self.tokens = [Moments() for _ in range(len(one.blocks) + 1)]  # the first: what enters

    def add(self, layers: Sequence[Layer]) -> None:
        """A batch."""
        first = layers[self.blocks[0]]
        self.tokens[0].add(first.entered[:, first.site.prefix :].double())
        for place, number in enumerate(self.blocks):
            layer = layers[number]
            assert layer.logits is not None
            p = layer.site.prefix
            logits = layer.logits[..., p:, p:].double()
            self.logits[place].add(centred(logits, self.grid))
            self.tokens[place + 1].add(layer.cells.double())


def shuffled(one: Opened) -> dict[str, Any]:
    """The measured kernel by offset, and how alike mean tokens of places are after each block."""
    why = controls.too_small(one.subject)
    if why:
        return {"kernel": {"why_not": why}, "similarity": None, "similarity_of": []}
    heard = Heard(one)
    images = controls.patches_shuffled(one.subject, ROUNDS)
    for layers in traced(one.subject.model, images, attention=True):
        heard.add(layers)
    return {
        "kernel": kernel(heard, len(images)),
        "similarity": similarity(heard),
        "similarity_of": [ENTERING, *heard.blocks],
    }


def kernel(heard: Heard, images: int) -> dict[str, Any]:
    """The mean logit of pairs by offset, how much of it is position, and what chance makes."""
    away = places.others(heard.grid, heard.logits[0].mean.device)
    maps = [places.by_offset(m.mean.where(away, torch.nan), heard.grid) for m in heard.logits]
    parts = [strength(m, heard) for m in heard.logits]
    return {
        "values": signed(np.stack([x.cpu().numpy() for x in maps])),
        "layers": list(heard.blocks),
        "strength": [part[0] for part in parts],
        "floor": [part[1] for part in parts],
        "images": images,
    }


def strength(logits: Moments, heard: Heard) -> tuple[float | None, float | None]:
    """Root mean squares over pairs of different cells: beyond chance, and of chance."""
    away = places.others(heard.grid, logits.mean.device)
    square, chance = (
        float(x.where(away, torch.nan).nanmean()) for x in (logits.mean.square(), logits.error)
    )
    if not np.isfinite([square, chance]).all():
        return None, None
    return max(0.0, square - chance) ** 0.5, chance**0.5


def similarity(heard: Heard) -> Coded:
    """Cosines of mean tokens, [entering and blocks, cells, cells]."""
    found: list[Tensor] = [places.cosines(tokens.mean) for tokens in heard.tokens]
    return cosines(np.stack([x.cpu().numpy() for x in found]))
