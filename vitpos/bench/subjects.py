"""The networks that are timed: ours as its own loop trains it, on images of noise."""

import ctypes
import importlib
import platform
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from vitpos import build, machine, metrics
from vitpos.bench.asked import Bench, Missing
from vitpos.bench.ceilings import bytes_of_step
from vitpos.bench.composing import compose
from vitpos.bench.rounds import Work
from vitpos.data.samples import Data, Samples
from vitpos.machine import Machine
from vitpos.schema import Run
from vitpos.train import Loop
from vitpos.vit import ViT

IMAGES = 50_000
EPOCHS = 4000  # more than a bench ever gets to
SHAPES: Mapping[str, tuple[str, ...]] = {
    "cifar": (
        "dataset=cifar10", "backbone.depth=6", "backbone.dim=192", "backbone.heads=3",
    ),
    "micro": ("dataset=mnist5k", "backbone=micro"),
}  # fmt: skip
# M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD as glibc has them after the first large tensors
GLIBC_USUAL = {-3: 2**25, -1: 2**26, -2: 2**17}


def run_of(bench: Bench, shape: str, *words: str) -> Run:
    """The run of a shape, with the words of the command line last."""
    own = (f"device={bench.device}", f"training.epochs={EPOCHS}", f"threads={bench.threads}")
    return compose((*SHAPES[shape], *own, *words, *bench.asked.words))


def noise(run: Run, device: torch.device) -> Data:
    """As many random images as there would be, of random classes; made once for each device."""
    at_least = max(run.training.batch_size, min(IMAGES, 400 * run.training.batch_size))
    return made_noise(at_least, run.dataset.channels, run.dataset.size, device, moments(run))


def moments(run: Run) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and deviations of the channels."""
    return tuple(run.dataset.mean or ()), tuple(run.dataset.std or ())


@cache
def made_noise(
    images: int,
    channels: int,
    size: int,
    device: torch.device,
    known: tuple[tuple[float, ...], tuple[float, ...]],
) -> Data:
    """`noise` of so many images."""
    random = torch.Generator().manual_seed(0)
    shape = (images, channels, size, size)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    samples = Samples(pixels, torch.randint(0, 10, shape[:1], generator=random)).to(device)
    few = Samples(samples.pixels[:64], samples.labels[:64])
    return Data("noise", samples, few, few, tuple("0123456789"), *known, digest="")


def ours(bench: Bench, run: Run) -> Work:
    """The loop of a run of vitpos, and what it costs without a clock."""
    chosen = machine.prepare(run)
    data = noise(run, chosen.device)
    model = build.network(run, 10)
    facts = counted(run, model, chosen)
    loop = Loop(run, model, data, chosen)
    items = loop.run_to_end()

    def advance(steps: int) -> None:
        aim = loop.step + steps
        while loop.step < aim:
            next(items)
        facts["manner"] = loop.manner
        facts["trouble"] = [*facts.get("trouble", []), *loop.trouble()]

    return Work(advance, run.training.batch_size, lambda: machine.prepare(run), facts=facts)


def lanes(bench: Bench, run: Run, count: int) -> Work:
    """Several seeds at once, if this package has lanes; times are those of one of them."""
    try:
        module: Any = importlib.import_module("vitpos.lanes.steps")
    except ModuleNotFoundError as error:
        raise Missing("vitpos has no lanes here") from error
    chosen = machine.prepare(run)
    data = noise(run, chosen.device)
    seeds = [replace(run, seed=seed) for seed in range(count)]
    loops = [Loop(one, build.network(one, 10), data, chosen) for one in seeds]
    items = module.Lanes(loops).run_to_end()
    facts = {"precision": chosen.precision, "threads": chosen.threads}

    def advance(steps: int) -> None:
        aim = loops[0].step + steps
        while loops[0].step < aim:
            next(items)

    size = run.training.batch_size
    return Work(advance, size, lambda: machine.prepare(run), facts=facts, each=count)


def counted(run: Run, model: ViT, chosen: Machine) -> dict[str, Any]:
    """Operations, parameters, and bytes that are kept for the backward pass."""
    found: dict[str, Any] = metrics.cost(model, run.dataset.channels, run.dataset.size)
    backbone = run.backbone
    found["bytes_of_step"] = bytes_of_step(
        tokens=found["tokens"] * run.training.batch_size,
        dim=backbone.dim,
        depth=backbone.depth,
        mlp_ratio=backbone.mlp_ratio,
        width=4 if chosen.precision == "fp32" else 2,
        params=found["params"],
    )
    found["kept_bytes_per_image"] = kept(run, model.to(chosen.device), chosen)
    how = {"precision": chosen.precision, "threads": chosen.threads, "attention": chosen.attention}
    return found | how


def kept(run: Run, model: ViT, chosen: Machine, images: int = 4) -> float:
    """Bytes of an image's tensors that a step keeps from its forward pass for its backward pass.

    Each storage once; weights are there anyway, and so are their copies in half precision, which
    do not grow with the batch.
    """
    model.attend_with(chosen.attention)
    model.train()
    own = {t.untyped_storage().data_ptr() for t in chain(model.parameters(), model.buffers())}
    sizes = []
    for count in (images, 2 * images):
        seen = dict[int, int]()
        held = list[Tensor]()  # so that no storage is used again

        def pack(tensor: Tensor, seen: dict[int, int] = seen, held: list[Tensor] = held) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                seen[storage.data_ptr()] = storage.nbytes()
                held.append(tensor)
            return tensor

        shape = (count, run.dataset.channels, run.dataset.size, run.dataset.size)
        pixels = torch.zeros(shape, device=chosen.device)
        hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
        with hooks, chosen.autocast():
            model(pixels)
        sizes.append(sum(seen.values()))
    return (sizes[1] - sizes[0]) / images


def untouched(threads: int) -> None:
    """The process as it is before vitpos prepares it: for what others usually write."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = False, True
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for parameter, size in GLIBC_USUAL.items():
            libc.mallopt(parameter, size)
        libc.malloc_trim(0)
