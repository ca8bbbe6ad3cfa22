"""Several strategies at once."""

from collections.abc import Mapping
from math import prod
from typing import cast

from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Gather, Inside, PositionEmbedding, Site, Trunk
from vitpos.shapes import Asked, Heads, Images, Logits, Planes, Tokens, Weights


class Through:
    """Attention as it is when `part` has had its say on values; the next part builds on it."""

    def __init__(self, part: PositionEmbedding, gather: Gather, site: Site) -> None:
        self.part, self.gather, self.site = part, gather, site

    @property
    def q(self) -> Asked:
        """Queries as they met the keys."""
        return self.gather.q

    @property
    def k(self) -> Asked:
        """Keys as they met the queries."""
        return self.gather.k

    def weights(self) -> Weights:
        """The softmax over keys, which no part changes."""
        return self.gather.weights()

    def __call__(self, v: Heads) -> Heads:
        """What each token reads."""
        return self.part.values(v, self.gather, self.site)


class Together(PositionEmbedding):
    """Each strategy speaks in turn; their logits add up."""

    def __init__(self, trunk: Trunk, parts: Mapping[str, PositionEmbedding]) -> None:
        super().__init__(trunk)
        meet(parts)
        self.parts = nn.ModuleDict(parts)
        self.extra_channels = sum(part.extra_channels for part in parts.values())

    def strategies(self) -> list[tuple[str, PositionEmbedding]]:
        """Names and strategies, in the order in which they speak."""
        return cast(list[tuple[str, PositionEmbedding]], list(self.parts.items()))

    @override
    def pixels(self, x: Images) -> Planes:
        for _, part in self.strategies():
            x = part.pixels(x)
        return x

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        for _, part in self.strategies():
            x = part.tokens(x, site)
        return x

    @override
    def inputs(self, x: Tokens, told: Tokens, site: Site) -> tuple[Tokens, Tokens]:
        for _, part in self.strategies():
            x, told = part.inputs(x, told, site)
        return x, told

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        for _, part in self.strategies():
            q, k = part.heads(q, k, site)
        return q, k

    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits | None:
        said = (part.logits(q, k, site) for _, part in self.strategies())
        terms = [term for term in said if term is not None]
        return sum(terms[1:], terms[0]) if terms else None

    @override
    def inside(self, site: Site) -> Inside | None:
        """What all do, if all can say it and no two of them turn or look along axes."""
        said = [part.inside(site) for _, part in self.strategies()]
        known = [one for one in said if one is not None]
        turns = [one.turn for one in known if one.turn is not None]
        axes = [one.axes for one in known if one.axes is not None]
        biases = [one.bias for one in known if one.bias is not None]
        if len(known) < len(said) or len(turns) > 1 or len(axes) > 1:
            return None
        return Inside(
            gain=prod([one.gain for one in known]),
            turn=next(iter(turns), None),
            axes=next(iter(axes), None),
            bias=sum(biases[1:], biases[0]) if biases else None,
        )

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        for _, part in self.strategies():
            gather = Through(part, gather, site)
        return gather(v)

    @override
    def reads(self, weights: Weights, site: Site) -> Weights:
        for _, part in self.strategies():
            weights = part.reads(weights, site)
        return weights

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        return {
            f"{name}/{what}": view
            for name, part in self.strategies()
            for what, view in part.views(site).items()
        }


def meet(parts: Mapping[str, PositionEmbedding]) -> None:
    """Raise `ValueError` if one makes queries and keys too wide for another."""
    for wide in (name for name, part in parts.items() if part.widens):
        for other in (name for name, part in parts.items() if part.narrow and name != wide):
            raise ValueError(f"{wide} makes queries and keys wider than {other} can take")
