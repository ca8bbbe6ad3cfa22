"""Have a compiler see lanes of some embeddings as one graph, as on a GPU: NAME NAME ...

A program of its own, because the checks of shapes that tests run with cannot be compiled.
"""

import sys
from dataclasses import replace

import torch
from torch import Tensor

from vitpos import build, config, machine
from vitpos.data.samples import Data, Samples
from vitpos.lanes import network, norms
from vitpos.lanes.learner import LaneLearner
from vitpos.specimens import noise
from vitpos.train import Loop

WORDS = (
    "backbone.depth=2", "backbone.dim=32", "backbone.heads=2", "device=cpu", "threads=1",
    "precision=fp32", "training.batch_size=4", "attention=explicit",
)  # fmt: skip


def learner(name: str) -> LaneLearner:
    """Of three seeds, on images of noise."""
    run = config.compose([*WORDS, f"embedding={name}"])
    pixels = torch.zeros(8, 1, 28, 28, dtype=torch.uint8)
    some = Samples(pixels, torch.zeros(8, dtype=torch.int64))
    data = Data("noise", some, some, some, tuple("0123456789"), (0.0,), (1.0,), digest="")
    chosen = machine.prepare(run)
    runs = [replace(run, seed=seed) for seed in range(3)]
    return LaneLearner([Loop(one, build.network(one, 10), data, chosen) for one in runs])


def main() -> None:
    """Raise if there is a graph break, or if what is compiled computes something else."""
    network.layer_norm, network.VECTOR = norms.plain, 1  # type-checked where they are
    images, labels = noise(3, 4, 1, 28, 28), torch.arange(12).view(3, 4) % 10
    targets = torch.nn.functional.one_hot(labels, 10).float()
    for name in sys.argv[1:]:
        torch.compiler.reset()
        its = learner(name)
        whole = torch.compile(its.judged, fullgraph=True, dynamic=False, backend="aot_eager")
        answers: list[list[Tensor]] = []
        for judge in (its.judged, whole):
            loss, hits = judge(images, targets, labels)
            loss.sum().backward()
            moved = [w.grad for w in its.stack.moving() if w.grad is not None]
            its.optimiser.zero_grad(set_to_none=True)
            answers.append([loss.detach(), hits, *moved])
        torch.testing.assert_close(answers[1], answers[0], rtol=1e-4, atol=1e-5)
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
