"""A learned map of each head before its rotation."""

from collections.abc import Mapping
from math import e, log

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.axial import Axial
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.embeddings.rotary import Switches
from vitpos.shapes import Heads, Maps

LEAST = 1e-6  # singular values stay above it


class HeadAdaptive(PositionEmbedding):
    """Each head of each layer chooses the planes in which it turns (Li et al. 2025, HARoPE).

    Queries are mapped by ``M = U S Vᵀ`` and keys by the inverse of its transpose before they are
    turned by the angles of `Axial`, so that a logit is ``qᵀ Mᵀ R(p_k - p_q) M⁻ᵀ k``: nothing
    happens between tokens at the same place, and only the offset counts. U and V are exponentials
    of skew-symmetric matrices that begin at zero, S is positive and begins at one: at the start
    this is `Axial`. https://arxiv.org/abs/2510.10489; the abstract speaks of one map for both, the
    released code has the inverse for keys. Prefix tokens are neither mapped nor turned.
    """

    narrow = True

    def __init__(
        self,
        trunk: Trunk,
        *,
        theta: float,
        scale: float,
        spectrum: str,
        layout: str,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk)
        if switches["prefix"] != "identity":
            raise ValueError(f"prefix is identity, not {switches['prefix']!r}")
        self.rotation = Axial(
            trunk, theta=theta, scale=scale, spectrum=spectrum, layout=layout, **switches
        )
        width, sets = trunk.head_dim, (trunk.depth, trunk.heads)
        self.left = nn.Parameter(torch.zeros(*sets, width * (width - 1) // 2))
        self.right = nn.Parameter(torch.zeros(*sets, width * (width - 1) // 2))
        self.sizes = nn.Parameter(torch.full((*sets, width), log(e - 1)))  # softplus: 1

    def maps(self, layer: int) -> tuple[Maps, Maps]:
        """Of queries and of keys, in float32."""
        width = self.trunk.head_dim
        left, right = (orthogonal(x[layer], width) for x in (self.left, self.right))
        sizes = F.softplus(self.sizes[layer].float())[:, None] + LEAST  # [heads, 1, head_dim]
        return product(left * sizes, right.mT), product(left / sizes, right.mT)

    @override
    def heads(self, q: Heads, k: Heads, site: Site) -> tuple[Heads, Heads]:
        mapped = [
            self.mapped(x, m, site) for x, m in zip((q, k), self.maps(site.layer), strict=True)
        ]
        return self.rotation.heads(mapped[0], mapped[1], site)

    def mapped(self, x: Heads, by: Maps, site: Site) -> Heads:
        """Vectors of cells under a map of each head."""
        cells = x[:, :, site.prefix :] @ by.mT.to(x)
        return torch.cat([x[:, :, : site.prefix], cells.to(x)], dim=2)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        return self.rotation.views(site)


def product(a: Maps, b: Maps) -> Maps:
    """Of matrices, in float32 under autocast too."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def orthogonal(upper: Tensor, width: int) -> Maps:
    """The exponential of a skew-symmetric matrix, given by what is above its diagonal."""
    row, col = torch.triu_indices(width, width, 1, device=upper.device)
    above = upper.new_zeros(*upper.shape[:-1], width, width, dtype=torch.float32)
    above = above.index_put(
        (torch.arange(len(upper), device=upper.device)[:, None], row, col), upper.float()
    )
    with torch.autocast(upper.device.type, enabled=False):
        return torch.linalg.matrix_exp(above - above.mT)
