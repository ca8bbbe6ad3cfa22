"""A network of several stages: each has a quarter of the tokens of the one below, twice as wide.

Swin (Liu et al. 2021, https://arxiv.org/abs/2103.14030) with the blocks of `vitpos.vit`: attention
in windows that every second block shifts, and 2x2 tokens merged between stages. The first stages
may be convolutions instead, as in CoAtNet (Dai et al. 2021, https://arxiv.org/abs/2106.04803).

A stage is to the one below what a plain network is to an image. Its position embedding is built for
its own grid and asked at all its places: `pixels` of what the stage reads, the rest in its blocks.
Where there are convolutions it is silent, and the first stage with attention is the first to ask.

Windows are a mask on attention over the whole grid, so that strategies need to know nothing of
them. Where a grid is shifted, windows at its border are smaller: what the cyclic shift and the mask
of Swin amount to. What strategies do to values by convolution (LePE, CRPE, ResFormer) crosses the
borders of windows, like PEG between blocks.

CLS and registers join before the last stage, as in PVT (Wang et al. 2021,
https://arxiv.org/abs/2102.12122); there they see all windows and are seen from all.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos import sizes
from vitpos.convolution import Convolution
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.embeddings.staged import Staged
from vitpos.grid import Grid
from vitpos.patches import Reader, made
from vitpos.patches.base import cut
from vitpos.schema import Backbone, Patch
from vitpos.shapes import Cells, Draws, Hidden, Images, Planes, Tokens
from vitpos.vit import Block, Pooling, ViT


class Merge(Reader):
    """Four neighbours become one token: a norm of all their channels, and a matrix (Swin).

    What position appends is not normed.
    """

    def __init__(self, channels: int, extra: int, dim: int) -> None:
        super().__init__(channels, extra, 2)
        self.own = 4 * channels
        self.norm = nn.LayerNorm(self.own)
        self.project = nn.Linear(4 * self.planes, dim, bias=False)

    @property
    @override
    def reads(self) -> Tensor:
        return self.project.weight

    @override
    def forward(self, x: Planes) -> Tokens:
        four = cut(x, 2)
        normed = self.norm(four[..., : self.own])
        return self.project(torch.cat([normed, four[..., self.own :].to(normed)], dim=-1))


class Pyramid(ViT):
    """Stages, each with a grid, a width and a position embedding of its own."""

    def __init__(
        self,
        position: Callable[[Trunk, int], PositionEmbedding],
        backbone: Backbone,
        *,
        channels: int,
        image_size: int,
        patch: Patch,
        classes: int,
        per_token: bool = False,
    ) -> None:
        super().__init__()
        self.pool, self.window, self.per_token = backbone.pool, backbone.window, per_token
        self.plan = sizes.stages(backbone, image_size, patch)
        last = self.plan[-1]
        self.prefix = nn.Parameter(torch.zeros(last.prefix, last.dim))
        told, before = [], channels
        for number, stage in enumerate(self.plan):
            trunk = Trunk(
                channels=before,
                grid=Grid(stage.side, stage.side),
                dim=stage.dim,
                heads=stage.heads,
                depth=stage.depth,
                prefix=stage.prefix,
            )
            told.append(position(trunk, number) if stage.attends else PositionEmbedding(trunk))
            before = stage.dim
        self.position: Staged = Staged(told, silent=backbone.convolutions)
        extra = [one.extra_channels for one in told]
        self.patches = made(patch, channels, extra[0], backbone.dim)
        pairs = zip(self.plan, self.plan[1:], extra[1:], strict=False)
        self.merges = nn.ModuleList(Merge(a.dim, more, b.dim) for a, b, more in pairs)
        self.blocks = nn.ModuleList(blocks(self.plan, backbone))
        self.norm = nn.LayerNorm(last.dim)
        self.pooling = Pooling(last.dim, last.heads) if self.pool == "attention" else None
        self.head = nn.Linear(last.dim, classes)

    @override
    def tokens(self, images: Images) -> Tokens:
        height, width = images.shape[-2:]
        grid = self.patches.grid(height, width)
        draws = torch.rand(2, 3 + grid.cells, device=images.device) if self.training else None
        x = self.stage(0, self.patches(self.position.pixels(images)), grid, draws)
        for number, merge in enumerate(cast(Iterable[Merge], self.merges), 1):
            planes = x.mT.unflatten(-1, grid.sides)
            grid = merge.grid(*grid)
            planes = self.position.of(number).pixels(planes)
            x = self.stage(number, merge(planes), grid, draws)
        return self.norm(x)

    def stage(self, number: int, x: Cells, grid: Grid, draws: Draws | None) -> Tokens:
        """What the blocks of a stage make of its cells; prefix tokens first, if it has any."""
        plan = self.plan[number]
        begin = sum(stage.depth for stage in self.plan[:number])
        if plan.prefix:
            x = torch.cat([self.prefix.to(x).expand(len(x), -1, -1), x], dim=1)
        own = None if draws is None else draws[:, : 3 + grid.cells]
        hidden = [
            apart(grid, self.window, shift, plan.prefix, x.device)
            for shift in (0, self.window // 2)
        ]
        for layer in range(plan.depth):
            site = Site(grid, layer, plan.prefix, own, None, number, hidden[layer % 2])
            block = self.blocks[begin + layer]
            x = block(self.position.tokens(x, site), self.position, site)
        return x


def blocks(plan: list[sizes.Stage], backbone: Backbone) -> list[nn.Module]:
    """Of all stages, one after another; the last drops most."""
    widths = [stage for stage in plan for _ in range(stage.depth)]
    drops = [backbone.drop_path * i / max(1, len(widths) - 1) for i in range(len(widths))]
    found: list[nn.Module] = []
    for stage, drop in zip(widths, drops, strict=True):
        own = replace(backbone, dim=stage.dim, heads=stage.heads)
        found.append(Block(own, drop) if stage.attends else Convolution(own, drop))
    return found


def apart(grid: Grid, window: int, shift: int, prefix: int, device: torch.device) -> Hidden | None:
    """Which tokens are not in the same window; None if all are.

    Windows have `window` cells each way, but the first only `shift` on an axis that has several,
    unless that is 0. A window of 0 has all cells. Prefix tokens are in every window.
    """
    if not 0 < window < max(grid):
        return None
    rows, cols = grid.indices(device).unbind(-1)
    rows = (rows - shift) // window if grid.rows > window else torch.zeros_like(rows)
    cols = (cols - shift) // window if grid.cols > window else torch.zeros_like(cols)
    found = (rows[:, None] != rows) | (cols[:, None] != cols)
    return F.pad(found, (prefix, 0, prefix, 0))
