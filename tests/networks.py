"""Small networks, built as the runner builds them: from the YAML files of `configs/embedding`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vitpos import build, config, specimens
from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.schema import Backbone, Patch
from vitpos.specimens import noise, options, trunk
from vitpos.vit import Plain, ViT

__all__ = ["noise", "options", "trunk"]

CONFIGS = config.folder() / "embedding"
NAMES = config.options("embedding")
COMBINATIONS = ["learned1d+rope_mixed", "peg+alibi2d+rope2d"]

SIZE, PATCH, CLASSES = 32, 8, 10
BACKBONE = Backbone(
    depth=2,
    dim=32,
    heads=2,
    mlp_ratio=2.0,
    pool="mean",
    registers=0,
    dropout=0.0,
    drop_path=0.0,
    layer_scale=0.0,
    **specimens.absent(),
)


def patches(size: int = PATCH, kind: str = "linear") -> Patch:
    """Patches of so many pixels each way."""
    return Patch(kind=kind, size=size, shuffle=False)


def position(
    names: str, seed: int = 0, changes: Mapping[str, Any] | None = None, **of_trunk: Any
) -> Any:
    """The strategy ``a`` or ``a+b`` alone; `changes` are options of all its parts."""
    return build.embedding(options(names, changes), trunk(**of_trunk), seed)


def vit(names: str, *, seed: int = 0, **changes: Any) -> ViT:
    """A network with the first weights of `seed`; `changes` are fields of the backbone."""
    model = Plain(
        lambda trunk: build.embedding(options(names), trunk, seed),
        dataclasses.replace(BACKBONE, **(specimens.fitting(names) | changes)),
        channels=3,
        image_size=SIZE,
        patch=patches(),
        classes=CLASSES,
    )
    build.draw(model, seed)
    return model


def loud(module: nn.Module, seed: int = 0, std: float = 0.5) -> nn.Module:
    """The module with large random parameters, in evaluation."""
    return specimens.loud(module, seed, std).eval()


def said(strategy: PositionEmbedding, site: Site) -> Tensor | None:
    """The numbers that a family turns, adds or multiplies with, before any cast."""
    found = specimens.said(strategy, site)
    return next((found[what] for what in ("vectors", "angles", "bias") if what in found), None)


def near(got: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Compare all numbers to the largest of their tensor: float32 through a whole network."""
    assert got.keys() == wanted.keys()
    for name, x in wanted.items():
        most = float(x.abs().max())
        torch.testing.assert_close(got[name], x, rtol=0, atol=1e-4 * most + 1e-9, msg=name)
