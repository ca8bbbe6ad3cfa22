"""A training step: images a second, memory, and how much of what the device could do.

The shape of CIFAR (6 layers of 192, patches of 4) in a small and a large batch, and the micro
network on digits. Ceilings are probed after each turn.
"""

from collections.abc import Iterator
from functools import partial

from vitpos.bench.asked import Bench
from vitpos.bench.ceilings import Ceilings
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table
from vitpos.bench.rounds import Work
from vitpos.bench.subjects import IMAGES, ours, run_of

CPU = (("cifar", 128), ("micro", 128))
GPU = (("cifar", 1024), ("cifar", 128), ("micro", 256))
VARIANTS = {"vitpos": (), "vitpos, fp32": ("precision=fp32",)}
ON_CPU = {"vitpos, one thread": ("threads=1",)}
ON_GPU = {
    "vitpos, fp16": ("precision=fp16",),
    "vitpos, not deterministic": ("deterministic=false",),
    "vitpos, kernels off": ("kernels=off",),
    "vitpos, eager": ("compile=false",),
}


def tables(bench: Bench) -> Iterator[Table]:
    """A table for each shape and batch, and on a GPU the seconds of a whole epoch."""
    shapes = (GPU if bench.cuda else CPU)[: 1 if bench.quick else 3]
    precisions = ("bf16", "fp32")
    for number, (shape, batch) in enumerate(shapes):
        ceilings = Ceilings(bench.device, precisions)
        words = ("embedding=learned1d", f"training.batch_size={batch}")
        variants = VARIANTS | (ON_CPU if bench.device.type == "cpu" and bench.threads > 1 else {})
        variants |= ON_GPU if bench.cuda and number == 0 else {}
        contenders = {
            name: Contender(partial(made, bench, shape, (*words, *more)))
            for name, more in variants.items()
        }
        real = run_of(bench, shape, *words).training.batch_size
        heat = Heat(
            name=f"step, {shape}, batch {real}",
            contenders=contenders,
            reference="vitpos",
            share=1 / (len(shapes) + bench.cuda - number),
            ceilings=ceilings,
            facts={"shape": shape, "batch": real, "threads": bench.threads},
        )
        yield measure(heat, bench)
    if bench.cuda:
        yield epoch(bench)


def made(bench: Bench, shape: str, words: tuple[str, ...]) -> Work:
    """A run of vitpos with these words."""
    return ours(bench, run_of(bench, shape, *words))


def epoch(bench: Bench) -> Table:
    """Whole epochs of 50,000 images, with the tables of augmentation and the wait at the end."""
    run = run_of(bench, "cifar", "embedding=learned1d", "training.batch_size=1024")

    def make() -> Work:
        work = ours(bench, run)
        steps = IMAGES // run.training.batch_size

        def advance(epochs: int) -> None:
            work.advance(epochs * steps)

        return Work(advance, steps * run.training.batch_size, work.prepare, facts=work.facts)

    heat = Heat(
        name="epoch of 50,000 images, cifar, batch 1024",
        contenders={"vitpos": Contender(make)},
        reference="vitpos",
        facts={"shape": "cifar", "batch": run.training.batch_size, "images": IMAGES},
    )
    return measure(heat, bench)
