"""Softmax attention, by the implementation that is fast on this device at this precision.

- ``explicit``: product, softmax, product, with the weights in memory;
- ``sdpa``: PyTorch's own, which chooses among cuDNN, flash, memory-efficient and plain;
- ``tile``: our kernel for few tokens, with position inside; ``sdpa`` where it does not fit.
"""

import torch
import torch.nn.functional as F

from vitpos.embeddings.base import Gather, Inside, PositionEmbedding, Site
from vitpos.kernels import tile
from vitpos.kernels.tile_reference import Form, Given
from vitpos.shapes import Asked, Heads, Logits, Packed, Weights

HALF_LANES = 32  # of a 512-bit register: CPUs go through shorter rows one number at a time


class Attend:
    """``softmax(q kᵀ * scale + bias) v`` for any `v`, by ``sdpa`` or in the ``explicit`` way."""

    def __init__(
        self, q: Asked, k: Asked, bias: Logits | None, scale: float, implementation: str
    ) -> None:
        self.q, self.k, self.bias = q, k, bias
        self.scale, self.implementation = scale, implementation
        self.known: Weights | None = None

    def logits(self) -> Logits:
        """What the softmax is of."""
        logits: Logits = (self.q * self.scale) @ self.k.mT
        return logits if self.bias is None else logits + self.bias

    def weights(self) -> Weights:
        """The softmax itself, computed once."""
        if self.known is None:
            self.known = softmax(self.logits())
        return self.known

    def __call__(self, v: Heads) -> Heads:
        """What each token reads."""
        if self.implementation == "sdpa":
            return F.scaled_dot_product_attention(
                self.q, self.k, v, attn_mask=self.bias, scale=self.scale
            )
        return self.weights().to(v) @ v


class Tile:
    """The same by one operator for all of it, position included where it can be said in numbers."""

    def __init__(self, packed: Packed, position: PositionEmbedding, site: Site) -> None:
        self.packed, self.position, self.site = packed, position, site
        self.asked, self.keys, self.v = packed.permute(2, 0, 3, 1, 4)
        self.scale = self.v.shape[-1] ** -0.5
        self.said = taken(position.inside(site), site)
        self.known: Attend | None = None

    @property
    def met(self) -> Attend:
        """Queries and keys as they meet, and the bias, for whoever looks at them; made once."""
        if self.known is None:
            q, k = self.position.heads(self.asked, self.keys, self.site)
            bias = self.position.logits(q, k, self.site)
            self.known = Attend(q, k, bias, self.scale, "explicit")
        return self.known

    @property
    def q(self) -> Asked:
        """Queries as they met the keys."""
        return self.met.q

    @property
    def k(self) -> Asked:
        """Keys as they met the queries."""
        return self.met.k

    def weights(self) -> Weights:
        """The softmax itself, in the explicit way."""
        return self.met.weights()

    def __call__(self, v: Heads) -> Heads:
        """What each token reads."""
        if self.said is not None:
            q, k, said = self.asked, self.keys, self.said
        else:
            q, k, said = self.q, self.k, Inside(bias=self.met.bias)
        if not tile.holds(q, v.shape[-1]):
            return Attend(q, k, said.bias, self.scale, "sdpa")(v)
        whole = q is self.asked and k is self.keys and v is self.v
        qkv = [self.packed] if whole else [q.to(v), k.to(v), v]
        return tile.attend(qkv, *numbers(said, self.scale, v.shape[-1], self.site))


def taken(said: Inside | None, site: Site) -> Inside | None:
    """What was said, if a tile has room for it."""
    if said is not None and said.axes is not None and not tile.holds_axes(*site.grid):
        return None
    return said


def numbers(said: Inside, scale: float, width: int, site: Site) -> tuple[Given, Form]:
    """What was said as the operator wants it: one table for both axes, an angle for each plane."""
    given, form = Given(bias=said.bias), Form(scale * said.gain)
    if said.turn is not None:
        angles, pairing = said.turn
        planes = angles.shape[-1]
        angles = F.pad(angles, (0, width // 2 - planes))  # what does not turn turns by zero
        given = given._replace(cos=angles.cos(), sin=angles.sin())
        form = form._replace(pairing=pairing, planes=planes)
    if said.axes is not None:
        rows, cols, seen = said.axes
        given = given._replace(table=torch.cat([rows, cols], dim=1))
        form = form._replace(
            axes_scale=seen * said.gain,
            rows=site.grid.rows,
            cols=site.grid.cols,
            prefix=site.prefix,
        )
    return given, form


def meet(
    packed: Packed, position: PositionEmbedding, site: Site, implementation: str
) -> tuple[Gather, Heads]:
    """Queries and keys with position in them, ready to gather any values; and the values."""
    q, k, v = packed.permute(2, 0, 3, 1, 4)  # [batch, heads, tokens, head_dim]
    if implementation == "tile" and site.hidden is None and tile.holds(q, v.shape[-1]):
        gather = Tile(packed, position, site)
        return gather, gather.v
    way = "sdpa" if implementation == "tile" else implementation
    q, k = position.heads(q, k, site)
    bias = bounded(position.logits(q, k, site), q, site)
    return Attend(q, k, bias, v.shape[-1] ** -0.5, way), v


def bounded(bias: Logits | None, q: Asked, site: Site) -> Logits | None:
    """The same, and minus infinity for what is hidden at this site."""
    if site.hidden is None:
        return bias
    if bias is None:
        bias = q.new_zeros(1, 1, 1, 1).expand(-1, q.shape[1], -1, -1)
    return torch.where(site.hidden, -torch.inf, bias)


def softmax(logits: Logits) -> Logits:
    """Softmax over keys; rows too short for a vector of 32 half-precision numbers, in float32."""
    exact = logits.shape[-1] < HALF_LANES or logits.dtype == torch.float32
    return logits.softmax(dim=-1, dtype=torch.float32 if exact else None)


def choose(device: torch.device, dtype: torch.dtype, tokens: int = 0, kernels: bool = False) -> str:
    """The tile for few tokens where kernels run; SDPA on GPUs and in float32.

    In half precision on a CPU it is explicit: SDPA's backward is several times slower there.
    """
    if device.type == "cuda" and kernels and tokens <= tile.TOKENS and dtype in tile.DENSE:
        return "tile"
    return "explicit" if device.type == "cpu" and dtype != torch.float32 else "sdpa"
