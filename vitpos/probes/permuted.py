"""A strategy that takes tokens for being elsewhere than they stand.

The network sees tokens in one order, the strategy in another: what comes to it is put in its order
first, and what it leaves is put back. So token i of the network is, for the strategy, in the cell
`places[i]` of each image. Prefix tokens stay where they are.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from typing_extensions import override

from vitpos.data.shuffle import shuffled
from vitpos.embeddings.base import Gather, Inside, PositionEmbedding, Site
from vitpos.shapes import Asked, Heads, Images, Logits, Planes, Tokens, Weights

Places = Int64[Tensor, "images cells"]


class Elsewhere(PositionEmbedding):
    """`strategy` as it is for tokens that it takes for being in the cells `places`."""

    def __init__(self, strategy: PositionEmbedding, places: Places, patch: int) -> None:
        super().__init__(strategy.trunk)
        self.strategy, self.places, self.patch = strategy, places, patch
        self.extra_channels = strategy.extra_channels
        self.widens, self.narrow = strategy.widens, strategy.narrow
        self.inverse = places.argsort(dim=1)

    def to_strategy(self, x: Tensor, site: Site, dim: int = -2) -> Tensor:
        """Tokens in the order in which the strategy counts cells."""
        return ordered(x, self.inverse, site.prefix, dim)

    def to_network(self, x: Tensor, site: Site, dim: int = -2) -> Tensor:
        """Tokens as they stand in the network."""
        return ordered(x, self.places, site.prefix, dim)

    def seen(self, site: Site) -> Site:
        """The site as the strategy knows it."""
        if site.content is None:
            return site
        return site._replace(content=self.to_strategy(site.content, site))

    @override
    def pixels(self, x: Images) -> Planes:
        told = self.strategy.pixels(shuffled(x, self.patch, self.inverse))
        return shuffled(told, self.patch, self.places)

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        found = self.strategy.tokens(self.to_strategy(x, site), self.seen(site))
        return self.to_network(found, site)

    @override
    def inputs(self, x: Tokens, told: Tokens, site: Site) -> tuple[Tokens, Tokens]:
        moved = self.to_strategy(x, site)
        other = moved if told is x else self.to_strategy(told, site)
        asked, said = self.strategy.inputs(moved, other, self.seen(site))
        back = self.to_network(asked, site)
        return back, back if said is asked else self.to_network(said, site)

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        asked, keys = (self.to_strategy(x, site) for x in (q, k))
        asked, keys = self.strategy.heads(asked, keys, self.seen(site))
        return self.to_network(asked, site), self.to_network(keys, site)

    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits | None:
        asked, keys = (self.to_strategy(x, site) for x in (q, k))
        said = self.strategy.logits(asked, keys, self.seen(site))
        if said is None:
            return None
        said = said.expand(len(self.places), *said.shape[-3:])
        return self.to_network(self.to_network(said, site), site, -1)

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        moved = Moved(self, gather, site)
        found = self.strategy.values(self.to_strategy(v, site), moved, self.seen(site))
        return self.to_network(found, site)

    @override
    def inside(self, site: Site) -> Inside | None:
        return None


class Moved:
    """Attention as a strategy sees it that takes the tokens for being elsewhere."""

    def __init__(self, owner: Elsewhere, gather: Gather, site: Site) -> None:
        self.owner, self.gather, self.site = owner, gather, site

    @property
    def q(self) -> Asked:
        """Queries as they met the keys."""
        return self.owner.to_strategy(self.gather.q, self.site)

    @property
    def k(self) -> Asked:
        """Keys as they met the queries."""
        return self.owner.to_strategy(self.gather.k, self.site)

    def weights(self) -> Weights:
        """The softmax over keys."""
        rows = self.owner.to_strategy(self.gather.weights(), self.site)
        return self.owner.to_strategy(rows, self.site, -1)

    def __call__(self, v: Heads) -> Heads:
        """What each token reads."""
        read = self.gather(self.owner.to_network(v, self.site))
        return self.owner.to_strategy(read, self.site)


def ordered(x: Float[Tensor, "..."], order: Places, prefix: int, dim: int) -> Float[Tensor, "..."]:
    """Cell i of each image becomes what was its cell `order[i]`, along `dim`."""
    first = torch.arange(prefix, device=order.device).expand(len(order), -1)
    index = torch.cat([first, order + prefix], dim=1)
    dim %= x.ndim
    shape = [len(order) if d == 0 else index.shape[1] if d == dim else 1 for d in range(x.ndim)]
    return x.gather(dim, index.view(shape).expand_as(x))
