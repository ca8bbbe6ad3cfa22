"""Several strategies at once."""

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.shapes import Heads, Images, Logits, Planes, Tokens


class Together(PositionEmbedding):
    """Each strategy speaks in turn; their logits add up."""

    def __init__(self, trunk: Trunk, parts: Mapping[str, PositionEmbedding]) -> None:
        super().__init__(trunk)
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
    def heads(self, q: Heads, k: Heads, site: Site) -> tuple[Heads, Heads]:
        for _, part in self.strategies():
            q, k = part.heads(q, k, site)
        return q, k

    @override
    def logits(self, q: Heads, k: Heads, site: Site) -> Logits | None:
        said = (part.logits(q, k, site) for _, part in self.strategies())
        terms = [term for term in said if term is not None]
        return sum(terms[1:], terms[0]) if terms else None

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        return {
            f"{name}/{what}": view
            for name, part in self.strategies()
            for what, view in part.views(site).items()
        }
