"""The hot paths of a block by themselves, forward and backward: ours, and what others have.

Turning queries and keys; attention without and with a bias that is learned. Each on the packed
product of queries, keys and values, as it comes in a block at the shape of CIFAR. What cannot be
had here has a row that says why.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from vitpos import build, machine
from vitpos.attention import Attend
from vitpos.bench import others
from vitpos.bench.asked import Bench, Missing
from vitpos.bench.ceilings import Ceilings
from vitpos.bench.heats import Contender, Heat, Table, measure
from vitpos.bench.rounds import Work
from vitpos.bench.subjects import run_of
from vitpos.embeddings.base import Site
from vitpos.schema import Run

Function = Callable[..., Sequence[Tensor]]
TURNED, ATTENDED = 8, 11  # tensors [tokens, dim] that must be read or written, both ways
COMPILES = {"cuda": 15.0, "cpu": 45.0, "mps": 45.0}  # seconds, for a function that is compiled


def tables(bench: Bench) -> Iterator[Table]:
    """Three of them."""
    yield measure(turning(bench, 0.35), bench)
    yield measure(attending(bench, biased=False, share=0.5), bench)
    if not bench.quick:
        yield measure(attending(bench, biased=True, share=1.0), bench)


def subject(bench: Bench) -> Run:
    """One block at the shape of CIFAR."""
    batch = 1024 if bench.cuda else 64
    words = ("embedding=rope2d", "backbone.depth=1", f"training.batch_size={batch}")
    return run_of(bench, "cifar", *words)


def packed(run: Run, bench: Bench, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Queries, keys and values [batch, heads, tokens, head_dim], as views of one product."""
    dim, heads = run.backbone.dim, run.backbone.heads
    tokens = (run.dataset.size // run.patch.size) ** 2
    random = torch.Generator().manual_seed(0)
    product = torch.randn(run.training.batch_size, tokens, 3 * dim, generator=random)
    product = product.to(bench.device, dtype)
    return tuple(product.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind(0))


def turning(bench: Bench, share: float | int) -> Heat:
    """Queries and keys turned by the angles of `rope2d`."""
    run = subject(bench)
    chosen = machine.prepare(run)
    q, k, _ = packed(run, bench, chosen.dtype)
    position = build.network(run, 10).to(bench.device).position
    site = Site(position.trunk.grid, 0, 0)

    def plain(q: Tensor, k: Tensor) -> Sequence[Tensor]:
        return position.heads(q, k, site)

    def contender(
        make: Callable[[], Function], setting: str = "off", needs: float | int = 0
    ) -> Contender:
        return Contender(lambda: worked(bench, run, make(), (q, k), TURNED, setting), needs)

    tokens, width = q.shape[-2:]
    contenders = {
        "plain": contender(lambda: plain),
        "vitpos": contender(lambda: plain, "on"),
        "compiled": contender(lambda: torch.compile(plain), needs=COMPILES[bench.device.type]),
        "timm": contender(lambda: others.timm_rotary(tokens, width, q)),
        "flash-attn": contender(lambda: others.flash_rotary(tokens, width, q)),
        "Liger": contender(lambda: others.liger_rotary(tokens, width, q)),
    }
    return heat(bench, run, "rotary", contenders, share)


def attending(bench: Bench, *, biased: bool, share: float | int) -> Heat:
    """Softmax attention, with a bias for each pair of tokens that has a gradient, or without."""
    run = subject(bench)
    chosen = machine.prepare(run)
    q, k, v = packed(run, bench, chosen.dtype)
    tokens, width = q.shape[-2:]
    bias = torch.zeros(1, q.shape[1], tokens, tokens, device=bench.device, dtype=chosen.dtype)
    inputs = (q, k, v, bias) if biased else (q, k, v)

    def by(implementation: str) -> Function:
        known = next(f for f in fields(Run) if f.name == "attention").metadata["one_of"]
        if implementation not in known:
            raise Missing(f"vitpos has no attention = {implementation} here")

        def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Sequence[Tensor]:
            return (Attend(q, k, bias, width**-0.5, implementation)(v),)

        return attend

    def contender(
        make: Callable[[], Function], setting: str = "off", needs: float | int = 0
    ) -> Contender:
        return Contender(lambda: worked(bench, run, make(), inputs, ATTENDED, setting), needs)

    contenders = {
        "plain": contender(lambda: by("explicit")),
        "vitpos": contender(lambda: by("tile"), "on"),
        "torch": contender(lambda: by("sdpa")),
        "compiled": contender(
            lambda: torch.compile(by("explicit")), needs=COMPILES[bench.device.type]
        ),
    }
    if not biased:
        contenders["flash-attn"] = contender(others.flash_attention)
    return heat(bench, run, "attention" + ", learned bias" * biased, contenders, share)


def heat(
    bench: Bench, run: Run, name: str, contenders: dict[str, Contender], share: float | int
) -> Heat:
    """Against plain PyTorch."""
    ceilings = Ceilings(bench.device, ())
    batch, precision = run.training.batch_size, machine.find_precision("auto", bench.device)
    facts = {"shape": "cifar", "batch": batch, "precision": precision, "threads": bench.threads}
    return Heat(
        name=f"{name}, forward and backward, batch {batch}",
        contenders=contenders,
        reference="plain",
        seconds=0.3,
        share=share,
        ceilings=ceilings,
        facts=facts,
    )


def worked(
    bench: Bench,
    run: Run,
    function: Function,
    inputs: Sequence[Tensor],
    moved: int,
    setting: str,
) -> Work:
    """A step is the function and its gradients; kernels are on or off while it runs."""
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    switch(setting, bench.device)
    grads = [torch.ones_like(out) for out in function(*leaves)]

    def advance(steps: int) -> None:
        for _ in range(steps):
            torch.autograd.grad(function(*leaves), leaves, grads, allow_unused=True)

    size = leaves[0].numel() * leaves[0].element_size()
    return Work(
        advance,
        run.training.batch_size,
        lambda: switch(setting, bench.device),
        close=lambda: switch("auto", bench.device),
        facts={"bytes_of_step": moved * size},
    )


def switch(setting: str, device: torch.device) -> None:
    """Have kernels run or not."""
    try:
        launching: Any = importlib.import_module("vitpos.kernels.launching")
    except ImportError as error:
        if setting == "on":
            raise Missing("vitpos has no kernels here") from error
        return
    why = launching.obstacle(device)
    if setting == "on" and why:
        raise Missing(why)
    launching.use(setting, device)
