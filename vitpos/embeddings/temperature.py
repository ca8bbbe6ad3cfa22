"""How sharp attention is on grids of another size."""

from math import log

from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.base import Inside, PositionEmbedding, Site, Trunk
from vitpos.shapes import Asked


class LogN(PositionEmbedding):
    """Queries times ``ln(tokens) / ln(trained tokens)``, prefix tokens counted.

    With more keys the same logits spread over more of them; this keeps the entropy of attention
    about the same (Su 2021, https://kexue.fm/archives/8823; Chiang & Cholak 2022,
    https://arxiv.org/abs/2202.12172). It knows no position, and is meant to be combined
    (``embedding=rope2d+logn``). On the trained grid nothing changes.
    """

    def __init__(self, trunk: Trunk) -> None:
        super().__init__(trunk)
        self.trained = max(2, trunk.grid.cells + trunk.prefix)  # ln 1 = 0: nothing to compare with

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        gain = self.gain(site)
        return (q, k) if gain == 1.0 else (q * gain, k)

    @override
    def inside(self, site: Site) -> Inside:
        return Inside(gain=self.gain(site))

    def gain(self, site: Site) -> float:
        """What queries are multiplied by on this grid."""
        return log(site.grid.cells + site.prefix) / log(self.trained)
