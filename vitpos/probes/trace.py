"""What goes on inside a network during a pass: tokens, logits and weights, layer by layer.

It listens and changes nothing: at the blocks, and where strategies are asked to speak. So it works
for every strategy, whatever it does, and sees the numbers that the network itself computed with.
"""

from collections.abc import Callable, Iterator, Sequence
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
from vitpos.vit import ViT

NUMBERS = 2**25  # of attention that are held at a time
SPEAKS = ("tokens", "inputs", "values")  # where strategies are listened to


@dataclass(frozen=True)
class Layer:
    """One block in one pass.

    `logits` include rotation, bias and the division by the root of the width; `weights` are those
    that tokens are read with. Both are None unless they were asked for, and where a block does not
    attend. Of a strategy that mixes weights of its own into the softmax, logits are the logarithm
    of the mixture. `speakers` are the strategies that had their say, each for itself where several
    work together.
    """

    site: Site
    before: Tokens  # what the strategy is given in front of the block
    entered: Tokens  # what the block is given
    after: Tokens
    plain: Tokens  # what the strategy is given in front of queries and keys
    asked: Tokens  # what queries and keys are made of
    speakers: Sequence[PositionEmbedding]
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
        self.spoke: list[PositionEmbedding] = []
        self.within = False

    def hear(self, strategy: PositionEmbedding, speak: Callable[..., Any], *told: Any) -> Any:
        """Let a strategy speak; of strategies within others, only the outermost is noted."""
        self.spoke.append(strategy)
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
        silence = {"plain": told[0], "asked": told[0], "logits": None, "weights": None}
        known = silence | self.heard | {"after": said, "speakers": innermost(self.spoke)}
        self.layers.append(Layer(**known))
        self.heard, self.spoke = {}, []


def innermost(spoke: list[PositionEmbedding]) -> list[PositionEmbedding]:
    """Each once, without those that only let others speak."""
    once = dict.fromkeys(spoke)
    return [one for one in once if not any(m in once for m in one.modules() if m is not one)]


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
    handles = [block.register_forward_pre_hook(ear.enter) for block in model.blocks]
    handles += [block.register_forward_hook(ear.leave) for block in model.blocks]
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


def one(model: ViT, images: Images) -> list[Layer]:
    """All layers of the first image, attention too."""
    with torch.no_grad(), listening(model, attention=True) as layers:
        model(images[:1])
    return layers


def size(model: ViT, images: Images) -> int:
    """Images of a pass whose attention is held."""
    held = [layer.weights for layer in one(model, images)]
    each = sum(weights.numel() for weights in held if weights is not None)
    return max(1, min(BATCH, NUMBERS // max(1, each)))


def obstacle(model: ViT, images: Images) -> str:
    """Why attention between all cells of one grid cannot be looked at; empty if it can."""
    layers = one(model, images)
    for number, layer in enumerate(layers):
        tokens = layer.site.prefix + layer.grid.cells
        if layer.weights is None:
            return f"block {number} does not attend"
        if layer.weights.shape[-1] != tokens:
            return f"block {number} does not attend to all of its grid at once"
    return ""
