"""A small Vision Transformer: pixels, patches, tokens, blocks, head.

It calls `position` at its six places and never asks what kind it is. Pre-norm blocks, as in
Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn
from typing_extensions import override

from vitpos.attention import meet
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.patches import Reader, made, tiles
from vitpos.schema import Backbone, Patch
from vitpos.shapes import Images, Packed, Pooled, Scores, Tokens


class Attention(nn.Module):
    """Self-attention with positions in its queries, keys, logits and values."""

    def __init__(self, dim: int, heads: int, *, qk_norm: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.implementation = "sdpa"
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm_q, self.norm_k = (
            nn.LayerNorm(dim // heads) if qk_norm else None for _ in range(2)
        )

    def forward(self, x: Tokens, position: PositionEmbedding, site: Site) -> Tokens:
        asked, told = position.inputs(x, x, site)
        site = site._replace(content=asked)
        packed = self.project(asked, told)
        gather, v = meet(packed, position, site, self.implementation)
        return self.out(position.values(v, gather, site).transpose(1, 2).flatten(2))

    def project(self, asked: Tokens, told: Tokens) -> Packed:
        """Queries and keys of `asked`, values of `told`; one product if they are the same."""
        if asked is told:
            packed = self.qkv(asked)
        else:
            two = 2 * asked.shape[-1]
            weight, bias = self.qkv.weight, self.qkv.bias
            packed = torch.cat(
                [
                    F.linear(asked, weight[:two], bias[:two]),
                    F.linear(told, weight[two:], bias[two:]),
                ],
                dim=-1,
            )
        return self.normed(packed.unflatten(-1, (3, self.heads, -1)))

    def normed(self, packed: Packed) -> Packed:
        """Queries and keys after a norm in each head, before position has its say in them.

        Dehghani et al. 2023, https://arxiv.org/abs/2302.05442.
        """
        if self.norm_q is None or self.norm_k is None:
            return packed
        q, k, v = packed.unbind(2)
        return torch.stack([self.norm_q(q).to(v), self.norm_k(k).to(v), v], dim=2)


class Branch(nn.Module):
    """What happens to a branch before it joins the residual stream.

    LayerScale (Touvron et al. 2021, https://arxiv.org/abs/2103.17239), dropout, and stochastic
    depth per sample (Huang et al. 2016, https://arxiv.org/abs/1603.09382).
    """

    def __init__(self, dim: int, *, scale: float, dropout: float, drop_path: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((dim,), scale)) if scale else None
        self.dropout = nn.Dropout(dropout)
        self.drop_path = drop_path

    def forward(self, x: Tokens) -> Tokens:
        x = self.dropout(x)
        if self.scale is not None:
            x = x * self.scale.to(x)
        if self.training and self.drop_path:
            keep = 1 - self.drop_path
            alive = torch.rand(len(x), 1, 1, device=x.device) < keep
            x = x * alive.to(x) / keep
        return x


class Block(nn.Module):
    """Attention, then a two-layer perceptron, each added to the residual stream."""

    def __init__(self, backbone: Backbone, drop_path: float) -> None:
        super().__init__()
        dim, hidden = backbone.dim, round(backbone.mlp_ratio * backbone.dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, backbone.heads, qk_norm=backbone.qk_norm)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.join1, self.join2 = (
            Branch(dim, scale=backbone.layer_scale, dropout=backbone.dropout, drop_path=drop_path)
            for _ in range(2)
        )

    def attend_with(self, implementation: str) -> None:
        """See `vitpos.attention`."""
        self.attention.implementation = implementation

    def forward(self, x: Tokens, position: PositionEmbedding, site: Site) -> Tokens:
        x = x + self.join1(self.attention(self.norm1(x), position, site))
        return x + self.join2(self.mlp(self.norm2(x)))


class Pooling(nn.Module):
    """A learned query reads all cells: multi-head attention pooling.

    The first half of the MAP head of Zhai et al. 2022 (https://arxiv.org/abs/2106.04560), after Lee
    et al. 2019 (https://arxiv.org/abs/1810.00825): the query is what theirs would be after its
    projection, and no perceptron follows.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Parameter(torch.zeros(1, dim))
        self.kv = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tokens) -> Pooled:
        k, v = self.kv(x).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q = self.query.to(k).unflatten(-1, (self.heads, -1)).transpose(0, 1)  # [heads, 1, width]
        weights = (q @ k.mT * k.shape[-1] ** -0.5).softmax(dim=-1, dtype=torch.float32)
        return self.out((weights.to(v) @ v).flatten(1))


class ViT(nn.Module, ABC):
    """Images in, class scores out: what all networks share."""

    position: PositionEmbedding
    prefix: nn.Parameter  # tokens that have no place: CLS and registers
    patches: Reader
    blocks: nn.ModuleList  # in the order in which tokens go through them
    norm: nn.LayerNorm
    pool: str
    pooling: Pooling | None
    per_token: bool  # whether the question is about each cell, and not about the image
    head: nn.Linear

    def attend_with(self, implementation: str) -> None:
        """Have every block use this implementation; see `vitpos.attention`."""
        for block in cast(Iterable[Block], self.blocks):
            block.attend_with(implementation)

    def forward(self, images: Images) -> Scores:
        x = self.tokens(images)
        return self.head(x[:, len(self.prefix) :] if self.per_token else self.pooled(x))

    @abstractmethod
    def tokens(self, images: Images) -> Tokens:
        """What the blocks make of images, after the last norm; prefix tokens first."""

    def pooled(self, x: Tokens) -> Pooled:
        """One vector for each image."""
        if self.pooling is not None:
            return self.pooling(x[:, len(self.prefix) :])
        return x[:, 0] if self.pool == "cls" else x[:, len(self.prefix) :].mean(dim=1)


class Plain(ViT):
    """The same width and the same grid from the first block to the last."""

    def __init__(
        self,
        position: Callable[[Trunk], PositionEmbedding],
        backbone: Backbone,
        *,
        channels: int,
        image_size: int,
        patch: Patch,
        classes: int,
        per_token: bool = False,
    ) -> None:
        super().__init__()
        dim, depth = backbone.dim, backbone.depth
        self.pool, self.per_token = backbone.pool, per_token
        self.prefix = nn.Parameter(torch.zeros((self.pool == "cls") + backbone.registers, dim))
        self.position = position(
            Trunk(
                channels=channels,
                grid=tiles(image_size, image_size, patch.size),
                dim=dim,
                heads=backbone.heads,
                depth=depth,
                prefix=len(self.prefix),
            )
        )
        self.patches = made(patch, channels, self.position.extra_channels, dim)
        drops = [backbone.drop_path * i / max(1, depth - 1) for i in range(depth)]
        self.blocks = nn.ModuleList(Block(backbone, drop) for drop in drops)
        self.norm = nn.LayerNorm(dim)
        self.pooling = Pooling(dim, backbone.heads) if self.pool == "attention" else None
        self.head = nn.Linear(dim, classes)

    @override
    def tokens(self, images: Images) -> Tokens:
        height, width = images.shape[-2:]
        grid = self.patches.grid(height, width)
        x = self.patches(self.position.pixels(images))
        prefix = len(self.prefix)
        x = torch.cat([self.prefix.to(x).expand(len(x), -1, -1), x], dim=1)
        draws = torch.rand(2, 3 + grid.cells, device=x.device) if self.training else None
        for layer, block in enumerate(self.blocks):
            site = Site(grid, layer, prefix, draws)
            x = block(self.position.tokens(x, site), self.position, site)
        return self.norm(x)
