"""The chosen images on their way: tokens before and with position, attention, and the answer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vitpos.pages.coded import shares, signed
from vitpos.pages.opened import Opened
from vitpos.probes.trace import Layer, traced
from vitpos.probes.variance import norms
from vitpos.shapes import Weights

QUERIES = 8
CHOICES = ("classify", "locate", "relate", "where")  # tasks that give an image one of some answers


def entering(one: Opened) -> dict[str, Any]:
    """Tokens in front of the first shown block, what position adds to them, and the answers.

    Each in a range of its own: what is added is often much smaller than what is there.

    `later` is what the strategy adds in front of the other blocks, `asked` what it adds inside
    attention to what queries and keys are made of, both by the size of what was there; only where
    it adds anything.
    """
    parts = list(traced(one.subject.model, one.images))
    first = one.blocks[0]
    before, entered = (
        torch.cat([getattr(layers[first], name) for layers in parts])
        for name in ("before", "entered")
    )
    more = entered - before
    ratios = {n: added([layers[n] for layers in parts]) for n in one.blocks}
    return {
        "added": {
            "before": signed(before),
            "difference": signed(more) if bool(more.any()) else None,
            "layer": first,
            **answered(one),
        },
        "later": [{"layer": n, "norm": r[0]} for n, r in ratios.items() if n > first and r[0]],
        "asked": [{"layer": n, "norm": r[1]} for n, r in ratios.items() if r[1]],
    }


def added(layers: Sequence[Layer]) -> tuple[float, float]:
    """What is added in front of a block and inside its attention, by what was there."""
    stream, more, plain, asked = torch.stack([norms(x) for x in layers]).sum(0).tolist()
    return float(f"{more / stream:.5g}"), float(f"{asked / plain:.5g}")


def answered(one: Opened) -> dict[str, Any]:
    """The answer to each image and how sure of it the network is; none if it gives several."""
    if one.run.task.kind not in CHOICES:
        return {"predicted": None, "probabilities": None}
    with torch.no_grad():
        scores = one.subject.model(one.images).float()
    if one.run.task.kind == "locate":
        scores = scores[:, : len(one.classes)]
    sure = scores.softmax(dim=-1)
    return {
        "predicted": sure.argmax(dim=-1).tolist(),
        "probabilities": [[float(f"{p:.4g}") for p in row] for row in sure.tolist()],
    }


def attended(one: Opened, most: int) -> dict[str, Any]:
    """Attention at every rung that can be had with `most` bytes, the finest first.

    ``heads``: all queries of every head; ``mean``: of the mean over heads; ``queries``: some
    queries of every head; ``prefix``: those of prefix tokens, or of one cell. [images, blocks,
    heads or 1, queries, tokens]
    """
    parts = list(traced(one.subject.model, one.images, attention=True))
    each = [torch.cat([held(layers[n]) for layers in parts]) for n in one.blocks]
    weights = torch.stack(each, dim=1)
    heads, asked = weights.shape[2], queries(one)
    few = asked[: max(1, one.site.prefix)]
    rungs: list[tuple[str, Tensor, list[int] | None]] = [
        ("heads", weights, None),
        ("mean", weights.mean(2, keepdim=True), None),
        ("queries", weights[..., asked, :], asked),
        ("prefix", weights[..., few, :], few),
    ]
    return {
        "heads": heads,
        "layers": list(one.blocks),
        "rungs": {
            name: {"values": shares(x), "queries": which}
            for name, x, which in rungs
            if x.numel() <= most or name == "prefix"
        },
    }


def held(layer: Layer) -> Weights:
    """The weights of attention, of every image."""
    assert layer.weights is not None
    return layer.weights.float().expand(len(layer.after), -1, -1, -1)


def queries(one: Opened) -> list[int]:
    """Tokens that stand for all: prefix tokens, the middle, corners, middles of the sides."""
    rows, cols = one.grid
    p, down, right = one.site.prefix, rows // 2, cols // 2
    cells = [
        (down, right), (0, 0), (0, cols - 1), (rows - 1, 0), (rows - 1, cols - 1),
        (0, right), (down, 0), (down, cols - 1), (rows - 1, right),
    ]  # fmt: skip
    tokens = [*range(p), *(p + row * cols + col for row, col in cells)]
    return list(dict.fromkeys(tokens))[:QUERIES]
