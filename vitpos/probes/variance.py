"""How much of what varies in tokens is position, and how much of it was put there."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.layers import by_layer, largest, last
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import Layer, traced
from vitpos.shapes import Images, Tokens

NAN = float("nan")


class Variance:
    """Shares of position, image and content in the variance of tokens; norms of what is added.

    On images whose patches are shuffled, tokens are ``mean + place + image + rest``: analysis of
    variance with two factors, unbiased (as in random-effects models), so that chance alone gives 0
    and not 1 / images; below 0 counts as 0. ``position``, ``image`` and ``content`` are their
    shares, which sum to one, of the tokens that enter the first block (`start`) and after each;
    the summary is that of the last layer. (Doshi et al. 2026 take the variance of the mean over
    natural images, in which content has its usual place; ``natural/position`` is that, unbiased.)

    ``added`` is the mean norm of what the strategy adds to the residual stream in front of a block
    by the mean norm of what was there, ``asked`` the same for what queries and keys are made of;
    over cells, on natural images. Their summaries are those of the layer that has most.

    Arrays: ``position``, ``image``, ``content`` [start and layers].
    """

    name = "variance"
    source = "Doshi et al. 2026, https://arxiv.org/abs/2601.05328 (with the corrections named)"

    def why_not(self, subject: Subject) -> str:
        """It needs places, and more than one image."""
        return controls.too_small(subject) or (
            "" if len(subject.images(2)) > 1 else "there is only one image"
        )

    def measure(self, subject: Subject) -> Found:
        """On shuffled images and on natural ones."""
        shuffled = [shares(s) for s in sums(subject, controls.patches_shuffled(subject))]
        images = controls.natural(subject)
        natural = [shares(s).position for s in sums(subject, images)]
        numbers: dict[str, float] = {}
        arrays: dict[str, np.ndarray] = {}
        for name in Shares._fields:
            values = [getattr(one, name) for one in shuffled]
            numbers |= by_layer(name, values, last, start=True)
            arrays[name] = np.array(values)
        for name, value in by_layer("position", natural, last, start=True).items():
            layer, slash, what = name.rpartition("/")
            numbers[f"{layer}{slash}natural/{what}"] = value
        added, asked = zip(*ratios(subject, images), strict=True)
        numbers |= by_layer("added", added, largest) | by_layer("asked", asked, largest)
        return Found(numbers, arrays)


class Shares(NamedTuple):
    """Of the variance of tokens."""

    position: float
    image: float
    content: float


class Sums:
    """What the shares of one layer are made of, added up batch by batch."""

    def __init__(self, grid: Grid) -> None:
        self.grid, self.images = grid, 0
        self.places: Tensor = torch.zeros(())  # [cells, dim]
        self.squares = self.of_images = 0.0

    def add(self, tokens: Tokens) -> None:
        """More images."""
        x = tokens.double()
        self.images += len(x)
        self.places = self.places.to(x) + x.sum(0)
        self.squares += float(x.square().sum())
        self.of_images += float(x.mean(1).square().sum())


def sums(subject: Subject, images: Images) -> list[Sums]:
    """Of the tokens that enter, and of every layer."""
    found: list[Sums] = []
    for layers in traced(subject.model, images):
        first = layers[0]
        found = found or [Sums(first.grid), *(Sums(layer.grid) for layer in layers)]
        found[0].add(first.entered[:, first.site.prefix :])
        for sum_, layer in zip(found[1:], layers, strict=True):
            sum_.add(layer.cells)
    return found


def shares(sums: Sums) -> Shares:
    """Two-way analysis of variance without repetition, over all channels."""
    images, cells = sums.images, sums.grid.cells
    place = sums.places / images
    mean = float(place.mean(0).square().sum())
    by_place = images * (float(place.square().sum()) - cells * mean)
    by_image = cells * (sums.of_images - images * mean)
    rest = sums.squares - images * cells * mean - by_place - by_image
    noise = max(0.0, rest) / ((images - 1) * (cells - 1))
    position = max(0.0, by_place / (cells - 1) - noise) / images
    image = max(0.0, by_image / (images - 1) - noise) / cells
    total = position + image + noise
    # what is left of sums that cancel is rounding
    if total <= 1e-12 * sums.squares / (images * cells):
        return Shares(NAN, NAN, NAN)
    return Shares(position / total, image / total, noise / total)


def ratios(subject: Subject, images: Images) -> list[tuple[float, float]]:
    """Of every layer: what is added to the stream, and to what queries and keys are made of."""
    found: list[Tensor] = []
    for layers in traced(subject.model, images):
        found.append(torch.stack([norms(layer) for layer in layers]))
    stream, added, plain, asked = torch.stack(found).sum(0).unbind(-1)
    return list(zip((added / stream).tolist(), (asked / plain).tolist(), strict=True))


def norms(layer: Layer) -> Tensor:
    """The sums of norms over images and cells."""
    p = layer.site.prefix
    before, entered, plain, asked = (
        x[:, p:].double() for x in (layer.before, layer.entered, layer.plain, layer.asked)
    )
    parts = before, entered - before, plain, asked - plain
    return torch.stack([x.norm(dim=-1).sum() for x in parts])


PROBE = Variance()
