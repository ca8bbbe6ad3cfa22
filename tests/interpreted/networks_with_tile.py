"""Whole networks whose attention is our kernel, step by step in Python; see `tile` beside this."""

import networks
import pytest
import tiles
import torch
from torch import Tensor

from vitpos.kernels import launching

CPU = torch.device("cpu")
SOME = ["none", "rope_mixed", "swin_rpb", "decomposed_rel", "pope", "rope2d+swin_rpb"]


def scores(name: str, way: str) -> dict[str, Tensor]:
    """Of a network with prefix tokens on an oblong grid, and the gradients of all weights."""
    launching.use("on" if way == "tile" else "off", CPU)
    model = networks.vit(name, pool="cls", registers=1)
    model.attend_with(way)
    torch.manual_seed(0)  # coordinates that move while training move alike
    out = model(networks.noise(2, 3, 24, 40))
    out.square().sum().backward()
    launching.use("off", CPU)
    left = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return left | {"scores": out.detach()}


@pytest.mark.parametrize("name", SOME)
def test_a_network_computes_the_same_with_it(name: str) -> None:
    """Scores and gradients, of one strategy for each thing that happens inside."""
    got, wanted = scores(name, "tile"), scores(name, "explicit")
    errors = {key: tiles.error(got[key], wanted[key]) for key in wanted}

    assert got.keys() == wanted.keys()
    assert max(errors.values()) < 1e-5, errors
