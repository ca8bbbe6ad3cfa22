"""The rotary kernel, step by step in Python, beside plain PyTorch.

Run by `tests/test_kernels.py` in a process of its own, where Triton is told to interpret before
it is imported.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vitpos import machine
from vitpos.config import compose
from vitpos.kernels import launching, rotary
from vitpos.kernels.fused import fused
from vitpos.switches import PAIRINGS

CPU = torch.device("cpu")
# The interpreter cuts bfloat16 off where others round: a unit in the last of its 8 bits.
TOLERANCE = {torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 2**-7}


@pytest.fixture(autouse=True)
def _plain_afterwards() -> Iterator[None]:
    """Kernels are off unless a test wants them."""
    launching.use("off", CPU)
    yield
    launching.use("off", CPU)


def numbers(seed: int, *shape: int) -> Tensor:
    """Normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def both(ask: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What `ask` gives with the kernel, and in plain PyTorch."""
    found = []
    for kernels in ("on", "off"):
        launching.use(kernels, CPU)
        found.append(ask())
    return found[0], found[1]


def near(got: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Compare half precision number by number, and float32 to the largest number there."""
    assert got.keys() == wanted.keys()
    for name, x in wanted.items():
        most = float(x.abs().max()) if x.dtype == torch.float32 else 1.0
        limits = {"rtol": 0.0, "atol": 1e-6 * most}
        if x.dtype != torch.float32:
            limits["rtol"] = TOLERANCE[x.dtype]
        torch.testing.assert_close(got[name], x, **limits)


@st.composite
def cases(draw: Any) -> dict[str, Any]:
    """Shapes, strides, types and angles of all kinds."""
    planes = draw(st.sampled_from([2, 4, 6, 12, 16]))
    return {
        "batch": draw(st.integers(1, 5)),
        "heads": draw(st.integers(1, 3)),
        "tokens": draw(st.integers(1, 3)) * draw(st.integers(1, 9)) + draw(st.integers(0, 2)),
        "planes": planes,
        "width": 2 * planes + draw(st.sampled_from([0, 0, 2, 8])),
        "own": draw(st.booleans()),  # angles of each head
        "learned": draw(st.booleans()),
        "pairing": draw(st.sampled_from(PAIRINGS)),
        "back": draw(st.booleans()),
        "single": draw(st.booleans()),
        "layout": draw(st.sampled_from(["packed", "heads", "turned round"])),
        "dtype": draw(st.sampled_from(list(TOLERANCE))),
    }


def answer(case: dict[str, Any]) -> dict[str, Tensor]:
    """Queries and keys turned, and all gradients."""
    batch, heads, tokens, width = (case[n] for n in ("batch", "heads", "tokens", "width"))
    source = numbers(1, 2, batch, heads, tokens, width).to(case["dtype"])
    pull = numbers(2, 2, batch, heads, tokens, width).to(case["dtype"])
    if case["layout"] == "packed":  # as a product gives them: [batch, tokens, 2, heads, width]
        source = source.permute(1, 3, 0, 2, 4).contiguous().permute(2, 0, 3, 1, 4)
    if case["layout"] == "turned round":  # channels far apart, and a gradient that is one number
        source = source.mT.contiguous().mT
        pull = torch.ones((), dtype=case["dtype"]).expand(pull.shape)
    source.requires_grad_()
    angles = 3 * numbers(3, heads if case["own"] else 1, tokens, case["planes"])
    angles.requires_grad_(case["learned"])
    xs = source.unbind()[: 1 if case["single"] else 2]
    out = rotary.turned(xs, angles, case["pairing"], case["back"])
    torch.autograd.backward(out, [pull[i] for i in range(len(out))])
    assert source.grad is not None
    found = {"turned": torch.stack(out).detach(), "gradient": source.grad}
    return found | ({"of angles": angles.grad} if angles.grad is not None else {})


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(cases())
def test_says_what_plain_pytorch_says(case: dict[str, Any]) -> None:
    """Of any shape, strides, type and pairing, for part of the channels, forwards and back."""
    got, wanted = both(lambda: answer(case))

    near(got, wanted)
    assert ("of angles" in got) == case["learned"]


@pytest.mark.parametrize(
    ("pairing", "back"), [("neighbours", False), ("halves", True), ("quarters", False)]
)
def test_its_gradients_are_those_of_what_it_computes(pairing: str, back: bool) -> None:
    """By finite differences in float64: of queries, keys, cosines and sines."""
    given = [numbers(i, 1, 2, 3, 10).double() for i in (1, 2)]
    given += [numbers(i, 2, 3, 4).double() for i in (3, 4)]
    inputs = [x.requires_grad_() for x in given]

    assert torch.autograd.gradcheck(
        lambda q, k, cos, sin: tuple(fused([q, k], cos, sin, pairing, back)), inputs, fast_mode=True
    )


def test_prefix_tokens_come_out_as_they_went_in() -> None:
    """An angle of zero changes no bit."""
    launching.use("on", CPU)
    x = numbers(1, 2, 2, 5, 8).bfloat16()
    angles = numbers(2, 1, 5, 4).index_fill(1, torch.tensor([0, 1]), 0.0)
    (out,) = rotary.turned([x], angles, "halves")

    assert torch.equal(out[:, :, :2], x[:, :, :2])
    assert not torch.equal(out[:, :, 2:], x[:, :, 2:])


def test_writes_every_number_and_reads_none_before() -> None:
    """What lies in new memory does not come out: here it is no number."""
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    case = {
        "batch": 3, "heads": 2, "tokens": 11, "width": 22, "planes": 6, "own": False,
        "learned": True, "pairing": "neighbours", "back": False, "single": False,
        "layout": "packed", "dtype": torch.float32,
    }  # fmt: skip
    assert torch.empty(3).isnan().all()
    got, wanted = both(lambda: answer(case))
    torch.use_deterministic_algorithms(False)

    near(got, wanted)


def test_is_one_operator_for_a_compiler() -> None:
    """`torch.compile` sees one graph with the kernel in it, and its gradients."""
    launching.use("on", CPU)
    graphs = []

    def keep(graph: torch.fx.GraphModule, inputs: object) -> Any:
        graphs.append(graph)
        return graph.forward

    def ask(x: Tensor, angles: Tensor) -> Tensor:
        return torch.stack(rotary.turned([x, 2 * x], angles, "quarters"))

    def gradients(run: Any) -> tuple[Tensor, ...]:
        x, angles = numbers(1, 2, 2, 9, 8).requires_grad_(), numbers(2, 1, 9, 4).requires_grad_()
        out = run(x, angles)
        return out, *torch.autograd.grad(out.square().sum() + out.sum(), [x, angles])

    whole = {"fullgraph": True, "dynamic": False}
    torch.compile(ask, backend=keep, **whole)(numbers(1, 2, 2, 9, 8), numbers(2, 1, 9, 4))
    compiled = torch.compile(ask, backend="aot_eager", **whole)

    assert any("vitpos.turn" in str(node.target) for node in graphs[0].graph.nodes)
    torch.testing.assert_close(gradients(compiled), gradients(ask))


def test_a_run_may_ask_for_it() -> None:
    """`kernels=on` turns it on, and the record says so; the interpreter is never chosen for one."""
    words = ["device=cpu", "precision=fp32", "threads=1"]
    chosen = {k: machine.prepare(compose([*words, f"kernels={k}"])) for k in ("off", "auto", "on")}

    assert [found.kernels for found in chosen.values()] == ["off", "off", "on"]
    assert machine.describe(chosen["on"])["kernels"] == "on"
    assert launching.run_on(torch.ones(()))
