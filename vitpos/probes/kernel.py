"""How position alone moves the logits of attention, as a function of the offset."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vitpos.embeddings.bias import HIDDEN
from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.layers import by_layer, mean
from vitpos.probes.places import Pairs, by_offset, everywhere, others
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import traced
from vitpos.shapes import Images, Logits

ROUNDS = 2
NAN = float("nan")


class Kernel:
    """The mean logit of pairs of cells on images whose patches are shuffled, each its own way.

    Z are logits between cells (with rotation, bias and the division by the root of the width),
    less their mean over the *other* cells that the query may see; ``M`` is their mean over images
    and ``K`` the mean of M over pairs with the same offset. Content has no place in shuffled
    images, so what remains is position. A token and itself share their content whatever the place:
    the pairs i = i are in M and K but not in any number.

    Of each layer, all heads together: ``rms``, the root mean square of M; ``floor``, what it would
    be by chance, from the spread over images; ``strength``, the root of ``rms² - floor²``;
    ``share``, ``strength²`` by the mean square of Z: how much of what varies in logits is position.
    ``offset_share``, ``sum K² / sum M²`` over pairs: 1 for purely relative position, low for
    absolute; ``toeplitz``, the share of the variance of mean attention (over cells, made to sum to
    one) that the offset explains. The last two are left out where ``rms²`` is below twice
    ``floor²``: shares of noise say nothing. ``natural/...`` are the same on images as they are,
    where content that has its usual place counts too. Summaries are means over layers.

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
            arrays[f"layer{number}/M"] = sum_.logits.mean.cpu().numpy()
            arrays[f"layer{number}/K"] = by_offset(sum_.logits.mean, sum_.grid).cpu().numpy()
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


class Summed:
    """Logits and weights of one layer over all images."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.logits, self.weights = Moments(), Moments()


def sums(subject: Subject, images: Images) -> list[Summed]:
    """Of every layer."""
    found: list[Summed] = []
    for layers in traced(subject.model, images, attention=True):
        found = found or [Summed(layer.grid) for layer in layers]
        for layer, sum_ in zip(layers, found, strict=True):
            logits, weights = layer.between_cells()
            sum_.logits.add(centred(logits, layer.grid))
            sum_.weights.add(weights.expand(len(logits), -1, -1, -1))
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
    away, grid = others(layer.grid, layer.logits.mean.device), layer.grid
    pairs = layer.logits.mean.where(away, torch.nan)
    there = pairs.isfinite()
    if not bool(there.any()):  # each query sees itself alone
        return dict.fromkeys(("rms", "floor", "strength", "share", "offset_share", "toeplitz"), NAN)
    square, floor, energy = (
        float(x[there].mean()) for x in (pairs.square(), layer.logits.error, layer.logits.energy)
    )
    signal = max(0.0, square - floor)
    heard = square > 2 * floor
    smooth = everywhere(by_offset(pairs, grid), grid)[there]
    return {
        "rms": square**0.5,
        "floor": floor**0.5,
        "strength": signal**0.5,
        "share": signal / energy if energy else NAN,
        "offset_share": float(smooth.square().mean()) / square if heard else NAN,
        "toeplitz": toeplitz(layer.weights, grid),
    }


def toeplitz(weights: Moments, grid: Grid) -> float:
    """The share of the variance of mean attention, each head by itself, that offsets explain."""
    away = others(grid, weights.mean.device)
    count = int(away.sum())
    pairs: Pairs = weights.mean.where(away, torch.nan)
    level = (
        pairs.nansum(
            (-2, -1),
        )
        / count
    )
    varies = (pairs - level[:, None, None])[:, away].square().sum()
    left = (pairs - everywhere(by_offset(pairs, grid), grid))[:, away].square().sum()
    heard = float(varies) > 2 * float(weights.error[:, away].sum())
    return 1 - float(left / varies) if heard else NAN


PROBE = Kernel()
