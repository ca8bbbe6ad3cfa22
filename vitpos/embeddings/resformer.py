"""Position for images of many sizes: a global table that is convolved, and local kernels."""

from collections.abc import Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from vitpos.embeddings.base import Constant, Gather, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.embeddings.neighbours import Depthwise, of_cells
from vitpos.embeddings.values import Beside
from vitpos.shapes import Heads, Table, Tokens


class ResFormer(Beside):
    """Convolved sines and cosines at the input, and a convolution of values in every block.

    The "global-local positional embedding" of Tian et al. 2023, https://arxiv.org/abs/2212.00776.
    Global: sines and cosines of row and column, as parts of a full turn (those of DETR), through a
    depthwise convolution, added once before the first block. Local: a depthwise convolution of
    values, the same for all heads of a block, added to what attention reads; it starts at zero.
    Prefix tokens get nothing. The authors' code is for square images and one prefix token.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        kernel: int,
        padding_mode: str,
        temperature: float,
        coords: str,
        new_grid: str,
        augment: Mapping[str, float],
    ) -> None:
        super().__init__(trunk)
        if trunk.dim % 4:
            raise ValueError(f"resformer needs a width divisible by 4, not {trunk.dim}")
        self.coordinates = Coordinates(trunk.grid, coords, new_grid, augment)
        steps = torch.arange(trunk.dim // 4, dtype=torch.float32) / (trunk.dim // 4)
        self.frequencies = Constant(temperature**-steps)
        self.conv = Depthwise(trunk.dim, kernel, padding_mode)
        self.convs = nn.ModuleList(
            Depthwise(trunk.head_dim, kernel, padding_mode) for _ in range(trunk.depth)
        )
        for parameter in self.convs.parameters():
            nn.init.zeros_(parameter)

    def waves(self, site: Site) -> Table:
        """Sines and cosines in turn, of rows in the first half and of columns in the second."""
        frequencies = self.frequencies()
        at = self.coordinates(site, frequencies.device)
        angles = at[..., None] * frequencies  # [2, cells, dim / 4]
        both = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(2)
        return torch.cat(list(both), dim=-1)

    def table(self, site: Site) -> Table:
        """The convolved waves, in float32."""
        waves = of_cells(self.waves(site), site.grid)
        with torch.autocast(waves.device.type, enabled=False):
            exact = {name: value.float() for name, value in self.conv.named_parameters()}
            planes = cast(Tensor, torch.func.functional_call(self.conv, exact, (waves,)))
        return planes[0].flatten(1).T

    @override
    def tokens(self, x: Tokens, site: Site) -> Tokens:
        if site.layer > 0:
            return x
        return x + F.pad(self.table(site), (0, 0, site.prefix, 0)).to(x)

    @override
    def local(self, v: Heads, gather: Gather, site: Site) -> Heads:
        conv = cast(Depthwise, self.convs[site.layer])
        return conv.over(v.flatten(0, 1), site.grid).unflatten(0, v.shape[:2])

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The global table; in the blocks after the first the local kernels."""
        if site.layer == 0:
            return {"table": self.table(site)}
        return {"map": cast(Depthwise, self.convs[site.layer]).seen(site.grid, 16)}
