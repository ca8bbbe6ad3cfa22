"""A block that looks at neighbours instead of asking all tokens."""

from torch import nn

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.schema import Backbone
from vitpos.shapes import Tokens
from vitpos.vit import Branch


class Convolution(nn.Module):
    """A depthwise convolution of the grid, a norm, and a two-layer perceptron, on one branch.

    The block of ConvNeXt (Liu et al. 2022, https://arxiv.org/abs/2201.03545) with a kernel for
    small grids. There is no attention in which position could be. What is outside of the grid is
    zero, which tells position by itself, as it does in PEG.
    """

    def __init__(self, backbone: Backbone, drop_path: float) -> None:
        super().__init__()
        dim, hidden = backbone.dim, round(backbone.mlp_ratio * backbone.dim)
        self.near = nn.Conv2d(dim, dim, kernel_size=3, padding=1, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.join = Branch(
            dim, scale=backbone.layer_scale, dropout=backbone.dropout, drop_path=drop_path
        )

    def attend_with(self, implementation: str) -> None:
        """Nothing here attends."""

    def forward(self, x: Tokens, position: PositionEmbedding, site: Site) -> Tokens:
        near = self.near(x.mT.unflatten(-1, site.grid.sides)).flatten(2).mT
        return x + self.join(self.mlp(self.norm(near)))
