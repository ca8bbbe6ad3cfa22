"""Small strategies and networks made from their files, for contract tests and oracles."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from vitpos import build, catalogue
from vitpos.embeddings.additive import Injected
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.embeddings.bias import Biased
from vitpos.embeddings.rotary import Rotary
from vitpos.grid import Grid
from vitpos.schema import Backbone, Patch
from vitpos.typed import limits
from vitpos.vit import ViT

SIZE, PATCH, CLASSES = 16, 4, 10
WIDTHS = ("dim", "heads", "depth", "head_dim")


def trunk(**changes: Any) -> Trunk:
    """What a strategy is told of a network with two heads of 16 channels on 4 x 4 patches."""
    usual: dict[str, Any] = {
        "channels": 3,
        "grid": Grid(4, 4),
        "dim": 32,
        "heads": 2,
        "depth": 2,
        "prefix": 0,
    }
    return Trunk(**(usual | changes))


def reference(names: str) -> Trunk:
    """The size at which files count their parameters: 3 heads, or 4 where 3 will not do."""
    whole = {"dim": 192, "depth": 12}
    heads = next(h for h in (3, 4, 6, 8, 2, 12, 1) if suits(names, whole | {"heads": h}))
    return trunk(grid=Grid(8, 8), heads=heads, prefix=1, **whole)


@cache
def fitting(names: str) -> dict[str, Any]:
    """Dim, heads and depth of the smallest network that ``a+b`` can be built for."""
    for depth, heads, width in product((2, 3, 4, 6), (2, 4, 3, 1), (16, 24, 32, 48, 64, 40)):
        found = {"dim": heads * width, "heads": heads, "depth": depth}
        if suits(names, found):
            return found
    raise ValueError(f"no small network suits {names}")


def suits(names: str, sizes: Mapping[str, int]) -> bool:
    """Whether these widths are what the files of ``a+b`` need."""
    known = dict(sizes) | {"head_dim": sizes["dim"] // sizes["heads"]}
    rules = [
        (known[key], key, rule)
        for given in options(names).values()
        for key, rule in given.get("_needs_", {}).items()
        if key in WIDTHS
    ]
    highest = max(
        (layer for given in options(names).values() for layer in given.get("layers") or []),
        default=0,
    )
    return highest < sizes["depth"] and not any(limits(*rule) for rule in rules)


@cache
def read(name: str) -> dict[str, Any]:
    """What the file of a strategy says; never to be changed."""
    return catalogue.given(name)


def options(names: str, changes: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """What the files of ``a+b`` say, as a run holds it; `changes` are options of all parts."""
    return {name: deepcopy(read(name)) | dict(changes or {}) for name in names.split("+")}


def position(
    names: str, *, seed: int = 0, changes: Mapping[str, Any] | None = None, **of_trunk: Any
) -> PositionEmbedding:
    """The strategy ``a`` or ``a+b`` in evaluation; `of_trunk` are fields of the trunk."""
    return build.embedding(options(names, changes), trunk(**of_trunk), seed).eval()


def vit(
    names: str, *, seed: int = 0, changes: Mapping[str, Any] | None = None, **of_backbone: Any
) -> ViT:
    """A network that suits ``a+b``, with the first weights of `seed`."""
    usual: dict[str, Any] = {"mlp_ratio": 2.0, "pool": "mean", "registers": 0, "layer_scale": 0.0}
    usual |= {"dropout": 0.0, "drop_path": 0.0, **absent(), **fitting(names)}
    backbone = Backbone(**(usual | of_backbone))

    def told(trunk: Trunk, stage: int = 0) -> PositionEmbedding:
        return build.embedding(options(names, changes), trunk, seed, stage)

    model = build.kind(backbone)(
        told,
        backbone,
        channels=3,
        image_size=SIZE,
        patch=Patch(kind="linear", size=PATCH, shuffle=False),
        classes=CLASSES,
    )
    build.draw(model, seed)
    return model


def absent() -> dict[str, Any]:
    """Fields of a backbone that change nothing, as networks have them that are older."""
    return {f.name: f.metadata["absent"] for f in fields(Backbone) if "absent" in f.metadata}


def loud(module: nn.Module, seed: int = 0, std: float = 0.5) -> nn.Module:
    """The module with large random parameters, so that nothing it says is lost in rounding."""
    random = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std, generator=random)
    return module


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same for the same shape and seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def said(strategy: PositionEmbedding, site: Site) -> dict[str, Tensor]:
    """The numbers that a strategy turns, adds or multiplies with, before any cast."""
    match strategy:
        case Injected():
            return {"vectors": strategy.vectors(site)}
        case Rotary():
            return {"angles": strategy.angles(site)}
        case Biased():
            return {"bias": strategy.bias(site)}
    return dict(strategy.views(site))
