"""Small networks, built as the runner builds them: from the YAML files of `configs/embedding`."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from vitpos import build
from vitpos.embeddings.additive import Injected
from vitpos.embeddings.base import PositionEmbedding, Site, Trunk
from vitpos.embeddings.bias import Biased
from vitpos.embeddings.rotary import Rotary
from vitpos.grid import Grid
from vitpos.schema import Backbone
from vitpos.vit import ViT

CONFIGS = Path(__file__).parents[1] / "configs/embedding"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
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
)


def options(names: str) -> dict[str, dict[str, Any]]:
    """What the files of ``a+b`` say, as a run holds it."""
    return {
        key: value
        for name in names.split("+")
        for key, value in yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()).items()
    }


def trunk(**changes: Any) -> Trunk:
    """What the strategies of the small network are told of it."""
    usual = {"channels": 3, "grid": Grid(4, 4), "dim": 32, "heads": 2, "depth": 2, "prefix": 0}
    return Trunk(**(usual | changes))


def position(
    names: str, seed: int = 0, changes: Mapping[str, Any] | None = None, **of_trunk: Any
) -> Any:
    """The strategy ``a`` or ``a+b`` alone; `changes` are options of all its parts."""
    parts = {name: given | (changes or {}) for name, given in options(names).items()}
    return build.embedding(parts, trunk(**of_trunk), seed)


def vit(names: str, *, seed: int = 0, **changes: Any) -> ViT:
    """A network with the first weights of `seed`; `changes` are fields of the backbone."""
    model = ViT(
        lambda trunk: build.embedding(options(names), trunk, seed),
        dataclasses.replace(BACKBONE, **changes),
        channels=3,
        image_size=SIZE,
        patch_size=PATCH,
        classes=CLASSES,
    )
    build.draw(model, seed)
    return model


def loud(module: nn.Module, seed: int = 0, std: float = 0.5) -> nn.Module:
    """The module with large random parameters, so that nothing it says is lost in rounding."""
    random = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std, generator=random)
    return module.eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same for the same shape and seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def said(strategy: PositionEmbedding, site: Site) -> Tensor | None:
    """The numbers that a family turns, adds or multiplies with, before any cast."""
    match strategy:
        case Injected():
            return strategy.vectors(site)
        case Rotary():
            return strategy.angles(site)
        case Biased():
            return strategy.bias(site)
    return None
