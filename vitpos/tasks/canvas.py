"""Images on a larger, black canvas, perhaps with pieces of other images behind them.

The clutter is that of Mnih et al. 2014, https://arxiv.org/abs/1406.6247: squares cut out of other
images of the set, at random places. All that is random comes from tables; all pixels are moved on
the device, a gather for each image and piece.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Int, UInt8
from torch import Tensor

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Rows
from vitpos.data.samples import Samples
from vitpos.data.scene import Pixels, Scene, Shown

Corners = Int[Tensor, "batch 2"]  # row and column of the upper left pixel
PIECE = 3  # pieces are so many times lower and narrower than an image


def placed(pixels: Pixels, at: Corners, side: int) -> Shown:
    """Each image alone on a black canvas of `side` by `side` pixels, its upper left one at `at`."""
    height, width = pixels.shape[2:]
    along = torch.arange(side, device=pixels.device)
    y, x = (along - corner[:, None] for corner in at.unbind(1))
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
    places = y.clamp(0, height - 1)[:, :, None] * width + x.clamp(0, width - 1)[:, None]
    places = places.long().flatten(1)[:, None].expand(-1, pixels.shape[1], -1)
    taken = pixels.flatten(2).gather(2, places).unflatten(2, (side, side))
    return taken * inside[:, None]


def laid(canvas: Shown, pixels: Pixels, at: Corners) -> Shown:
    """The canvas with each image on it, which covers what it lies on wherever it is not black."""
    image = placed(pixels, at, canvas.shape[-1])
    return torch.where((image > 0).any(dim=1, keepdim=True), image, canvas)


def cut(pixels: Pixels, at: Corners, side: int) -> Shown:
    """The square of `side` pixels each way whose upper left pixel is at `at`."""
    return placed(pixels, -at, side)


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
