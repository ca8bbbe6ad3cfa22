"""Convolutions: what a single bright cell does to those around it."""

from collections.abc import Iterator
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vitpos.embeddings.base import PositionEmbedding
from vitpos.embeddings.conditional import PEG
from vitpos.embeddings.neighbours import Depthwise
from vitpos.embeddings.resformer import ResFormer
from vitpos.embeddings.values import CRPE, LePE
from vitpos.pages.cards.parts import Part
from vitpos.pages.cards.tables import distance
from vitpos.pages.coded import signed

CHANNELS = 6  # that are shown beside their means
Maps = Float[Tensor, "maps side side"]


def responses(part: Part) -> Iterator[dict[str, Any]]:
    """One object with all blocks that convolve.

    Maps are the mean over channels, the mean magnitude, and the first channels; the bias is left
    out, for it is the same everywhere.
    """
    layers = [n for n in part.layers if convolutions(part.now, n)]
    if not layers:
        return
    now, start = (
        torch.stack([summary(convolutions(s, n)) for n in layers]) for s in (part.now, part.start)
    )
    moved = distance(now, start)
    yield {
        "kind": "response",
        "title": f"{part.title}: what a cell does to its neighbours",
        "layers": [part.begin + n for n in layers],
        "names": ["mean", "mean magnitude", *(f"channel {c}" for c in shown(channels(part)))],
        "values": signed(now),
        "start": None if moved == 0 else signed(start),
        "moved": moved,
    }


def convolutions(strategy: PositionEmbedding, layer: int) -> list[Depthwise]:
    """Those of this block."""
    match strategy:
        case PEG() if layer in strategy.layers:
            return [strategy.conv(layer)]
        case LePE():
            return [strategy.conv(layer)]
        case CRPE():
            return strategy.convs(layer)
        case ResFormer():
            return [cast(Depthwise, strategy.convs[layer])]
    return []


def response(conv: Depthwise) -> Float[Tensor, "channels side side"]:
    """To a delta, channel by channel: the kernel, turned by half a turn."""
    return conv.weight[:, 0].float().flip(-2, -1).double().cpu()


def summary(convs: list[Depthwise]) -> Maps:
    """The mean, the mean magnitude, the first channels; kernels in the middle of the largest."""
    most = max(conv.reach for conv in convs)
    wide = [F.pad(response(conv), [most - conv.reach] * 4) for conv in convs]
    every = torch.cat(wide)
    few = every[shown(len(every))]
    return torch.cat([every.mean(0, keepdim=True), every.abs().mean(0, keepdim=True), few])


def channels(part: Part) -> int:
    """All that are convolved in a block."""
    first = next(found for n in part.layers if (found := convolutions(part.now, n)))
    return sum(conv.out_channels for conv in first)


def shown(channels: int) -> list[int]:
    """Those that are shown one by one, evenly from all."""
    return list(range(0, channels, max(1, channels // CHANNELS)))[:CHANNELS]
