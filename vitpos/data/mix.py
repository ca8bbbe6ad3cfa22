"""Rectangles lost and images mixed: random erasing, mixup, cutmix on normalised batches.

Boxes are drawn for whole epochs (top, bottom, left, right; in pixels, the ends excluded). The
partner of an image is the next of its batch.
"""

import math

import torch
from jaxtyping import Bool, Float32, Int, Int32
from torch import Tensor

from vitpos import schema
from vitpos.data.draws import Draws
from vitpos.data.geometry import Rows

Images = Float32[Tensor, "batch channels height width"]
Targets = Float32[Tensor, "batch classes"]
Boxes = Int32[Tensor, "samples 4"]


def outside(boxes: Boxes, height: int, width: int) -> Bool[Tensor, "samples 1 {height} {width}"]:
    """Which pixels lie out of the box of their image."""
    top, bottom, left, right = boxes[:, :, None, None, None].unbind(1)
    y = torch.arange(height, device=boxes.device)[:, None]
    x = torch.arange(width, device=boxes.device)
    return (y < top) | (y >= bottom) | (x < left) | (x >= right)


class Erase:
    """A share of images lose one rectangle to the mean colour (Zhong et al. 2020).

    2 to 33 % of the area, 0.3 to 3.3 times as high as wide; https://arxiv.org/abs/1708.04896.
    """

    def __init__(self, augment: schema.Augment, size: int) -> None:
        self.share, self.size = augment.erase, size

    def tables(self, draws: Draws) -> Rows:
        area = draws.uniform("erase/area", 0.02, 0.33).sqrt() * self.size
        aspect = draws.uniform("erase/aspect", math.log(0.3), math.log(3.3)).mul(0.5).exp()
        chosen = draws.uniform("erase/chosen") < self.share
        box = []
        for name, side in (("top", area * aspect), ("left", area / aspect)):
            length = side.round().clamp(1, self.size)
            start = (draws.uniform(f"erase/{name}") * (self.size - length + 1)).floor()
            box += [start, start + length * chosen]
        return {"erase": torch.stack(box, dim=1).int()}

    def __call__(self, images: Images, rows: Rows) -> Images:
        return images * outside(rows["erase"], *images.shape[2:])


class Mix:
    """Mixup (Zhang et al. 2018) or cutmix (Yun et al. 2019); where both are on, a coin decides.

    `share` is how much of the target stays: drawn by mixup, the area that is left by cutmix.
    https://arxiv.org/abs/1710.09412, https://arxiv.org/abs/1905.04899.
    """

    def __init__(self, augment: schema.Augment, size: int) -> None:
        self.mixup, self.cutmix, self.size = augment.mixup, augment.cutmix, size

    def tables(self, draws: Draws) -> Rows:
        heads = draws.integers("mix", 0, 1)[:, 0] == 1
        cuts = heads if self.mixup and self.cutmix else torch.full_like(heads, self.cutmix > 0)
        blend = torch.ones(draws.samples, dtype=torch.float64)
        if self.mixup:
            blend = torch.where(cuts, blend, draws.beta("mixup", self.mixup))
        if not self.cutmix:
            return {"blend": blend.float(), "share": blend.float()}
        boxes = self.boxes(draws) * cuts[:, None]
        top, bottom, left, right = boxes.unbind(1)
        share = blend - (bottom - top) * (right - left) / self.size**2  # one of the two is whole
        return {"blend": blend.float(), "cut": boxes.int(), "share": share.float()}

    def boxes(self, draws: Draws) -> Int[Tensor, "samples 4"]:
        """A square box anywhere, cut at the border; its area before is 1 - lambda."""
        side = (1 - draws.beta("cutmix", self.cutmix)).sqrt() * self.size
        half = side.int()[:, None] // 2
        centre = draws.integers("cutmix/centre", 0, self.size - 1, 2)
        low, high = (centre - half).clamp_min(0), (centre + half).clamp_max(self.size)
        return torch.stack((low, high), dim=2).flatten(1)

    def __call__(self, images: Images, targets: Targets, rows: Rows) -> tuple[Images, Targets]:
        weight = rows["blend"][:, None, None, None]
        if self.cutmix:
            weight = weight * outside(rows["cut"], *images.shape[2:])
        images = torch.lerp(images.roll(-1, 0), images, weight)
        return images, torch.lerp(targets.roll(-1, 0), targets, rows["share"][:, None])
