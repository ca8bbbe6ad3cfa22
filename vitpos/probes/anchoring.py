"""Whether near tokens are alike because of what they show, or because of where they are."""

from math import isfinite

import torch

from vitpos.probes import controls
from vitpos.probes.layers import by_layer, last
from vitpos.probes.places import cosines, nearness
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import traced
from vitpos.shapes import Images

PAIRS = 2**22  # of cells that are compared at a time
CLEAR = 0.05


class Anchoring:
    """The correlation of likeness with nearness, on images as they are and with patches shuffled.

    Of each image, Spearman's correlation of the cosine of two tokens with minus their distance over
    all pairs of cells (SSDC), mean over images: ``natural`` and ``shuffled``, of the tokens that
    enter the first block (`start`) and after each. ``anchored`` is ``shuffled / natural``, the
    share of it that belongs to places and not to what is there; left out where ``natural`` is below
    0.05. Without position ``shuffled`` is 0 but for chance. Images whose tokens are all equal tell
    nothing and are left out. Summaries are those of the last layer. No arrays.
    """

    name = "anchoring"
    source = "Mannes 2026, https://arxiv.org/abs/2606.00124"

    def why_not(self, subject: Subject) -> str:
        """It needs different distances."""
        return "" if controls.grid(subject).cells > 2 else "there are not three patches"

    def measure(self, subject: Subject) -> Found:
        """Both kinds of images."""
        natural = structure(subject, controls.natural(subject))
        shuffled = structure(subject, controls.patches_shuffled(subject))
        shares = [
            s / n if isfinite(n) and n > CLEAR else float("nan")
            for n, s in zip(natural, shuffled, strict=True)
        ]
        numbers: dict[str, float] = {}
        for name, values in (
            ("natural", natural),
            ("shuffled", shuffled),
            ("anchored", shares),
        ):
            numbers |= by_layer(name, values, last, start=True)
        return Found(numbers, {})


def structure(subject: Subject, images: Images) -> list[float]:
    """The mean correlation, of the tokens that enter and of each layer."""
    found: list[list[torch.Tensor]] = []
    part = max(1, PAIRS // controls.grid(subject).cells ** 2)
    for images_ in images.split(part):
        (layers,) = traced(subject.model, images_)
        first = layers[0]
        looked = [(first.entered[:, first.site.prefix :], first.grid)]
        looked += [(layer.cells, layer.grid) for layer in layers]
        found.append([nearness(cosines(tokens), grid) for tokens, grid in looked])
    return [float(torch.cat(parts).nanmean()) for parts in zip(*found, strict=True)]


PROBE = Anchoring()
