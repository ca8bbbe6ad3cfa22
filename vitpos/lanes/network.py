"""`vitpos.vit` with a leading dimension of lanes: the same calls in the same order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vitpos.embeddings.base import Site
from vitpos.lanes.chances import Chances
from vitpos.lanes.norms import layer_norm
from vitpos.lanes.shapes import Images, Scores, Tokens
from vitpos.lanes.speaking import LaneSite, Speech
from vitpos.vit import Block, Branch, ViT

VECTOR = 16  # outputs: products of other widths have other bits in a batch of them on CPUs


class LaneViT:
    """Images of all lanes in, class scores of all lanes out.

    `models` are those of the lanes, of one arm. Their weights come with each call, stacked, by the
    names they have there; those of the position embeddings are the models' own.
    """

    def __init__(self, models: Sequence[ViT]) -> None:
        self.first = models[0]
        self.speech = Speech([model.position for model in models])

    def __call__(
        self, images: Images, weights: Mapping[str, Tensor], chances: Chances | None
    ) -> Scores:
        """In training there are chances, in evaluation there are none."""
        model = self.first
        grid = model.patches.grid(*images.shape[-2:])
        x = self.patched(images, weights, LaneSite(Site(grid, 0, 0), None))
        lead = weights["prefix"]
        prefix = lead.shape[1]
        x = torch.cat([lead.to(x)[:, None].expand(-1, x.shape[1], -1, -1), x], dim=2)
        draws = None if chances is None else chances.uniform(2, 3 + grid.cells)
        for layer, block in enumerate(cast(Iterable[Block], model.blocks)):
            at = LaneSite(Site(grid, layer, prefix), draws)
            [x] = self.speech.ask("tokens", [x], at)
            x = self.block(block, x, Weights(weights, f"blocks.{layer}."), at, chances)
        own = Weights(weights)
        x = own.norm("norm", x)
        return own.linear("head", x[:, :, 0] if model.pool == "cls" else x[:, :, prefix:].mean(2))

    def patched(self, images: Images, weights: Mapping[str, Tensor], at: LaneSite) -> Tokens:
        """Images as tokens, as `vitpos.patches.Linear` makes them."""
        size = self.first.patches.size
        [x] = self.speech.ask("pixels", [images], at)
        rows, cols = at.site.grid
        x = x.unflatten(-1, (cols, size)).unflatten(-3, (rows, size))
        x = x.permute(0, 1, 3, 5, 2, 4, 6)  # [lanes, batch, rows, cols, planes, size, size]
        return Weights(weights).linear("patches.project", x.flatten(4).flatten(2, 3))

    def block(
        self, block: Block, x: Tokens, own: "Weights", at: LaneSite, chances: Chances | None
    ) -> Tokens:
        """`vitpos.vit.Block`."""
        read = self.attention(own.norm("norm1", x), own, at)
        x = x + self.join(block.join1, read, own.get("join1.scale"), chances)
        hidden = F.gelu(own.linear("mlp.0", own.norm("norm2", x)))
        said = own.linear("mlp.2", hidden)
        return x + self.join(block.join2, said, own.get("join2.scale"), chances)

    def attention(self, x: Tokens, own: "Weights", at: LaneSite) -> Tokens:
        """`vitpos.vit.Attention`."""
        own_attention = cast(Block, self.first.blocks[0]).attention
        heads, implementation = own_attention.heads, own_attention.implementation
        asked, told = self.speech.ask("inputs", [x, x], at)
        if asked is told:
            packed = own.linear("attention.qkv", asked)
        else:
            two = 2 * x.shape[-1]
            packed = torch.cat(
                [
                    own.linear("attention.qkv", asked, slice(None, two)),
                    own.linear("attention.qkv", told, slice(two, None)),
                ],
                dim=-1,
            )
        inside = LaneSite(at.site, at.draws, asked)
        read = self.speech.read(packed.unflatten(-1, (3, heads, -1)), inside, implementation)
        return own.linear("attention.out", read.transpose(2, 3).flatten(3))

    def join(
        self, branch: Branch, x: Tokens, scale: Tensor | None, chances: Chances | None
    ) -> Tokens:
        """`vitpos.vit.Branch`."""
        if chances is not None and branch.dropout.p:
            x = chances.dropout(x, branch.dropout.p)
        if scale is not None:
            x = x * scale[:, None, None].to(x)
        if chances is not None and branch.drop_path:
            keep = 1 - branch.drop_path
            alive = chances.uniform(x.shape[1], 1, 1) < keep
            x = x * alive.to(x) / keep
        return x


class Weights:
    """The stacked weights of a part of the network, by what its names begin with."""

    def __init__(self, weights: Mapping[str, Tensor], prefix: str = "") -> None:
        self.weights, self.prefix = weights, prefix

    def get(self, name: str) -> Tensor | None:
        """None if there is none."""
        return self.weights.get(self.prefix + name)

    def linear(self, name: str, x: Tensor, rows: slice | None = None) -> Tensor:
        """`torch.nn.Linear` in each lane, or some of its rows, of [lanes, batch, ..., inputs]."""
        weight = self.weights[f"{self.prefix}{name}.weight"]
        bias = self.weights[f"{self.prefix}{name}.bias"]
        if rows is not None:  # a slice of all would cost a copy of its gradient
            weight, bias = weight[:, rows], bias[:, rows]
        if weight.shape[1] % VECTOR and x.device.type == "cpu":
            return torch.stack(
                [F.linear(*of_lane) for of_lane in zip(x, weight, bias, strict=True)]
            )
        return torch.baddbmm(bias[:, None], x.flatten(1, -2), weight.mT).unflatten(1, x.shape[1:-1])

    def norm(self, name: str, x: Tokens) -> Tokens:
        """`torch.nn.LayerNorm` in each lane."""
        own = f"{self.prefix}{name}"
        return layer_norm(x, self.weights[f"{own}.weight"], self.weights[f"{own}.bias"])
