"""Rotation of values: what a token reads is turned by how far it comes from."""

import torch
from typing_extensions import Unpack, override

from vitpos.embeddings.axial import Axial
from vitpos.embeddings.base import Gather, Inside, PositionEmbedding, Site, Trunk
from vitpos.embeddings.rotary import Switches
from vitpos.shapes import Heads

TURNS = ("values", "all")


class RotaryValues(PositionEmbedding):
    """Token ``i`` reads ``sum_j a_ij R(p_j - p_i) v_j`` (Miyato et al. 2024, GTA).

    https://arxiv.org/abs/2310.10375. Values are turned by the place that they come from, and what
    was read is turned back by the place of the reader. `turns`: the values alone, to be combined
    with any strategy for queries and keys (``embedding=rope2d+rope_value``), or queries and keys by
    the same angles too (``all``, as in the paper). The angles are those of `Axial`.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        turns: str,
        theta: float,
        scale: float,
        spectrum: str,
        layout: str,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk)
        if turns not in TURNS:
            raise ValueError(f"turns is one of {', '.join(TURNS)}, not {turns!r}")
        self.turns = turns
        self.rotation = Axial(
            trunk, theta=theta, scale=scale, spectrum=spectrum, layout=layout, **switches
        )

    @override
    def heads(self, q: Heads, k: Heads, site: Site) -> tuple[Heads, Heads]:
        return self.rotation.heads(q, k, site) if self.turns == "all" else (q, k)

    @override
    def inside(self, site: Site) -> Inside | None:
        return self.rotation.inside(site) if self.turns == "all" else Inside()

    @override
    def values(self, v: Heads, gather: Gather, site: Site) -> Heads:
        angles = self.rotation.turns(site)
        (there,) = self.rotation.turn([v], angles)
        (read,) = self.rotation.turn([gather(there)], angles, back=True)
        return read

    @override
    def views(self, site: Site) -> dict[str, torch.Tensor]:
        return dict(self.rotation.views(site))
