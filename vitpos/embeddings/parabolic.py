"""Position as parabolas on the attention logits, whose widths the query chooses.

Koo Øhrstrøm et al. 2026, Parabolic Position Encoding, https://arxiv.org/abs/2602.01418.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Constant, PositionEmbedding, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.embeddings.matrices import Switches
from vitpos.shapes import Asked, Logits, Places, Tokens

Axes = Float[Tensor, "heads tokens axes"]  # where tokens are along directions of a head
Shapes = Float[Tensor, "batch heads tokens axes"]  # curvatures or slopes that queries choose


class Parabolic(PositionEmbedding, ABC):
    """Adds ``-a (p_i - p_j) ** 2 + c (p_i - p_j)`` along some axes, divided as the product is.

    `a` is positive; `a` and `c` are made of what query ``i`` is made of. The authors write the
    parabola as extra channels of queries and keys, which needs no mask, but in half precision loses
    it: its parts grow with the square of the grid and cancel. Here it is computed in float32 and
    added to the logits.

    `prefix`: no parabola to or from CLS and registers (``zero``), or they are where the coordinates
    are 0, with ``coords: index`` on top of the first cell (``origin``, as released), or in the
    middle (``centre``).
    """

    def __init__(self, trunk: Trunk, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk)
        self.prefix = switches["prefix"]
        if self.prefix not in ("zero", "origin", "centre"):
            raise ValueError(f"prefix is zero, origin or centre, not {self.prefix!r}")
        self.coordinates = Coordinates(
            trunk.grid, switches["coords"], switches["new_grid"], switches["augment"]
        )

    @abstractmethod
    def axes(self, places: Places, layer: int) -> Axes:
        """Where tokens at these places are along the axes of every head, in float32."""

    @abstractmethod
    def shapes(self, content: Tokens, layer: int) -> tuple[Shapes, Shapes]:
        """Curvatures and slopes of every token and head along the axes, in float32."""

    def places(self, site: Site, device: torch.device) -> Places:
        """Row and column of every token that takes part, counted from the middle of the cells.

        Only differences matter; small numbers lose least.
        """
        cells = self.coordinates(site, device)
        middle = cells.mean(1, keepdim=True)
        if not site.prefix or self.prefix == "zero":
            return cells - middle
        first = middle if self.prefix == "centre" else torch.zeros_like(middle)
        return torch.cat([first.expand(-1, site.prefix), cells], dim=1) - middle

    @final
    @override
    def logits(self, q: Asked, k: Asked, site: Site) -> Logits:
        if site.content is None:
            raise ValueError("parabolas need `site.content`, what attention reads")
        silent = site.prefix if self.prefix == "zero" else 0
        with torch.autocast(q.device.type, enabled=False):
            found = self.parabolas(site.content[:, silent:].float(), site)
        return F.pad(found, (silent, 0, silent, 0)).to(q)

    def parabolas(self, content: Tokens, site: Site) -> Logits:
        """All of them added up, between tokens that take part, in float32."""
        at = self.axes(self.places(site, content.device), site.layer)
        scale = self.trunk.head_dim**-0.5
        a, c = (scale * shape for shape in self.shapes(content, site.layer))
        own = ((c - a * at) * at).sum(-1, keepdim=True)  # the same for all keys
        towards = torch.cat([2 * a * at - c, -a], dim=-1)
        met = torch.cat([at, at.square()], dim=-1)
        return own + towards @ met.mT

    @final
    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """What a query in the middle that is zero adds to every key, per head."""
        site = site._replace(prefix=0)
        device = next(self.parameters()).device
        nothing = torch.zeros(1, site.grid.cells, self.trunk.dim, device=device)
        found = self.parabolas(nothing, site)[0, :, site.grid.middle]
        return {"map": found.unflatten(-1, site.grid)}


class Parabola(Parabolic):
    """PaPE: several axes per head, along learned directions.

    Projections are learned per layer, without biases, and start as torch's linear layers do. `a` is
    softplus of the one, `c` the other. The paper has 50 `parabolas` per head; at a width of 192
    that is almost as many numbers as queries and keys are made with.
    """

    def __init__(self, trunk: Trunk, *, parabolas: int, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        if parabolas < 1:
            raise ValueError(f"pape needs at least one parabola, not {parabolas}")
        depth, number = trunk.depth, trunk.heads * parabolas
        self.directions = linear(depth, number, 2)  # of row, of column
        self.widths = linear(depth, number, trunk.dim)
        self.slopes = linear(depth, number, trunk.dim)

    @override
    def axes(self, places: Places, layer: int) -> Axes:
        rows, cols = places[..., None]
        by_row, by_col = self.directions[layer].float().T
        along = rows * by_row + cols * by_col  # [tokens, heads * parabolas]
        return along.unflatten(-1, (self.trunk.heads, -1)).transpose(0, 1)

    @override
    def shapes(self, content: Tokens, layer: int) -> tuple[Shapes, Shapes]:
        a = F.softplus(F.linear(content, self.widths[layer].float()))
        c = F.linear(content, self.slopes[layer].float())
        a, c = (x.unflatten(-1, (self.trunk.heads, -1)).transpose(1, 2) for x in (a, c))
        return a, c


class Isotropic(Parabolic):
    """PaPE-RI: one round parabola per head, which does not change when the image is rotated.

    There is no slope. The unit of length of a head is a random number that is not learned, uniform
    in -0.7 to 0.7 (the root of one half; its sign means nothing), and part of the state.
    """

    def __init__(self, trunk: Trunk, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        lengths = (2 * torch.rand(trunk.depth, trunk.heads) - 1) * 0.5**0.5
        self.lengths = Constant(lengths, saved=True)
        self.widths = linear(trunk.depth, trunk.heads, trunk.dim)

    @override
    def axes(self, places: Places, layer: int) -> Axes:
        return places.T * self.lengths()[layer][:, None, None]

    @override
    def shapes(self, content: Tokens, layer: int) -> tuple[Shapes, Shapes]:
        a = F.linear(content, self.widths[layer].float()).mT.contiguous()  # [batch, heads, tokens]
        both = F.softplus(a)[..., None].expand(-1, -1, -1, 2)
        return both, torch.zeros_like(both)


def linear(depth: int, to: int, of: int) -> nn.Parameter:
    """The weights of a linear layer without bias for each block."""
    return nn.Parameter((2 * torch.rand(depth, to, of) - 1) * of**-0.5)
