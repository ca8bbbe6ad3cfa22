"""Position as channels of the image, before it is cut into patches."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.shapes import Images, Planes


class CoordConv(PositionEmbedding):
    """Column and row of every pixel, and with `radius` its distance from the centre.

    Appended to the image in this order (Liu et al. 2018, https://arxiv.org/abs/1807.03247). Both go
    from -1, the middle of the first pixel, to 1, the middle of the last, on any image. The authors'
    code divides columns by the height and rows by the width, the same on square images only.
    """

    def __init__(self, trunk: Trunk, *, radius: bool) -> None:
        super().__init__(trunk)
        self.radius = radius
        self.extra_channels = 3 if radius else 2

    def channels(
        self, height: int, width: int, device: torch.device
    ) -> Float[Tensor, "extra height width"]:
        """The appended channels of an image of so many pixels, in float32."""
        rows, cols = (spread(side, device) for side in (height, width))
        found = [cols.expand(height, -1), rows[:, None].expand(-1, width)]
        if self.radius:
            found.append(torch.hypot(*found))
        return torch.stack(found)

    @override
    def pixels(self, x: Images) -> Planes:
        height, width = x.shape[-2:]
        found = self.channels(height, width, x.device).to(x)
        return torch.cat([x, found.expand(len(x), -1, -1, -1)], dim=1)

    @override
    def views(self, site: Site) -> Mapping[str, Tensor]:
        """The channels of an image with one pixel per cell."""
        return {"map": self.channels(*site.grid, torch.device("cpu"))}


def spread(side: int, device: torch.device) -> Float[Tensor, " side"]:
    """So many numbers from -1 to 1; a single one is -1."""
    index = torch.arange(side, device=device, dtype=torch.float32)
    return index * 2 / max(1, side - 1) - 1
