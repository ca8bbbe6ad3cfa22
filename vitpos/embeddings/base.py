"""The protocol: how a network is told where its tokens are.

Position can enter a Vision Transformer at six places, and each is one method::

    images ─ pixels() ─ patches ─ tokens() ─ block 0 ─ tokens() ─ block 1 ─ ... ─ head
                                                │
                                                └ asked, told = inputs(x)
                                                  q, k of asked, v of told
                                                  q, k = heads(q, k)
                                                  gather = softmax(q kᵀ / √d + logits(q, k))
                                                  values(v, gather), usually gather(v)

Every method says nothing by default, so ``PositionEmbedding`` itself is the baseline ``none``. A
strategy overrides the methods at which it speaks; the network calls all of them and never asks.

Tokens come as ``prefix`` tokens (CLS, registers) and then the cells of the grid, row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitpos.grid import Grid
from vitpos.shapes import (
    Asked,
    Draws,
    Heads,
    Hidden,
    Images,
    Logits,
    Offsets,
    Planes,
    Tokens,
    Turns,
    Weights,
)


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """What a strategy may know of the network when it is built."""

    channels: int
    grid: Grid  # of the training images
    dim: int
    heads: int
    depth: int
    prefix: int  # tokens that have no place: CLS and registers

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.dim // self.heads


class Site(NamedTuple):
    """Where in the network a strategy is being asked to speak."""

    grid: Grid  # of these images: not always the grid it was built for
    layer: int  # 0 for the first block
    prefix: int
    draws: Draws | None = None  # uniform numbers in 0..1, the same in all layers; None: evaluation
    content: Tokens | None = None  # inside attention: what queries and keys were made of
    stage: int = 0  # of a network that has several; each counts its layers from 0
    hidden: Hidden | None = None  # what attention leaves out; for those who make their own softmax


class Turn(NamedTuple):
    """A rotation of queries and keys in numbers."""

    angles: Turns  # radians, of as many pairs of channels as turn
    pairing: str  # which channels make a pair: see `vitpos.embeddings.rotary`


class Axes(NamedTuple):
    """What queries of cells see in the vectors of offsets: of rows, and of columns, added up."""

    rows: Offsets  # of all offsets in order, query minus key
    cols: Offsets
    scale: float  # what is seen is multiplied by it


class Inside(NamedTuple):
    """All that a strategy does between the projection and the softmax, without looking at either.

    Queries are multiplied by `gain`, queries and keys are turned, and what then is seen along the
    `axes` and the `bias` are added to the scaled logits. What is None does not happen.
    """

    gain: float = 1.0
    turn: Turn | None = None
    axes: Axes | None = None
    bias: Logits | None = None  # in float32


@runtime_checkable
class Gather(Protocol):
    """How attention reads values: ``gather(v)`` is ``weights() v``, by whatever is fast here."""

    @property
    def q(self) -> Asked:
        """Queries as they met the keys."""

    @property
    def k(self) -> Asked:
        """Keys as they met the queries."""

    def weights(self) -> Weights:
        """The softmax over keys. Only a strategy that asks for it pays for it."""

    def __call__(self, v: Heads) -> Heads:
        """The values that each token reads."""


class Constant(nn.Module):
    """A fixed tensor that goes to the device with the network but stays float32.

    Angles made in bfloat16 collide on larger grids, so `.bfloat16()` must not reach them. A random
    one is part of the state (`saved`); what can be computed again is not.
    """

    def __init__(self, value: Tensor, *, saved: bool = False) -> None:
        super().__init__()
        self.register_buffer("exact", value.float().view(torch.int32), persistent=saved)

    exact: Tensor  # the bits of float32 as integers: casts of floating point pass them by

    def forward(self) -> Float[Tensor, "..."]:
        """The tensor itself."""
        return self.exact.view(torch.float32)


class PositionEmbedding(nn.Module):
    """No position at all, and the base of every strategy."""

    extra_channels = 0  # that `pixels` appends to the image
    widens = False  # whether `heads` makes queries and keys wider than a head
    narrow = False  # whether queries and keys must come to it as wide as a head

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    def sites(self) -> list[Site]:
        """All blocks before and in which it is asked, for images of the size it was built for."""
        trunk = self.trunk
        return [Site(trunk.grid, layer, trunk.prefix) for layer in range(trunk.depth)]

    def pixels(self, x: Images) -> Planes:
        """Before patching: change the image, or append coordinate channels."""
        return x

    def tokens(self, x: Tokens, site: Site) -> Tokens:
        """Before block `site.layer`: change the residual stream."""
        return x

    def inputs(self, x: Tokens, told: Tokens, site: Site) -> tuple[Tokens, Tokens]:
        """After the norm of a block: what queries and keys, and what values are made of.

        Both come in as the same tensor unless another strategy spoke before.
        """
        return x, told

    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        """Inside attention: change queries and keys, usually by rotating them.

        They may come back wider; logits are divided by the root of the width of a head in any case.
        """
        return q, k

    def logits(self, q: Asked, k: Asked, site: Site) -> Logits | None:
        """Inside attention: a term to add to the scaled logits of what `heads` left."""
        return None

    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        """Inside attention: what each token reads, by default the gathered values."""
        return gather(v)

    def reads(self, weights: Weights, site: Site) -> Weights:
        """The weights by which `values` reads, for who looks at them; `weights` are the softmax."""
        return weights

    def inside(self, site: Site) -> Inside | None:
        """All that `heads` and `logits` do at this site, in numbers; None if that cannot be said.

        It repeats what they do, for kernels that do it on the way. None is always right, and then
        they are called.
        """
        return Inside() if inherits(self, "heads") and inherits(self, "logits") else None

    def views(self, site: Site) -> Mapping[str, Tensor]:
        """What there is to see: a ``table`` [cells, dim], or a ``map`` [maps, rows, cols].

        A map shows how the cell in the middle of the grid sees all others, one map per head.
        """
        return {}


def inherits(strategy: PositionEmbedding, method: str) -> bool:
    """Whether a strategy is silent there: it has this method as it is at the top."""
    return getattr(type(strategy), method) is getattr(PositionEmbedding, method)
