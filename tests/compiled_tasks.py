"""Have a compiler see scenes and losses of some tasks as one graph, as on a GPU: KIND KIND ...

A program of its own, because the checks of shapes that tests run with cannot be compiled.
"""

import sys

import torch

from vitpos import build, config, machine
from vitpos.data.samples import Data, Samples
from vitpos.train import Loop

WORDS = (
    "backbone.depth=1", "backbone.dim=16", "backbone.heads=2", "device=cpu", "threads=1",
    "precision=fp32", "training.batch_size=8",
)  # fmt: skip


def loop(kind: str) -> Loop:
    """On images of noise."""
    clutter = [] if kind == "jigsaw" else ["task.clutter=2"]
    run = config.compose([*WORDS, f"task={kind}", *clutter])
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (24, 1, 28, 28), dtype=torch.uint8, generator=random)
    some = Samples(pixels, torch.arange(24) % 10)
    data = Data("noise", some, some, some, tuple("0123456789"), (0.5,), (0.25,), digest="")
    return Loop(run, build.network(run, 10), data, machine.prepare(run))


def main() -> None:
    """Compiled and as they stand they give the same."""
    for kind in sys.argv[1:]:
        its, ids = loop(kind), torch.arange(8)
        told = (*its.samples.take(ids), ids, its.augment.tables(0))
        whole, judge = (
            torch.compile(work, fullgraph=True, dynamic=False, backend="aot_eager")
            for work in (its.augment.__call__, its.learner.judged)
        )
        images, targets = whole(*told)
        expected = its.augment(*told)
        torch.testing.assert_close((images, targets), expected)
        ways = (judge, its.learner.judged)
        found, wanted = (way(images, targets, targets) for way in ways)
        torch.testing.assert_close(found, wanted)
        sys.stdout.write(f"{kind}\n")


if __name__ == "__main__":
    main()
