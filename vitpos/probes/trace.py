"""What goes on inside a network during a pass: tokens, logits and weights, layer by layer.

It listens and changes nothing: at the blocks, and where strategies are asked to speak. So it works
for every strategy, whatever it does, and sees the numbers that the network itself computed with.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from vitpos.attention import Attend, Tile
from vitpos.embeddings.base import Gather, PositionEmbedding, Site
from vitpos.grid import Grid
from vitpos.metrics import BATCH
from vitpos.shapes import Images, Logits, Tokens, Weights
from vitpos.vit import Block, ViT

NUMBERS = 2**25  # of attention that are held at a time
SPEAKS = ("tokens", "inputs", "values")  # where strategies are listened to


@dataclass(frozen=True)
class Layer:
    """One block in one pass.

    `logits` include rotation, bias and the division by the root of the width; `weights` are those
    that tokens are read with. Both are None unless they were asked for. Of a strategy that mixes
    weights of its own into the softmax, logits are the logarithm of the mixture.
    """

    site: Site
    before: Tokens  # what the strategy is given in front of the block
    entered: Tokens  # what the block is given
    after: Tokens
    plain: Tokens  # what the strategy is given in front of queries and keys
    asked: Tokens  # what queries and keys are made of
    logits: Logits | None
    weights: Weights | None

    @property
    def grid(self) -> Grid:
        """Of this layer."""
        return self.site.grid

    @property
    def cells(self) -> Tokens:
        """Tokens after the block, without prefix tokens."""
        return self.after[:, self.site.prefix :]

    def between_cells(self) -> tuple[Logits, Weights]:
        """Logits and weights without prefix tokens; weights are made to sum to one again."""
        assert self.logits is not None
        assert self.weights is not None
        p = self.site.prefix
        weights = self.weights[..., p:, p:].double()
        return self.logits[..., p:, p:].double(), weights / weights.sum(-1, keepdim=True)


class Ear:
    """Hears what strategies and blocks are told and say; `layers` is what is known so far."""

    def __init__(self, attention: bool) -> None:
        self.attention = attention
        self.layers: list[Layer] = []
        self.heard: dict[str, Any] = {}
        self.within = False

    def hear(self, strategy: PositionEmbedding, speak: Callable[..., Any], *told: Any) -> Any:
        """Let a strategy speak; of strategies within others, only the outermost is noted."""
        if self.within:
            return speak(*told)
        self.within = True
        try:
            said = speak(*told)
        finally:
            self.within = False
        match speak.__name__:
            case "tokens":
                self.heard["before"] = told[0]
            case "inputs":
                self.heard |= {"plain": told[0], "asked": said[0]}
            case _ if self.attention:
                self.heard["logits"], self.heard["weights"] = looked_at(strategy, *told[1:])
        return said

    def enter(self, block: nn.Module, told: tuple[Any, ...]) -> None:
        """A block begins."""
        self.heard["entered"], self.heard["site"] = told[0], told[2]

    def leave(self, block: nn.Module, told: tuple[Any, ...], said: Tokens) -> None:
        """A block is over."""
        nothing = {"logits": None, "weights": None}
        self.layers.append(Layer(**(nothing | self.heard | {"after": said})))
        self.heard = {}


def looked_at(strategy: PositionEmbedding, gather: Gather, site: Site) -> tuple[Logits, Weights]:
    """Logits and weights of attention as this strategy reads with it."""
    own = gather.weights()
    weights = strategy.reads(own, site)
    met = gather.met if isinstance(gather, Tile) else gather
    if weights is own and isinstance(met, Attend):
        return met.logits(), weights
    return weights.log(), weights


@contextmanager
def listening(model: ViT, attention: bool = False) -> Iterator[list[Layer]]:
    """A list that fills while the network runs, one layer for each block in the order they run."""
    ear = Ear(attention)
    strategies = [m for m in model.modules() if isinstance(m, PositionEmbedding)]
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    handles = [block.register_forward_pre_hook(ear.enter) for block in blocks]
    handles += [block.register_forward_hook(ear.leave) for block in blocks]
    try:
        for strategy in strategies:
            for name in SPEAKS:
                vars(strategy)[name] = partial(ear.hear, strategy, getattr(strategy, name))
        yield ear.layers
    finally:
        for handle in handles:
            handle.remove()
        for strategy in strategies:
            for name in SPEAKS:
                vars(strategy).pop(name, None)


def traced(model: ViT, images: Images, *, attention: bool = False) -> Iterator[list[Layer]]:
    """All layers of one pass after another, in float32, few enough images each to be held."""
    for part in images.split(size(model, images) if attention else BATCH):
        with torch.no_grad(), listening(model, attention) as layers:
            model(part)
        yield layers


def size(model: ViT, images: Images) -> int:
    """Images of a pass whose attention is held."""
    (layers,) = traced(model, images[:1])
    heads = [m.attention.heads for m in model.modules() if isinstance(m, Block)]
    each = sum(h * layer.after.shape[1] ** 2 for h, layer in zip(heads, layers, strict=True))
    return max(1, min(BATCH, NUMBERS // each))


def obstacle(model: ViT, images: Images) -> str:
    """Why attention between all cells of one grid cannot be looked at; empty if it can."""
    with torch.no_grad(), listening(model, attention=True) as layers:
        model(images[:1])
    for number, layer in enumerate(layers):
        tokens = layer.site.prefix + layer.grid.cells
        if layer.weights is None or layer.weights.shape[-1] != tokens:
            return f"block {number} does not attend to all of its grid at once"
    return ""
