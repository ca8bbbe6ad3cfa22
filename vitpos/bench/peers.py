"""Vitpos beside what others write: the usual script, and timm's network on resident data.

And where the usual script spends its time before the network sees an image: the assembly of a
batch, picture by picture or all at once.
"""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from vitpos.bench.asked import Bench, Missing
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table
from vitpos.bench.rounds import Work
from vitpos.bench.subjects import noise, ours, run_of, untouched
from vitpos.data.augment import Augmenter
from vitpos.machine import DTYPES, cores, find_precision
from vitpos.schema import Run

WORKERS = 8  # processes that load pictures for a GPU
AHEAD = 2  # batches that each has ready, which were made while others had their turns


def tables(bench: Bench) -> Iterator[Table]:
    """A small batch and a large one, then the assembly of a batch."""
    batches = (128, 1024)[: 1 if bench.quick else 2]
    for number, batch in enumerate(batches):
        yield measure(against(bench, batch, 0.5 if number == 0 else 0.85), bench)
    yield measure(assembly(bench), bench)


def against(bench: Bench, batch: int, share: float | int) -> Heat:
    """All of them learn from the same images; each has the process as it would by itself."""
    run = run_of(bench, "cifar", "embedding=learned1d", f"training.batch_size={batch}")
    plain = run_of(
        bench, "cifar", "embedding=learned1d", f"training.batch_size={batch}", "precision=fp32"
    )
    half = DTYPES[find_precision("auto", bench.device)]
    compiling = 60.0 if bench.cuda else 90.0
    contenders = {
        "usual script": Contender(lambda: usual(bench, run)),
        "vitpos": Contender(lambda: ours(bench, run)),
        "vitpos, fp32": Contender(lambda: ours(bench, plain)),
        "timm, resident": Contender(lambda: resident(bench, run, None)),
        "timm, resident, AMP": Contender(lambda: resident(bench, run, half)),
        "timm, resident, AMP, compiled": Contender(
            lambda: resident(bench, run, half, compiled=True), compiling
        ),
    }
    if not bench.cuda:  # where a step takes seconds, and compiling longer than it is worth
        del contenders["timm, resident, AMP, compiled"]
        for name in ("timm, resident", "timm, resident, AMP") if batch > 128 else ():
            del contenders[name]
    real = run.training.batch_size
    return Heat(
        name=f"peers, cifar, batch {real}",
        contenders=contenders,
        reference="usual script",
        seconds=1.0,
        share=share,
        facts={"shape": "cifar", "batch": real, "threads": bench.threads},
    )


def script() -> ModuleType:
    """The usual script, if what it needs is there."""
    try:
        return importlib.import_module("vitpos.bench.usual_script")
    except ImportError as error:
        raise Missing(f"not installed: {error.name or error}") from error
    except (RuntimeError, OSError, AttributeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise Missing(f"torchvision or timm cannot be imported: {reason}") from error


def shape_of(run: Run, module: ModuleType) -> Any:
    """The network of a run in timm's words."""
    backbone, data = run.backbone, run.dataset
    sizes = (data.size, run.patch.size, data.channels, backbone.dim, backbone.depth)
    return module.Shape(*sizes, backbone.heads, backbone.mlp_ratio)


def usual(bench: Bench, run: Run) -> Work:
    """The usual script on the same images, as pictures."""
    module = script()
    workers = min(WORKERS, cores()) if bench.cuda else 0
    loader = module.batches(pictures(run, module), run.training.batch_size, workers, bench.device)
    model = module.network(shape_of(run, module))
    steps = module.train(model, module.forever(loader), bench.device)
    facts = {"workers": workers, "precision": "fp32"}
    return work(bench, run, steps, facts, warm=1 + AHEAD * workers)


def pictures(run: Run, module: ModuleType) -> Any:
    """The images of noise, each a picture when it is asked for."""
    data = noise(run, torch.device("cpu"))
    pixels = data.train.pixels.permute(0, 2, 3, 1).contiguous().numpy()
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    flip = run.dataset.geometry.flip
    change = module.augmentation(run.dataset.size, data.mean, data.std, flip=flip)
    return module.Pictures(pixels, data.train.labels.tolist(), change)


def resident(bench: Bench, run: Run, dtype: torch.dtype | None, *, compiled: bool = False) -> Work:
    """The network of timm on batches that our data path makes on the device."""
    module = script()
    model = module.network(shape_of(run, module)).to(bench.device)
    if compiled:
        model = torch.compile(model)
    steps = module.train_resident(model, assembled(bench, run), bench.device, dtype)
    name = "fp32" if dtype is None else str(dtype).removeprefix("torch.")
    return work(bench, run, steps, {"precision": name})


def work(
    bench: Bench, run: Run, steps: Iterator[Any], facts: dict[str, Any], warm: int = 1
) -> Work:
    """An iterator of steps as something that can be timed."""

    def advance(count: int) -> None:
        for _ in range(count):
            next(steps)

    return Work(
        advance, run.training.batch_size, lambda: untouched(bench.threads), facts=facts, warm=warm
    )


def assembled(bench: Bench, run: Run) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of our data path: normalised images and soft targets, on the device."""
    data = noise(run, bench.device)
    augment = Augmenter(
        run.dataset,
        run.training.augment,
        seed=0,
        samples=len(data.train.labels),
        classes=10,
        mean=data.mean,
        std=data.std,
        device=bench.device,
    )
    epoch, size = 0, run.training.batch_size
    while True:
        rows = augment.tables(epoch)
        whole = torch.randperm(len(data.train.labels)).to(bench.device)
        for ids in whole[: len(whole) // size * size].split(size):
            yield augment(data.train.pixels[ids], data.train.labels[ids], ids, rows)
        epoch += 1


def assembly(bench: Bench) -> Heat:
    """Picture by picture in this process, and all at once on the device."""
    run = run_of(bench, "cifar", "embedding=learned1d", "training.batch_size=128")

    def slow() -> Work:
        module = script()
        cpu = torch.device("cpu")
        loader = module.batches(pictures(run, module), run.training.batch_size, 0, cpu)
        return work(bench, run, iter(module.forever(loader)), {})

    return Heat(
        name=f"assembly of a batch of {run.training.batch_size}",
        contenders={
            "usual script": Contender(slow),
            "vitpos": Contender(lambda: work(bench, run, assembled(bench, run), {})),
        },
        reference="usual script",
        seconds=0.3,
        facts={"shape": "cifar", "batch": run.training.batch_size},
    )
