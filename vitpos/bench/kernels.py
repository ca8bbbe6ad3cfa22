"""The hot paths of a block by themselves, forward and backward: ours, and what others have.

Turning queries and keys; attention without position, with a learned bias and with turning inside.
All start from the packed product of queries, keys and values, as it comes in a block at the shape
of CIFAR. What cannot be had here has a row that says why.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from vitpos import build, machine
from vitpos.attention import meet
from vitpos.bench import others
from vitpos.bench.asked import Bench, Missing
from vitpos.bench.ceilings import Ceilings
from vitpos.bench.clocks import Number
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table
from vitpos.bench.rounds import Work
from vitpos.bench.subjects import run_of
from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.kernels import launching
from vitpos.schema import Run

Function = Callable[[Tensor], Sequence[Tensor]]
TURNED, ATTENDED = 8, 11  # tensors [tokens, dim] that must be read or written, both ways
COMPILES = {"cuda": 20.0, "cpu": 45.0, "mps": 45.0}  # seconds, for a function that is compiled
ATTENTIONS = {
    "attention": "none",
    "attention, learned bias": "swin_rpb",
    "attention, turning inside": "rope2d",
}


def tables(bench: Bench) -> Iterator[Table]:
    """Four of them; two if it is to be quick."""
    yield measure(turning(bench, 0.25), bench)
    chosen = list(ATTENTIONS)[: 1 if bench.quick else 3]
    for number, name in enumerate(chosen):
        yield measure(attending(bench, name, 1 / (len(chosen) - number)), bench)


def subject(bench: Bench, name: str) -> Run:
    """One block at the shape of CIFAR."""
    batch = 1024 if bench.cuda else 64
    words = (f"embedding={name}", "backbone.depth=1", f"training.batch_size={batch}")
    return run_of(bench, "cifar", *words)


def packed(run: Run, bench: Bench) -> Tensor:
    """Queries, keys and values in one product, [batch, tokens, 3, heads, head_dim]."""
    tokens = (run.dataset.size // run.patch.size) ** 2
    random = torch.Generator().manual_seed(0)
    shape = (run.training.batch_size, tokens, 3, run.backbone.heads, -1)
    product = torch.randn(*shape[:2], 3 * run.backbone.dim, generator=random).view(shape)
    return product.to(bench.device, machine.prepare(run).dtype)


def turning(bench: Bench, share: Number) -> Heat:
    """Queries and keys turned by the angles of `rope2d`, by whoever does it."""
    run = subject(bench, "rope2d")
    product = packed(run, bench)
    position = build.network(run, 10).to(bench.device).position
    site = Site(position.trunk.grid, 0, 0)
    tokens, width = product.shape[1], product.shape[-1]

    def halves(both: Callable[[Tensor, Tensor], Sequence[Tensor]]) -> Function:
        return lambda x: both(*x.permute(2, 0, 3, 1, 4)[:2])

    def plain(x: Tensor) -> Sequence[Tensor]:
        q, k, _ = x.permute(2, 0, 3, 1, 4)
        return position.heads(q, k, site)

    def work(make: Callable[[], Function], setting: str = "off", needs: Number = 0) -> Contender:
        return Contender(lambda: worked(bench, run, make(), [product], TURNED, setting), needs)

    contenders = {
        "plain": work(lambda: plain),
        "vitpos": work(lambda: plain, "on"),
        "compiled": work(lambda: torch.compile(plain), needs=COMPILES[bench.device.type]),
        "timm": work(lambda: halves(others.timm_rotary(tokens, width, product))),
        "flash-attn": work(lambda: halves(others.flash_rotary(tokens, width, product))),
        "Liger": work(lambda: halves(others.liger_rotary(tokens, width, product))),
    }
    return heat(bench, run, "rotary", contenders, share)


def attending(bench: Bench, name: str, share: Number) -> Heat:
    """Softmax attention with what a strategy has to say in it, and the gradients of its weights."""
    run = subject(bench, ATTENTIONS[name])
    product = packed(run, bench)
    position = build.network(run, 10).to(bench.device).position
    inputs = [product, *position.parameters()]

    def work(make: Callable[[], Function], setting: str = "off", needs: Number = 0) -> Contender:
        return Contender(lambda: worked(bench, run, make(), inputs, ATTENDED, setting), needs)

    compiling = COMPILES[bench.device.type]
    contenders = {
        "plain": work(lambda: by("explicit", position)),
        "vitpos": work(lambda: by("tile", position), "on"),
        "torch": work(lambda: by("sdpa", position)),
        "compiled": work(lambda: torch.compile(by("explicit", position)), needs=compiling),
    }
    if name == "attention":
        contenders["flash-attn"] = work(flash)
    return heat(bench, run, name, contenders, share)


def by(implementation: str, position: PositionEmbedding) -> Function:
    """What every token reads, as a block of ours has it."""
    site = Site(position.trunk.grid, 0, 0)

    def attend(x: Tensor) -> Sequence[Tensor]:
        gather, v = meet(x, position, site, implementation)
        return (position.values(v, gather, site),)

    return attend


def flash() -> Function:
    """The attention of flash-attn."""
    attend = others.flash_attention()
    return lambda x: attend(*x.permute(2, 0, 3, 1, 4))


def heat(
    bench: Bench, run: Run, name: str, contenders: dict[str, Contender], share: Number
) -> Heat:
    """Against plain PyTorch."""
    batch, precision = run.training.batch_size, machine.find_precision("auto", bench.device)
    facts = {"shape": "cifar", "batch": batch, "precision": precision, "threads": bench.threads}
    return Heat(
        name=f"{name}, forward and backward, batch {batch}",
        contenders=contenders,
        reference="plain",
        seconds=0.3,
        share=share,
        ceilings=Ceilings(bench.device, ()),
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
    chosen = machine.prepare(run)
    leaves = [tensor.detach().requires_grad_() for tensor in inputs[:1]] + [*inputs[1:]]
    product = leaves[0]

    def prepare() -> None:
        machine.prepare(run)
        switch(setting, bench.device)

    def forward() -> Sequence[Tensor]:
        with chosen.autocast():
            return function(product)

    prepare()
    grads = [torch.ones_like(out) for out in forward()]

    def advance(steps: int) -> None:
        for _ in range(steps):
            torch.autograd.grad(forward(), leaves, grads, allow_unused=True)

    size = product.numel() // 3 * product.element_size()
    return Work(
        advance,
        run.training.batch_size,
        prepare,
        close=lambda: switch("auto", bench.device),
        facts={"bytes_of_step": moved * size},
    )


def switch(setting: str, device: torch.device) -> None:
    """Have kernels run or not; `Missing` where they should and cannot."""
    why = launching.obstacle(device)
    if setting == "on" and why:
        raise Missing(why)
    launching.use(setting, device)
