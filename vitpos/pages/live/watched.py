"""A network that tells what it does: one image in, all that a page shows of it out."""

from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vitpos.grid import Grid
from vitpos.probes.subject import Subject
from vitpos.probes.trace import listening
from vitpos.shapes import Images, Scores
from vitpos.vit import ViT


class Block(NamedTuple):
    """What a page must know to show the attention of a block."""

    grid: Grid
    prefix: int
    heads: int  # 0: it does not attend


class Watched(nn.Module):
    """Pixels of 0..255 in; logits, tokens before and after position, attention of all blocks out.

    Tokens are those in front of block 0: what the strategy is given, and what the block is given.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.model: ViT = deepcopy(subject.model).cpu().float().eval()
        self.model.attend_with("explicit")  # the weights that are shown are those that read
        spread = torch.tensor([1 / (255 * s) for s in subject.std], dtype=torch.float64)
        centre = torch.tensor([m / s for m, s in zip(subject.mean, subject.std, strict=True)])
        self.register_buffer("scale", spread.float()[:, None, None])
        self.register_buffer("mean", centre.float()[:, None, None])
        self.blocks: tuple[Block, ...] = ()

    def logits(self, pixels: Images) -> Scores:
        """What the network says of images, in pixels of 0..255."""
        return self.model(pixels * self.scale - self.mean)

    def forward(self, pixels: Images) -> tuple[Tensor, ...]:
        with listening(self.model, attention=True) as layers:
            logits = self.logits(pixels)
        self.blocks = tuple(
            Block(one.grid, one.site.prefix, 0 if one.weights is None else one.weights.shape[1])
            for one in layers
        )
        weights = [one.weights[0] for one in layers if one.weights is not None]
        first = layers[0]
        before = first.before[0]
        entered = before if first.entered is first.before else first.entered[0]
        return (logits[0], before, entered, *weights)
