"""Biases that a small perceptron makes of offsets: any offset, also one that was never seen."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import log, log2
from typing import TypedDict, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Site, Trunk
from vitpos.embeddings.bias import Biased, spread
from vitpos.embeddings.coordinates import Coordinates
from vitpos.grid import Grid
from vitpos.shapes import Asked, Bias

STD = 0.02  # of first weights, as both authors' code has it for all linear layers


class Switches(TypedDict):
    """What every function of offsets lets one choose.

    `new_grid`: offsets are counted in cells (``extrapolate``) or in parts of the image
    (``rescale``); `augment`: see `coordinates`, without `local`; `prefix` and `shared`: see
    `Biased`.
    """

    new_grid: str
    augment: Mapping[str, float]
    prefix: str
    shared: bool


class Continuous(Biased, ABC):
    """Asks `numbers` once for each offset of a grid, not for each pair of cells."""

    def __init__(
        self,
        trunk: Trunk,
        *,
        new_grid: str,
        augment: Mapping[str, float],
        prefix: str,
        shared: bool,
    ) -> None:
        super().__init__(trunk, prefix=prefix, shared=shared)
        self.coordinates = Coordinates(trunk.grid, "index", "extrapolate", augment)
        if new_grid not in ("extrapolate", "rescale"):
            raise ValueError(f"new_grid is extrapolate or rescale, not {new_grid!r}")
        if augment["local"] != 0:
            raise ValueError("augment.local is 0 here: cells that move alone have no common offset")
        self.new_grid = new_grid

    @abstractmethod
    def numbers(
        self, offsets: Float[Tensor, "rows cols 2"], site: Site
    ) -> Float[Tensor, "heads rows cols"]:
        """The bias of every offset, query minus key in cells, in float32."""

    def counted(self, grid: Grid) -> Grid:
        """The grid whose cells are the unit of offsets."""
        return grid if self.new_grid == "rescale" else self.trunk.grid

    def offsets(self, site: Site, device: torch.device) -> Float[Tensor, "rows cols 2"]:
        """All offsets of the grid of these images, in its cells."""
        rows, cols = self.coordinates(site, device).unflatten(-1, site.grid.sides)
        down, right = rows[:, 0] - rows[0, 0], cols[0] - cols[0, 0]
        down, right = (torch.cat([-axis.flip(0)[:-1], axis]) for axis in (down, right))
        return torch.stack(torch.meshgrid(down, right, indexing="ij"), dim=-1)

    @override
    def bias(self, site: Site) -> Bias:
        device = next(self.parameters()).device
        return spread(self.numbers(self.offsets(site, device), site), site.grid)


class LogSpaced(Continuous):
    """A perceptron of the logarithms of offsets (Liu et al. 2022, Swin Transformer V2).

    The "log-spaced continuous position bias" of https://arxiv.org/abs/2111.09883:
    ``16 sigmoid(W2 relu(W1 u + b1))`` with ``u = sign(o) log8(1 + 8 |o| / (n - 1))`` per axis, for
    offsets `o` on a grid of `n` rows or columns: the trained one, or with ``rescale`` that of these
    images, which the authors have where they name no pretrained size. On a larger grid than the
    trained one `u` goes beyond 1.06, where nothing was learned.

    With `cosine`, attention is theirs too: logits are cosines of queries and keys times a learned
    number per head, from 10 to at most 100, for prefix tokens as well.
    """

    def __init__(
        self, trunk: Trunk, *, hidden: int, cosine: bool, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk, **switches)
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, not {hidden}")
        self.first = nn.ModuleList(nn.Linear(2, hidden) for _ in range(self.layers))
        self.second = nn.Parameter(torch.empty(self.layers, trunk.heads, hidden))
        begin(self)
        nn.init.trunc_normal_(self.second, std=STD)
        warmth = torch.full((trunk.depth, trunk.heads, 1, 1), log(10))
        self.warmth = nn.Parameter(warmth) if cosine else None

    @override
    def numbers(
        self, offsets: Float[Tensor, "rows cols 2"], site: Site
    ) -> Float[Tensor, "heads rows cols"]:
        own, steps = self.own(site), [max(1, side - 1) for side in self.counted(site.grid)]
        parts = 8 * offsets / offsets.new_tensor(steps)
        spaced = parts.sign() * torch.log2(1 + parts.abs()) / log2(8)
        found = linear(applied(self.first[own], spaced).relu(), self.second[own])
        return 16 * found.sigmoid().permute(2, 0, 1)

    @override
    def heads(self, q: Asked, k: Asked, site: Site) -> tuple[Tensor, Tensor]:
        if self.warmth is None:
            return q, k
        warmth = self.warmth[site.layer].float().clamp(max=log(100)).exp()
        width = self.trunk.head_dim**0.5  # that attention will divide by
        turned = F.normalize(q.float(), dim=-1) * (warmth * width)
        return turned.to(q), F.normalize(k.float(), dim=-1).to(k)


class Dynamic(Continuous):
    """A deeper perceptron of the plain offsets (Wang et al. 2022, CrossFormer).

    The "dynamic position bias" of https://arxiv.org/abs/2108.00154: a linear layer, then three
    times LayerNorm, ReLU and a linear layer. Its width is that of the network divided by
    `reduction`: 4 in the paper, 16 in the authors' code, which divides twice. With ``rescale`` the
    offsets of another grid are counted in cells as large as the trained ones were.
    """

    def __init__(self, trunk: Trunk, *, reduction: int, **switches: Unpack[Switches]) -> None:
        super().__init__(trunk, **switches)
        width = trunk.dim // reduction if reduction > 0 else 0
        if width < 2:
            raise ValueError(f"{trunk.dim} channels divided by {reduction} leave less than 2")
        self.perceptrons = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.Linear(2, width),
                    *(nn.LayerNorm(width) for _ in range(3)),
                    nn.Linear(width, width),
                    nn.Linear(width, width),
                    nn.Linear(width, trunk.heads),
                ]
            )
            for _ in range(self.layers)
        )
        begin(self)

    @override
    def numbers(
        self, offsets: Float[Tensor, "rows cols 2"], site: Site
    ) -> Float[Tensor, "heads rows cols"]:
        sizes = zip(self.trunk.grid, self.counted(site.grid), strict=True)
        scale = offsets.new_tensor([trained / side for trained, side in sizes])
        first, *rest = cast(list[nn.Module], self.perceptrons[self.own(site)])
        x = applied(first, offsets * scale)
        for norm, layer in zip(rest[:3], rest[3:], strict=True):
            assert isinstance(norm, nn.LayerNorm)
            weight, bias = norm.weight.float(), norm.bias.float()
            x = F.layer_norm(x, norm.normalized_shape, weight, bias, norm.eps)
            x = applied(layer, x.relu())
        return x.permute(2, 0, 1)


def applied(layer: nn.Module, x: Tensor) -> Tensor:
    """What a linear layer makes of `x`, in float32."""
    assert isinstance(layer, nn.Linear)
    return linear(x, layer.weight, layer.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product with a matrix in float32, whatever its precision and autocast say."""
    with torch.autocast(x.device.type, enabled=False):
        return F.linear(x.float(), weight.float(), None if bias is None else bias.float())


def begin(module: nn.Module) -> None:
    """Small normal weights, cut off at two absolute, and zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=STD)
            nn.init.zeros_(layer.bias)
