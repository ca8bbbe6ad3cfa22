"""A small Vision Transformer: pixels, patches, tokens, blocks, head.

It calls `position` at its six places and never asks what kind it is. Pre-norm blocks, as in
Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929.
"""

from collections.abc import Callable, Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from vitpos.attention import meet
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.patches import Linear, tiles
from vitpos.schema import Backbone
from vitpos.shapes import Images, Packed, Scores, Tokens


class Attention(nn.Module):
    """Self-attention with positions in its queries, keys, logits and values."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.implementation = "sdpa"
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

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
        return packed.unflatten(-1, (3, self.heads, -1))


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
        self.attention = Attention(dim, backbone.heads)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.join1, self.join2 = (
            Branch(dim, scale=backbone.layer_scale, dropout=backbone.dropout, drop_path=drop_path)
            for _ in range(2)
        )

    def forward(self, x: Tokens, position: PositionEmbedding, site: Site) -> Tokens:
        x = x + self.join1(self.attention(self.norm1(x), position, site))
        return x + self.join2(self.mlp(self.norm2(x)))


class ViT(nn.Module):
    """Images in, class scores out."""

    def __init__(
        self,
        position: Callable[[Trunk], PositionEmbedding],
        backbone: Backbone,
        *,
        channels: int,
        image_size: int,
        patch_size: int,
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
                grid=tiles(image_size, image_size, patch_size),
                dim=dim,
                heads=backbone.heads,
                depth=depth,
                prefix=len(self.prefix),
            )
        )
        self.patches = Linear(channels + self.position.extra_channels, patch_size, dim)
        drops = [backbone.drop_path * i / max(1, depth - 1) for i in range(depth)]
        self.blocks = nn.ModuleList(Block(backbone, drop) for drop in drops)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def attend_with(self, implementation: str) -> None:
        """Have every block use this implementation; see `vitpos.attention`."""
        for block in cast(Iterable[Block], self.blocks):
            block.attention.implementation = implementation

    def forward(self, images: Images) -> Scores:
        grid = self.patches.grid(*images.shape[-2:])
        x = self.patches(self.position.pixels(images))
        prefix = len(self.prefix)
        x = torch.cat([self.prefix.to(x).expand(len(x), -1, -1), x], dim=1)
        draws = torch.rand(2, 3 + grid.cells, device=x.device) if self.training else None
        for layer, block in enumerate(self.blocks):
            site = Site(grid, layer, prefix, draws)
            x = block(self.position.tokens(x, site), self.position, site)
        x = self.norm(x)
        if self.per_token:  # the question is about each patch
            return self.head(x[:, prefix:])
        return self.head(x[:, 0] if self.pool == "cls" else x[:, prefix:].mean(dim=1))
