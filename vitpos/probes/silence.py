"""A strategy that says nothing at some of its places."""

from collections.abc import Collection

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.base import Gather, Inside, PositionEmbedding, Site
from vitpos.embeddings.staged import Staged
from vitpos.shapes import Asked, Heads, Images, Logits, Planes, Tokens


class Silent(PositionEmbedding):
    """`strategy`, silent at these places (stage, layer), and about pixels if `blind`.

    Channels that it appends to the image are zero then, for the network has weights for them.
    """

    def __init__(
        self, strategy: PositionEmbedding, places: Collection[tuple[int, int]], *, blind: bool
    ) -> None:
        super().__init__(strategy.trunk)
        self.strategy, self.places, self.blind = strategy, frozenset(places), blind
        self.extra_channels = strategy.extra_channels
        self.widens, self.narrow = strategy.widens, strategy.narrow

    def hushes(self, site: Site) -> bool:
        """Whether it is silent there."""
        return (site.stage, site.layer) in self.places

    def of(self, stage: int) -> PositionEmbedding:
        """The same of a stage, in a network of several."""
        assert isinstance(self.strategy, Staged)
        return Silent(self.strategy.of(stage), self.places, blind=self.blind)

    @override
    def pixels(self, x: Images) -> Planes:
        if self.blind:
            return F.pad(x, (0, 0, 0, 0, 0, self.extra_channels))
        return self.strategy.pixels(x)

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        return x if self.hushes(site) else self.strategy.tokens(x, site)

    @override
    def inputs(self, x: Tokens, told: Tokens, site: Site) -> tuple[Tokens, Tokens]:
        return (x, told) if self.hushes(site) else self.strategy.inputs(x, told, site)

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        return (q, k) if self.hushes(site) else self.strategy.heads(q, k, site)

    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits | None:
        return None if self.hushes(site) else self.strategy.logits(q, k, site)

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        if self.hushes(site):
            return gather(v)
        return self.strategy.values(v, gather, site)

    @override
    def inside(self, site: Site) -> Inside | None:
        return Inside() if self.hushes(site) else self.strategy.inside(site)
