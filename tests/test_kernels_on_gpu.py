"""The rotary kernel where it is meant to run, beside float64."""

from collections.abc import Iterator
from typing import Any

import networks
import pytest
import torch
from torch import Tensor

from vitpos.kernels import launching, rotary
from vitpos.switches import PAIRINGS

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda", 0)
TOLERANCE = {torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 2**-8}  # rounded once


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    """New memory is full of NaN here, and kernels are off afterwards."""
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)
    launching.use("off", torch.device("cpu"))


def exact(xs: Tensor, angles: Tensor, pull: Tensor, pairing: str) -> list[Tensor]:
    """Turned heads, their gradients and those of the angles, in float64 on the CPU."""
    x, a = xs.detach().cpu().double(), angles.detach().cpu().double()
    x.requires_grad_()
    a.requires_grad_()
    planes = a.shape[-1]
    pairs = torch.arange(2 * planes).view(-1, 2)
    if pairing == "halves":
        pairs = torch.arange(2 * planes).view(2, -1).T
    if pairing == "quarters":
        pairs = torch.arange(2 * planes).view(2, 2, -1).mT.reshape(-1, 2)
    one, two = x[..., pairs[:, 0]], x[..., pairs[:, 1]]
    out = x.clone()
    out[..., pairs[:, 0]] = one * a.cos() - two * a.sin()
    out[..., pairs[:, 1]] = two * a.cos() + one * a.sin()
    return [out.detach(), *torch.autograd.grad(out, [x, a], pull.cpu().double())]


def ours(xs: Tensor, angles: Tensor, pull: Tensor, pairing: str) -> list[Tensor]:
    """The same by the kernel."""
    launching.use("on", CUDA)
    x, a = xs.detach().requires_grad_(), angles.detach().requires_grad_()
    out = torch.stack(rotary.turned(x.unbind(), a, pairing))
    return [out.detach(), *torch.autograd.grad(out, [x, a], pull)]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize(
    ("batch", "heads", "tokens", "width", "planes", "own"),
    [
        (64, 3, 64, 64, 32, False),
        (33, 3, 65, 64, 32, True),
        (256, 2, 16, 32, 16, True),
        (7, 4, 197, 48, 24, False),
        (5, 2, 50, 64, 16, True),
    ],
)
def test_is_as_exact_as_its_type(
    batch: int, heads: int, tokens: int, width: int, planes: int, own: bool,
    pairing: str, dtype: torch.dtype, record_property: Any,
) -> None:  # fmt: skip
    """Beside float64 on new random numbers, out of a packed product; twice, the same bits."""
    seed = torch.seed() % 2**31
    record_property("seed", seed)
    draws = torch.Generator(CUDA).manual_seed(seed)
    packed = torch.randn(batch, tokens, 3, heads, width, generator=draws, device=CUDA).to(dtype)
    xs = packed.permute(2, 0, 3, 1, 4)[:2]
    pull = torch.randn(xs.shape, generator=draws, device=CUDA).to(dtype)
    angles = 3 * torch.randn(heads if own else 1, tokens, planes, generator=draws, device=CUDA)
    got, again = (ours(xs, angles, pull, pairing) for _ in range(2))

    for one, other in zip(got, again, strict=True):
        assert torch.equal(one, other)
    wanted = exact(xs, angles, pull, pairing)
    for x, want in zip(got[:2], wanted[:2], strict=True):
        torch.testing.assert_close(x.cpu().double(), want, rtol=TOLERANCE[dtype], atol=1e-5)
    scale = float(wanted[2].abs().max())
    torch.testing.assert_close(got[2].cpu().double(), wanted[2], rtol=0, atol=1e-5 * scale)


def scores(name: str, kernels: str, compiled: bool = False) -> dict[str, Tensor]:
    """Of a network with prefix tokens on an oblong grid, and the gradients of all weights."""
    torch.use_deterministic_algorithms(False)  # cuBLAS would have to be told before it started
    launching.use(kernels, CUDA)
    model = networks.vit(name, pool="cls", registers=1).to(CUDA)
    torch.manual_seed(0)
    run = torch.compile(model, fullgraph=True, dynamic=False) if compiled else model
    out = run(networks.noise(4, 3, 24, 40).to(CUDA))
    out.square().sum().backward()
    left = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return left | {"scores": out.detach()}


@pytest.mark.parametrize("name", networks.NAMES)
def test_a_network_computes_the_same_with_it(name: str) -> None:
    """Every strategy, in float32: scores and gradients."""
    networks.near(scores(name, "on"), scores(name, "off"))


def test_stands_in_a_graph_of_cuda() -> None:
    """Recorded once, played again on other numbers: what it gives is what it gave alone."""
    launching.use("on", CUDA)
    x, angles = torch.randn(2, 8, 3, 64, 32, device=CUDA), torch.randn(1, 64, 16, device=CUDA)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        rotary.turned(x.unbind(), angles, "halves")
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = torch.stack(rotary.turned(x.unbind(), angles, "halves"))
    x.copy_(torch.randn_like(x))
    graph.replay()

    assert torch.equal(out, torch.stack(rotary.turned(x.unbind(), angles, "halves")))


def test_compiles_with_a_network() -> None:
    """The default compiler sees one graph, and the kernel in it."""
    got, wanted = scores("rope_mixed", "on", compiled=True), scores("rope_mixed", "on")

    networks.near(got, wanted)
