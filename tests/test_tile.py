"""Attention over few tokens as one operator: what it computes, who uses it, and when."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import networks
import pytest
import tiles
import torch
from tiles import CASES, Case
from torch import Tensor

from vitpos import config, machine, sizes, specimens
from vitpos.attention import choose, meet
from vitpos.embeddings.base import Site
from vitpos.errors import BadInput
from vitpos.grid import Grid
from vitpos.kernels import launching, tile
from vitpos.kernels.tile_reference import Form, Given

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
# Offsets of rows and of columns have vectors that queries look at, one by one.
AXES = {"decomposed_rel", "relative_axial", "shaw", "shaw_schh", "irpe_cross_ctx"}
# Of these, pairs with a prefix token have a vector too, if there are prefix tokens.
EDGED = {"shaw_schh", "irpe_cross_ctx"}
# Change queries and keys by something else than one rotation of pairs.
OTHERS = {
    "comrope_ap", "comrope_ld", "harope", "liere", "liere2", "liere8", "pope", "pope_golden",
    "rope_spherical", "rope_vjepa2_as_released", "string_cayley", "string_circulant",
    "swinv2_cpb",
}  # fmt: skip
# Have logits of every image that are no sum along axes, and hand them over as a bias.
CONTEXTUAL = {
    "irpe_euc_ctx", "irpe_product_ctx", "irpe_product_ctx_qk", "irpe_product_ctx_qkv",
    "irpe_quant_ctx", "pape", "pape_ri", "shaw1d",
}  # fmt: skip
SOME = [
    "rope_mixed", "swin_rpb", "decomposed_rel", "shaw_schh", "crpe", "tupe", "pope", "pape",
    "learned1d+rope_mixed", "rope2d+swin_rpb", "rope2d+decomposed_rel+logn",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    """Kernels are off when a test ends."""
    yield
    launching.use("off", CPU)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_plain_pytorch_is_exact_to_float32(case: Case) -> None:
    """What the operator does where no kernel runs: values and all gradients, beside autograd."""
    found = tiles.compared(case, torch.float32)

    assert max(found.values()) < 1e-6, found


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
def test_gradients_are_those_of_the_formula(own: bool) -> None:
    """Beside finite differences, in float64."""
    bias = "own" if own else "shared"
    case = Case(
        (2, 3), 6, prefix=1, turned=bias, pairing="quarters", fraction=0.7, bias=bias, axes=bias
    )
    qkv, given, form = tiles.question(case, torch.float64)
    wide = [x.double().requires_grad_() for x in (*qkv, *given) if x is not None]

    def ask(packed: Tensor, angles: Tensor, bias: Tensor, table: Tensor) -> Tensor:
        return tile.attend([packed], Given(angles.cos(), angles.sin(), bias, table), form)

    assert torch.autograd.gradcheck(ask, wide, fast_mode=True)


def test_second_derivatives_are_refused() -> None:
    """With what to use instead."""
    packed = networks.noise(1, 4, 3, 1, 16).requires_grad_()
    read = tile.attend([packed], Given(), Form(0.25)).sum()
    (slope,) = torch.autograd.grad(read, packed, create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivative: use attention=explicit"):
        slope.sum().backward()


def test_is_an_operator_like_those_of_pytorch() -> None:
    """Its shapes are known without computing it, and it changes nothing that it is given."""
    (packed,), (angles, _, bias, table), form = tiles.question(CASES[5], torch.float32)
    assert angles is not None
    inputs = ([packed.requires_grad_()], angles.cos(), angles.sin(), bias, table, *form)
    checks = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(tile.tile, inputs, test_utils=checks)


def test_a_strategy_says_inside_what_it_does() -> None:
    """Who turns, looks along axes, or adds numbers is listed; the rest is asked as ever."""
    strategies = {
        name: specimens.position(name, prefix=2, **specimens.fitting(name))
        for name in networks.NAMES
    }
    for prefix in (0, 2):
        site = Site(Grid(4, 4), 0, prefix)
        said = {name: strategy.inside(site) for name, strategy in strategies.items()}
        silent = {name for name, one in said.items() if one is None}
        along = {name for name, one in said.items() if one is not None and one.axes is not None}

        assert along == AXES - (EDGED if prefix else set())
        assert silent == OTHERS | CONTEXTUAL | (EDGED if prefix else set())


def left(model: torch.nn.Module, way: str, images: Tensor) -> dict[str, Tensor]:
    """Scores and gradients by one way of attention."""
    model.attend_with(way)
    model.zero_grad()
    torch.manual_seed(0)
    scores = model(images)
    scores.square().sum().backward()
    grads = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return grads | {"scores": scores.detach()}


@pytest.mark.parametrize("name", SOME)
def test_a_network_learns_the_same(name: str) -> None:
    """Scores and gradients of everything that can happen inside, on a grid that is oblong."""
    model = specimens.vit(name, pool="cls", registers=1)
    networks.loud(model.position, std=0.3)
    images = networks.noise(2, 3, 12, 20)
    got, wanted = (left(model.train(), way, images) for way in ("tile", "explicit"))

    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def calls(
    name: str, size: tuple[int, int], dtype: torch.dtype = torch.bfloat16, **backbone: int
) -> list[tuple[int, Given, Form]]:
    """How often and with what a small network asks the operator."""
    found = []
    real = tile.attend

    def attend(qkv: list[Tensor], given: Given, form: Form) -> Tensor:
        found.append((len(qkv), given, form))
        return real(qkv, given, form)

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(tile, "attend", attend)
        model = networks.vit(name, depth=1, **backbone).to(dtype)
        model.attend_with("tile")
        model(networks.noise(1, 3, *size).to(dtype))
    return found


def test_the_packed_product_goes_in_as_it_is() -> None:
    """Where position can be said in numbers; else queries, keys and values one by one."""
    ((packed, turning, _),) = calls("rope_mixed", (32, 32))
    ((split, wide, _),) = calls("pope", (32, 32))

    assert (packed, split) == (1, 3)
    assert turning.cos is not None
    assert wide.cos is None


def test_longer_sequences_go_another_way() -> None:
    """128 tokens fit, in float32 64; grids with many offsets hand their logits over as a bias."""
    (most,) = calls("decomposed_rel", (8 * 8, 8 * 16))
    (long,) = calls("decomposed_rel", (8 * 2, 8 * 32))

    assert most[1].table is not None
    assert long[1].table is None
    assert long[1].bias is not None
    assert calls("decomposed_rel", (8 * 8, 8 * 16), registers=1) == []
    assert calls("none", (8 * 8, 8 * 9), torch.float32) == []
    assert calls("none", (8, 8), dim=160, heads=1) == []


def test_what_attention_looked_like_can_be_asked() -> None:
    """Queries and keys as they met, and the softmax, for strategies that act on values."""
    strategy = networks.position("rope2d")
    packed, site = networks.noise(2, 16, 3, 2, 16), Site(Grid(4, 4), 0, 0)
    (ours, v), (plain, _) = (meet(packed, strategy, site, way) for way in ("tile", "explicit"))

    assert torch.equal(ours.q, plain.q)
    assert torch.equal(ours.k, plain.k)
    assert torch.equal(ours.weights(), plain.weights())
    torch.testing.assert_close(ours(v), plain(v))
    torch.testing.assert_close(ours(v + 1), plain(v + 1))


@pytest.mark.parametrize(
    ("device", "dtype", "tokens", "kernels", "way"),
    [
        (CUDA, torch.bfloat16, 128, True, "tile"),
        (CUDA, torch.float16, 16, True, "tile"),
        (CUDA, torch.bfloat16, 129, True, "sdpa"),
        (CUDA, torch.bfloat16, 64, False, "sdpa"),
        (CUDA, torch.float32, 64, True, "sdpa"),
        (CPU, torch.bfloat16, 64, False, "explicit"),
        (CPU, torch.float32, 64, False, "sdpa"),
    ],
)
def test_is_chosen_for_few_tokens_where_kernels_run(
    device: torch.device, dtype: torch.dtype, tokens: int, kernels: bool, way: str
) -> None:
    """In half precision on a GPU."""
    assert choose(device, dtype, tokens, kernels) == way


def test_who_asks_for_it_in_vain_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it cannot run here, and what to type."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    run = config.compose(["attention=tile", "device=cpu"])
    with pytest.raises(BadInput) as caught:
        machine.prepare(run)
    assert caught.value.lines()[1] == "hint: attention=auto"
    assert "attention = tile: " in caught.value.lines()[0]


def test_tokens_are_counted_with_prefix() -> None:
    """For the choice: cells, CLS and registers."""
    run = config.compose(["dataset=cifar10", "patch.size=4"])
    backbone = dataclasses.replace(run.backbone, pool="cls", registers=2)

    assert sizes.tokens(dataclasses.replace(run, backbone=backbone)) == 67


@pytest.mark.slow
def test_is_one_node_of_a_compiled_network() -> None:
    """No graph break; the same scores and gradients."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / "compiled.py", "--tile", "none", "learned1d+rope_mixed", "shaw"],
        env=os.environ | {"PYTHONPATH": f"{here.parent}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stderr[-2000:]
