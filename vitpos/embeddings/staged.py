"""A strategy in a network of several stages: each stage has one of its own."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Gather, Inside, PositionEmbedding, Site
from vitpos.shapes import Asked, Heads, Images, Logits, Planes, Tokens


class Staged(PositionEmbedding):
    """Speaks at each site as the strategy of its stage does.

    That was built for the grid, the width, the heads and the depth of the stage, and knows of no
    other: layers count from zero in each. `trunk` is that of the first stage where it speaks.
    """

    def __init__(self, stages: Sequence[PositionEmbedding], *, silent: int) -> None:
        super().__init__(stages[silent].trunk)
        self.stages = nn.ModuleList(stages)
        self.silent = silent  # so many stages without attention, and without position, come first
        self.extra_channels = stages[0].extra_channels

    def of(self, stage: int) -> PositionEmbedding:
        """The strategy of a stage."""
        found = self.stages[stage]
        assert isinstance(found, PositionEmbedding)
        return found

    @override
    def sites(self) -> list[Site]:
        speaking = range(self.silent, len(self.stages))
        return [site._replace(stage=i) for i in speaking for site in self.of(i).sites()]

    @override
    def pixels(self, x: Images) -> Planes:
        return self.of(0).pixels(x)

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        return self.of(site.stage).tokens(x, site)

    @override
    def inputs(self, x: Tokens, told: Tokens, site: Site) -> tuple[Tokens, Tokens]:
        return self.of(site.stage).inputs(x, told, site)

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        return self.of(site.stage).heads(q, k, site)

    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits | None:
        return self.of(site.stage).logits(q, k, site)

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        return self.of(site.stage).values(v, gather, site)

    @override
    def inside(self, site: Site) -> Inside | None:
        return self.of(site.stage).inside(site)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        found = self.of(site.stage).views(site)
        return {f"stage{site.stage}/{what}": view for what, view in found.items()}
