"""Small strategies made from their files, for whoever examines them: contract tests and oracles."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vitpos import build, catalogue
from vitpos.embeddings.base import PositionEmbedding, Trunk
from vitpos.grid import Grid


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


def options(names: str, changes: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """What the files of ``a+b`` say, as a run holds it; `changes` are options of all parts."""
    return {name: catalogue.given(name) | dict(changes or {}) for name in names.split("+")}


def position(
    names: str, *, seed: int = 0, changes: Mapping[str, Any] | None = None, **of_trunk: Any
) -> PositionEmbedding:
    """The strategy ``a`` or ``a+b`` in evaluation; `of_trunk` are fields of the trunk."""
    return build.embedding(options(names, changes), trunk(**of_trunk), seed).eval()


def loud(module: nn.Module, seed: int = 0, std: float = 0.5) -> nn.Module:
    """The module with large random parameters, so that nothing it says is lost in rounding."""
    random = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std, generator=random)
    return module


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same for the same shape and seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
