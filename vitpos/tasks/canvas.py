"""Images on a larger, black canvas, perhaps with pieces of other images behind them.

The clutter is that of Mnih et al. 2014, https://arxiv.org/abs/1406.6247: squares cut out of other
images of the set, at random places. All that is random comes from tables; all pixels are moved on
the device, a gather for each image and piece.
"""

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Pixels, Rows
from vitpos.data.placing import Shown, cut, laid
from vitpos.data.samples import Samples
from vitpos.data.scene import Scene

PIECE = 3  # pieces are so many times lower and narrower than an image


def shrunk(pixels: Pixels, times: int) -> UInt8[Tensor, "batch channels low narrow"]:
    """Images so many times lower and narrower: means of squares."""
    if times == 1:
        return pixels
    return F.avg_pool2d(pixels.float(), times).round_().to(torch.uint8)


class Canvas(Scene):
    """Scenes with images on a canvas: where they may lie, and what lies behind them.

    `step` is a patch where they lie on whole patches, else a pixel; `span` is what an image takes
    up, in whole steps; there are `free` + 1 places for it, each way.
    """

    def __init__(self, samples: Samples, how: schema.OnCanvas, patch: int) -> None:
        whole = samples.pixels.shape[-1]
        super().__init__(samples, how.side(whole))
        self.times, self.pieces = how.shrink, how.clutter
        self.size = whole // how.shrink
        self.step = patch if how.whole else 1
        self.span = -(-self.size // self.step) * self.step
        self.free = (self.side - self.size) // self.step
        self.piece = max(1, self.size // PIECE)

    def clutter(self, draws: Draws) -> Rows:
        """Of which samples the pieces are, from where in them, and where they come to."""
        if not self.pieces:
            return {}
        count, last = 2 * self.pieces, self.size - self.piece
        parts = (
            draws.integers("clutter/sample", 0, draws.samples - 1, self.pieces)[:, :, None],
            draws.integers("clutter/from", 0, last, count).unflatten(1, (-1, 2)),
            draws.integers("clutter/to", 0, self.side - self.piece, count).unflatten(1, (-1, 2)),
        )
        return {"clutter": torch.cat(parts, dim=2).int()}

    def background(self, rows: Rows, like: Pixels) -> Shown:
        """The canvases before the images come on them."""
        canvas = like.new_zeros(*like.shape[:2], self.side, self.side)
        for number in range(self.pieces):
            sample, there, here = rows["clutter"][:, number].split((1, 2, 2), dim=1)
            others = self.samples.pixels.index_select(0, sample[:, 0])
            piece = cut(shrunk(others, self.times), there, self.piece)
            canvas = laid(canvas, piece, here)
        return canvas
