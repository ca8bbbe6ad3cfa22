"""Compile networks of strategies named on the command line, and compare them with eager ones.

With ``--tile``, attention is our operator for few tokens.

A program of its own, because the checks of shapes that tests run with cannot be compiled.
"""

import copy
import sys
from typing import Any

import networks
import torch
from functorch.compile import make_boxed_func
from torch import Tensor, nn
from torch._dynamo.backends.common import aot_autograd

from vitpos import compiling, config, machine
from vitpos.data import policies
from vitpos.data.samples import Data, Samples
from vitpos.train import Loop

TOLERANCES = {"fp32": 1e-4, "bf16": 0.02}
WHOLE = ("learned1d", "rope_mixed", "swin_rpb", "shaw", "peg+alibi2d+rope2d")  # steps, not only
# networks: what a step does besides is the same for all strategies


def as_it_is(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
    """Runs a graph of operations one by one."""
    return make_boxed_func(graph.forward)


def cheap(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
    """A backend that traces forward and backward and compiles nothing.

    No graph may call a class: torch would not keep what it compiles of it for the next process.
    """
    targets = {node.target for node in graph.graph.nodes if node.op == "call_function"}
    classes = [target for target in targets if isinstance(target, type)]
    assert not classes, classes
    return aot_autograd(fw_compiler=as_it_is)(graph, inputs)


def gradients(run: nn.Module, model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """The scores that `run` gives, and the gradients that it leaves in `model`."""
    model.zero_grad()
    torch.manual_seed(0)  # coordinates that move while training move alike
    scores = run(images)
    scores.square().sum().backward()
    left = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return left | {"scores": scores.detach()}


def data() -> Data:
    """Random images of the size that the networks are for."""
    pixels = (networks.noise(8, 3, networks.SIZE, networks.SIZE) * 60 + 128).clamp(0, 255).byte()
    samples = Samples(pixels, torch.arange(8) % networks.CLASSES)
    names = tuple("0123456789")
    return Data("noise", samples, samples, samples, names, (0.5,) * 3, (0.25,) * 3, "")


def steps(model: nn.Module, compile_: str, precision: str) -> tuple[str, dict[str, Tensor]]:
    """How two steps were made, and the gradients of a third with the sums after them."""
    words = ("dataset=cifar10", "training.batch_size=4", "training.micro_batch=2", "device=cpu")
    words += ("training.warmup_epochs=0", "training.augment.mixup=0.5", "threads=1")
    run = config.compose([*words, f"compile={compile_}", f"precision={precision}"])
    loop = Loop(run, copy.deepcopy(model), data(), machine.prepare(run))
    loop.feed.begin(0)
    loop.prepare()
    for _ in range(2):
        loop.learn()
    loop.learner.feed.begin(0)
    loop.learner.backward(loop.feed.batch())
    left = {n: p.grad for n, p in loop.model.named_parameters() if p.grad is not None}
    return loop.manner, left | {"sums": loop.learner.sums}


def network(model: nn.Module) -> None:
    """Raise if there is a graph break, or if the compiled network computes something else.

    Its gradients are compared on a grid that it was not built for, where there is more to trace.
    """
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, dynamic=False, backend=cheap)
    images = networks.noise(2, 3, 24, 40)
    wanted, got = (gradients(run, model, images) for run in (model, compiled))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def step(model: nn.Module, precision: str, atol: float) -> None:
    """Raise if the compiled step computes something else."""
    (eager, wanted), (fast, got) = (steps(model, how, precision) for how in ("off", "on"))
    assert (eager, fast) == ("eager", "compiled")
    torch.testing.assert_close(got, wanted, rtol=1e-2, atol=atol)


def augmentation() -> None:
    """Raise if augmentation, as a GPU does it, has a break or other images once compiled."""
    policies.grouped = policies.masked
    for policy in ("trivial", "rand"):
        words = ("training=full", f"training.augment.policy={policy}", "patch.shuffle=true")
        run = config.compose(["dataset=cifar10", *words, "device=cpu", "training.batch_size=8"])
        loop = Loop(run, networks.vit("none"), data(), machine.prepare(run))
        loop.feed.begin(0)
        ids = loop.feed.batch()
        given = (*loop.samples.take(ids), ids, loop.feed.tables)
        torch.testing.assert_close(
            compiling.whole(loop.augment.__call__)(*given), loop.augment(*given), rtol=0, atol=0
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    compiling.BACKEND = cheap
    tiled = "--tile" in sys.argv
    for names in sys.argv[1:]:
        if names == "augmentation":
            augmentation()
        elif names != "--tile":
            made = networks.vit(names, pool="cls", registers=1)
            made.attend_with("tile" if tiled else "sdpa")
            network(made)
            if names in WHOLE and not tiled:
                for precision, atol in TOLERANCES.items():
                    step(made, precision, atol)
