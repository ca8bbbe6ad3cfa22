"""Attention over few tokens by our kernel where it is meant to run, beside float64."""

from collections.abc import Iterator

import networks
import pytest
import tiles
import torch
from tiles import CASES, Case
from torch import Tensor

from vitpos import specimens
from vitpos.kernels import launching, tile
from vitpos.kernels.tile_reference import Given

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda", 0)
TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
MANY = [case._replace(images=70) for case in CASES]


@pytest.fixture(autouse=True)
def _on() -> Iterator[None]:
    """Kernels run, and new memory is full of NaN."""
    launching.use("on", CUDA)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)
    launching.use("off", torch.device("cpu"))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("case", MANY, ids=str)
def test_is_as_exact_as_its_type(case: Case, dtype: torch.dtype) -> None:
    """Values and all gradients on new random numbers, beside float64."""
    if dtype == torch.float32 and case.tokens > tile.EXACT:
        pytest.skip("not in float32 for so many tokens")
    seed = torch.seed() % 2**31
    found = tiles.compared(case, dtype, seed, "cuda")

    assert max(found.values()) < TOLERANCE[dtype], (seed, found)


@pytest.mark.parametrize("case", MANY, ids=str)
def test_repeats_bit_for_bit(case: Case) -> None:
    """Gradients of what images share too, which are sums of many."""
    asked = tiles.question(case, torch.bfloat16, device="cuda")
    one, other = tiles.answers(*asked), tiles.answers(*asked)

    assert all(torch.equal(one[name], other[name]) for name in one)


def left(name: str, way: str, *, compiled: bool = False) -> dict[str, Tensor]:
    """Scores and gradients of a network in bfloat16 under autocast."""
    model = specimens.vit(name, pool="cls", registers=1)
    networks.loud(model.position, std=0.3)
    model.to(CUDA).train().attend_with(way)
    run = torch.compile(model, fullgraph=True, dynamic=False) if compiled else model
    torch.manual_seed(0)  # coordinates that move while training move alike
    with torch.autocast("cuda", torch.bfloat16):
        scores = run(networks.noise(8, 3, 12, 20).to(CUDA))
    scores.float().square().mean().backward()
    grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return grads | {"scores": scores.detach().float()}


@pytest.mark.parametrize("name", [*networks.NAMES, *networks.COMBINATIONS])
def test_a_network_learns_the_same(name: str) -> None:
    """Every strategy end to end, by the tile and in the explicit way, in bfloat16."""
    got, wanted = left(name, "tile"), left(name, "explicit")

    assert got.keys() == wanted.keys()
    assert tiles.error(got["scores"], wanted["scores"]) < 3e-2
    every = [torch.cat([x.flatten() for x in one.values()]) for one in (got, wanted)]
    assert tiles.error((every[0] - every[1]).norm() + every[1].norm(), every[1].norm()) < 3e-2


def test_compiles_with_a_network() -> None:
    """The default compiler sees one graph, and the kernel in it."""
    got, wanted = left("rope_mixed", "tile", compiled=True), left("rope_mixed", "tile")

    assert tiles.error(got["scores"], wanted["scores"]) < 2e-2


def test_stands_in_a_graph_of_cuda() -> None:
    """Recorded once, played again on other numbers: what it gives is what it gave alone."""
    (packed,), (angles, _, bias, _), form = tiles.question(MANY[4], torch.bfloat16, device="cuda")
    assert angles is not None
    given = Given(angles.cos(), angles.sin(), bias)
    with torch.cuda.stream(torch.cuda.Stream()):
        tile.attend([packed], given, form)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        read = tile.attend([packed], given, form)
    packed.copy_(torch.randn_like(packed))
    graph.replay()

    assert torch.equal(read, tile.attend([packed], given, form))
