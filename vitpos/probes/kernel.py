"""How position alone moves the logits of attention, as a function of the offset."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vitpos.embeddings.bias import HIDDEN
from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.layers import by_layer, mean
from vitpos.probes.places import by_offset, everywhere, explained, others
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import Layer, traced
from vitpos.shapes import Images, Logits

ROUNDS = 2
CLEAR = 3.0  # mean squares that are so many times what chance makes are no chance
NAN = float("nan")


class Kernel:
    """The mean logit of pairs of cells on images whose patches are shuffled, each its own way.

    Z are the logits between cells (with rotation, bias and the division by the root of the width),
    less their mean over the *other* cells that the query may see; ``M`` is their mean over images
    and ``K`` the mean of M over pairs with the same offset. Content has no place in shuffled
    images, so what remains is position. A token and itself share their content whatever the place:
    the pairs i = i are in M and K but not in any number.

    Of each layer, all heads together: ``rms``, the root mean square of M; ``floor``, what it would
    be by chance, from the spread over images; ``strength``, the root of ``rms² - floor²``;
    ``share``, ``strength²`` by the mean square of Z: how much of what varies in logits is position.
    ``offset_share``, ``sum K² / sum M²`` over pairs: high for relative position, low for absolute;
    ``toeplitz``, the share of the variance of mean attention (over cells, made to sum to one) that
    the offset explains. As the mean over keys differs from query to query at the border, a purely
    relative bias stays below 1 in both; ``relative`` is 1 for it: the share of ``sum M²`` explained
    by ``f(offset)`` less its mean over keys, f by least squares for each head. From all three, what
    chance adds to sums of squares is taken away; they are left out where all there is is not three
    times that: shares of noise say nothing.
    ``natural/...`` are the same on images as they are, where content that has its usual place
    counts too. Summaries are means over layers.

    Arrays: ``layer<i>/M`` [heads, query cells, key cells]; ``layer<i>/K`` [heads, 2 rows - 1,
    2 cols - 1], offset of the query from the key, the same in the middle; not a number where no
    query may see a key.
    """

    name = "kernel"
    source = "the definitions are ours; Toeplitz matrices of position: Ke et al. 2021, 2006.15595"

    def why_not(self, subject: Subject) -> str:
        """It needs attention between all cells of one grid."""
        return controls.hidden(subject)

    def measure(self, subject: Subject) -> Found:
        """On shuffled images, and on natural ones."""
        found = sums(subject, controls.patches_shuffled(subject, ROUNDS))
        natural = sums(subject, controls.natural(subject))
        numbers = described(found)
        for name, value in described(natural).items():
            layer, slash, what = name.rpartition("/")
            numbers[f"{layer}{slash}natural/{what}"] = value
        arrays = {}
        for number, sum_ in enumerate(found):
            arrays[f"layer{number}/M"] = sum_.mean.mean.cpu().numpy()
            arrays[f"layer{number}/K"] = by_offset(sum_.mean.mean, sum_.grid).cpu().numpy()
        return Found(numbers, arrays)


class Moments:
    """Mean, and how far it may be off, of what comes in a batch at a time."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Tensor = torch.zeros(())
        self.squares: Tensor = torch.zeros(())

    def add(self, x: Tensor) -> None:
        """A batch, images first, in float64."""
        self.count += len(x)
        self.total = self.total.to(x) + x.sum(0)
        self.squares = self.squares.to(x) + x.square().sum(0)

    @property
    def mean(self) -> Tensor:
        """Over images."""
        return self.total / self.count

    @property
    def energy(self) -> Tensor:
        """The mean square over images."""
        return self.squares / self.count

    @property
    def error(self) -> Tensor:
        """The variance of the mean: that of images by their number."""
        return (self.energy - self.mean.square()).clamp(min=0) / max(1, self.count - 1)


class Parts:
    """Numbers of pairs of different cells, and their means over pairs with the same offset."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.pairs, self.offsets = Moments(), Moments()

    def add(self, x: Tensor) -> None:
        """A batch, [images, heads, query cells, key cells]."""
        away = x.where(others(self.grid, x.device), torch.nan)
        self.pairs.add(away)
        self.offsets.add(by_offset(away, self.grid))


class Summed:
    """Logits and weights of one layer over all images."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.logits, self.weights = Parts(grid), Parts(grid)
        self.mean = Moments()  # of logits, with the pairs i = i

    def add(self, layer: Layer) -> None:
        """A batch."""
        logits, weights = layer.between_cells()
        found = centred(logits, self.grid)
        self.mean.add(found)
        self.logits.add(found)
        self.weights.add(weights)


def sums(subject: Subject, images: Images) -> list[Summed]:
    """Of every layer."""
    found: list[Summed] = []
    for layers in traced(subject.model, images, attention=True):
        found = found or [Summed(layer.grid) for layer in layers]
        for layer, sum_ in zip(layers, found, strict=True):
            sum_.add(layer)
    return found


def centred(logits: Logits, grid: Grid) -> Logits:
    """Less the mean over the other keys; not a number where a query must not see a key."""
    seen = logits.where(logits > HIDDEN / 2, torch.nan)
    rest = seen.where(others(grid, logits.device), torch.nan)
    return seen - rest.nanmean(-1, keepdim=True)


def described(layers: Sequence[Summed]) -> dict[str, float]:
    """The numbers of all layers, and their means."""
    rows = [facts(layer) for layer in layers]
    numbers: dict[str, float] = {}
    for name in rows[0]:
        numbers |= by_layer(name, [row[name] for row in rows], mean)
    return numbers


def facts(layer: Summed) -> dict[str, float]:
    """The numbers of one layer."""
    logits = layer.logits
    square, floor = (average(x) for x in (logits.pairs.mean.square(), logits.pairs.error))
    energy, signal = average(logits.pairs.energy), max(0.0, square - floor)
    zero = torch.zeros_like(logits.pairs.mean[..., :1, :1])
    level = torch.nanmean(layer.weights.pairs.mean, (-2, -1))[..., None, None]
    return {
        "rms": square**0.5,
        "floor": floor**0.5,
        "strength": signal**0.5,
        "share": signal / energy if energy else NAN,
        "offset_share": by_offsets(logits, zero),
        "toeplitz": by_offsets(layer.weights, level),
        "relative": relative(logits, zero),
    }


def by_offsets(parts: Parts, level: Tensor) -> float:
    """How much of the squared distance from `level` the means of offsets have, without chance."""
    if not heard(parts, level):
        return NAN
    pairs, by_chance = average((parts.pairs.mean - level).square()), average(parts.pairs.error)
    offsets = average(everywhere((parts.offsets.mean - level).square(), parts.grid))
    smooth = offsets - average(everywhere(parts.offsets.error, parts.grid))
    return min(1.0, max(0.0, smooth / (pairs - by_chance)))


def relative(parts: Parts, level: Tensor) -> float:
    """How much of the squares is a number for each offset, whatever each query adds to it."""
    if not heard(parts, level):
        return NAN
    squares, freedom = explained(parts.pairs.mean, parts.grid)
    total, by_chance = (float(x.nansum()) for x in (parts.pairs.mean.square(), parts.pairs.error))
    return min(1.0, max(0.0, (squares - freedom * by_chance) / (total - by_chance)))


def heard(parts: Parts, level: Tensor) -> bool:
    """Whether there is more than chance."""
    return average((parts.pairs.mean - level).square()) > CLEAR * average(parts.pairs.error)


def average(x: Tensor) -> float:
    """Of those that are numbers."""
    return float(x.nanmean())


PROBE = Kernel()
