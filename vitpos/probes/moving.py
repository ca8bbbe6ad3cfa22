"""Images moved as a whole: shifted, with what comes in over the border, and scaled."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vitpos.shapes import Images

FILLS = ("zeros", "reflect", "circular")


def shift(
    images: Images, down: int, right: int, fill: str, ground: Float[Tensor, " channels"]
) -> Images:
    """Each image shifted by whole pixels; what comes in is `ground`, a mirror image, or the rest.

    ``zeros`` fills with `ground`, the value of a black pixel; the outermost pixel is not repeated
    by ``reflect``.
    """
    if fill == "circular":
        return images.roll((down, right), dims=(-2, -1))
    height, width = images.shape[-2:]
    up, left = max(down, 0), max(right, 0)
    edges = (left, max(-right, 0), up, max(-down, 0))
    if fill == "reflect":
        wide = F.pad(images, edges, mode="reflect")
    else:
        level = ground[None, :, None, None].to(images)
        wide = F.pad(images - level, edges) + level
    top, start = max(-down, 0), max(-right, 0)
    return wide[..., top : top + height, start : start + width]


def scale(images: Images, factor: float, ground: Float[Tensor, " channels"]) -> Images:
    """The content of each image scaled about its centre; the image stays as large as it is."""
    height, width = images.shape[-2:]
    new = [max(1, round(height * factor)), max(1, round(width * factor))]
    level = ground[None, :, None, None].to(images)
    content = F.interpolate(images, new, mode="bilinear", antialias=True) - level
    top, left = (height - new[0]) // 2, (width - new[1]) // 2
    edges = (left, width - new[1] - left, top, height - new[0] - top)  # negative: cut off
    return F.pad(content, edges) + level
