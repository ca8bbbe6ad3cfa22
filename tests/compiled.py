"""Compile a small network of each strategy named on the command line, and compare it with eager.

With ``--tile``, attention is our operator for few tokens.

A program of its own, because the checks of shapes that tests run with cannot be compiled.
"""

import sys

import networks
import torch
from torch import Tensor, nn


def gradients(run: nn.Module, model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """The scores that `run` gives, and the gradients that it leaves in `model`."""
    model.zero_grad()
    torch.manual_seed(0)  # coordinates that move while training move alike
    scores = run(images)
    scores.square().sum().backward()
    left = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return left | {"scores": scores.detach()}


def compare(names: str, way: str) -> None:
    """Raise if there is a graph break, or if the compiled network computes something else.

    Its gradients are compared on a grid that it was not built for, where there is more to trace.
    """
    torch.compiler.reset()
    model = networks.vit(names, pool="cls", registers=1)
    model.attend_with(way)
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend="aot_eager")
    images = networks.noise(2, 3, 24, 40)
    wanted, got = (gradients(run, model, images) for run in (model, compiled))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
    model.eval()
    with torch.no_grad():
        own = networks.noise(2, 3, networks.SIZE, networks.SIZE)
        torch.testing.assert_close(compiled(own), model(own), rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    torch.set_num_threads(1)
    asked = sys.argv[1:]
    for names in asked:
        if names != "--tile":
            compare(names, "tile" if "--tile" in asked else "sdpa")
