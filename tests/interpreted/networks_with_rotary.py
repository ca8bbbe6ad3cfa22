"""Whole networks with the rotary kernel, step by step in Python; see `rotary` beside this."""

import networks
import pytest
import torch
from torch import Tensor

from vitpos.kernels import launching, rotary

CPU = torch.device("cpu")


def scores(name: str, kernels: str) -> dict[str, Tensor]:
    """Of a network with prefix tokens on an oblong grid, and the gradients of all weights."""
    launching.use(kernels, CPU)
    model = networks.vit(name, pool="cls", registers=1)
    torch.manual_seed(0)  # coordinates that move while training move alike
    out = model(networks.noise(2, 3, 24, 40))
    out.square().sum().backward()
    left = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return left | {"scores": out.detach()}


@pytest.mark.parametrize("name", networks.NAMES)
def test_a_network_computes_the_same_with_it(name: str) -> None:
    """Scores and gradients of every strategy that turns heads by angles."""
    launched = []
    real = rotary.fused
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotary, "fused", lambda *args: launched.append(args) or real(*args))
        got = scores(name, "on")
    if not launched:
        pytest.skip("turns no heads by angles, or in its own way")

    networks.near(got, scores(name, "off"))
