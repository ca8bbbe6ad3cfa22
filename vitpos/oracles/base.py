"""What an oracle is, where it is asked, and how far apart two answers are."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

import vitpos.oracles
from vitpos import plugins
from vitpos.grid import Grid
from vitpos.specimens import noise


class Case(NamedTuple):
    """Where the two are compared."""

    trained: Grid  # what the strategy was built for
    grid: Grid  # of the images
    prefix: int
    layer: int


class Answer(NamedTuple):
    """The same thing said by ours and by the reference."""

    what: str  # "table", "logits", "gradient of weight" ...
    ours: Tensor
    theirs: Tensor

    @property
    def error(self) -> float:
        """The largest difference, relative to the largest number of the reference."""
        if self.ours.shape != self.theirs.shape:
            return float("inf")
        ours, theirs = self.ours.detach().double(), self.theirs.detach().double()
        scale = theirs.abs().max().item() or 1.0
        return (ours - theirs).abs().max().item() / scale

    @property
    def limit(self) -> float:
        """1e-5 where either computed in float32, 1e-6 in float64."""
        exact = self.ours.dtype == self.theirs.dtype == torch.float64
        return 1e-6 if exact else 1e-5


SQUARE, OBLONG = Grid(4, 4), Grid(3, 5)
SAME = (SQUARE, SQUARE), (OBLONG, OBLONG)  # grids that were trained on
OTHER = (SQUARE, Grid(3, 7)), (OBLONG, Grid(6, 4))  # and others


def cases(
    grids: tuple[tuple[Grid, Grid], ...], prefixes: tuple[int, ...] = (0, 1, 3), depth: int = 2
) -> tuple[Case, ...]:
    """All combinations, in the first and the last layer."""
    layers = sorted({0, depth - 1})
    return tuple(Case(*g, p, layer) for g, p, layer in product(grids, prefixes, layers))


@dataclass(frozen=True)
class Oracle:
    """A reference for a strategy."""

    embedding: str  # name of the file in configs/embedding
    package: str  # to install: "timm"; or a repository: "naver-ai/rope-vit"
    reference: str  # what is called there: "timm.layers.RotaryEmbeddingCat"
    ask: Callable[[Case], Iterator[Answer]]
    cases: tuple[Case, ...]


def known() -> list[Oracle]:
    """The oracles of all families, and of the plugins that were trusted."""
    found: list[Oracle] = []
    for module in pkgutil.iter_modules(vitpos.oracles.__path__):
        family = importlib.import_module(f"vitpos.oracles.{module.name}")
        found += getattr(family, "ORACLES", [])
    return found + plugins.oracles()


def gradients(outputs: list[Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Of a sum of all outputs in which every element has a weight of its own."""
    total = sum((out * noise(*out.shape, seed=7).to(out)).sum() for out in outputs)
    assert isinstance(total, Tensor)
    return torch.autograd.grad(total, inputs)


def wanted(*shape: int, seed: int = 0) -> Tensor:
    """Noise whose gradient is asked for."""
    return noise(*shape, seed=seed).requires_grad_()
