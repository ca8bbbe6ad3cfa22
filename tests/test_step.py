"""The fast paths of a step, each against the plain one that it stands for."""

import platform
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vitpos import build, config, machine, optim
from vitpos.attention import Attend, choose
from vitpos.data.samples import Data, Samples
from vitpos.train import Loop

SMALL = (
    "dataset=cifar10",
    "dataset.size=16",
    "embedding=learned1d",
    "backbone.depth=2",
    "backbone.dim=32",
    "training.batch_size=24",
    "device=cpu",
    "threads=1",
)


def noise(images: int = 240) -> Data:
    """Random images of random classes."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, 3, 16, 16), dtype=torch.uint8, generator=random)
    samples = Samples(pixels, torch.randint(0, 10, (images,), generator=random))
    few = samples.take(torch.arange(8))
    names = tuple("0123456789")
    return Data("noise", samples, few, few, names, (0.5,) * 3, (0.25,) * 3, "")


def loop(*words: str) -> Loop:
    """A loop over noise, before its first step."""
    run = config.compose([*SMALL, *words])
    return Loop(run, build.network(run, 10), noise(), machine.prepare(run))


def steps(loop: Loop, count: int) -> dict[str, Tensor]:
    """The weights after so many steps."""
    for _ in zip(range(count), loop.run_to_end(), strict=False):
        pass
    return {name: weight.detach().clone() for name, weight in loop.model.named_parameters()}


def gradients(loop: Loop) -> dict[str, Tensor]:
    """Of the mean loss over the first batch."""
    loop.feed.begin(0)
    loop.learner.backward(torch.arange(24))
    return {name: weight.grad for name, weight in loop.model.named_parameters() if weight.numel()}


def plain(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """The formula, in float64."""
    q, k, v = q.double(), k.double(), v.double()
    logits = torch.einsum("bhid,bhjd->bhij", q, k) / q.shape[-1] ** 0.5
    if bias is not None:
        logits = logits + bias.double()
    shares = logits.exp()
    return torch.einsum("bhij,bhjd->bhid", shares / shares.sum(-1, keepdim=True), v)


def tensors(tokens: int, head_dim: int, dtype: torch.dtype, seed: int) -> list[Tensor]:
    """Queries, keys, values and a bias that all want a gradient."""
    random = torch.Generator().manual_seed(seed)
    shapes = [(2, 3, tokens, head_dim)] * 3 + [(1, 3, tokens, tokens)]
    return [torch.randn(s, generator=random).to(dtype).requires_grad_() for s in shapes]


@settings(deadline=None, max_examples=40)
@given(
    tokens=st.sampled_from([1, 4, 16, 31, 32, 33, 65]),
    head_dim=st.sampled_from([4, 16, 48]),
    biased=st.booleans(),
    implementation=st.sampled_from(["explicit", "sdpa"]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    seed=st.integers(0, 99),
)
def test_attention_is_its_formula(
    tokens: int,
    head_dim: int,
    biased: bool,
    implementation: str,
    dtype: torch.dtype,
    seed: int,
) -> None:
    """Each implementation gives the formula's values and gradients, at rows of every length."""
    q, k, v, free = tensors(tokens, head_dim, dtype, seed)
    bias = free if biased else None
    wanted = [t for t in (q, k, v, bias) if t is not None]
    out = Attend(q, k, bias, q.shape[-1] ** -0.5, implementation)(v)
    pull = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + 1))
    found = torch.autograd.grad(out, wanted, pull.to(dtype))
    exact = plain(q, k, v, bias)
    expected = torch.autograd.grad(exact, wanted, pull.to(dtype).double())

    close = {"rtol": 0, "atol": 2e-5 if dtype == torch.float32 else 0.1}
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), exact, **close)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), **close)


def test_attention_is_explicit_for_half_precision_on_a_cpu() -> None:
    """SDPA is kept for float32 there, and for every GPU."""
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    chosen = [choose(d, t) for d in (cpu, gpu) for t in (torch.float32, torch.bfloat16)]

    assert chosen == ["sdpa", "explicit", "sdpa", "sdpa"]


@pytest.mark.parametrize("size", [1, 7, 12, 24])
@pytest.mark.parametrize("embedding", ["learned1d", "swin_rpb", "rope_mixed"])
def test_micro_batches_change_only_the_order_of_sums(size: int, embedding: str) -> None:
    """The gradient of a batch is the same in one pass and in several, unequal ones too."""
    words = (f"embedding={embedding}", "precision=fp32", "training.augment.mixup=0.5")
    whole = gradients(loop(*words, "training.micro_batch=24"))
    parts = gradients(loop(*words, f"training.micro_batch={size}"))

    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)
    assert all(
        gradient.abs().sum() > 0 for name, gradient in whole.items() if "qkv.bias" not in name
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("size", [0, 9])
def test_steps_repeat_bit_for_bit(precision: str, size: int) -> None:
    """Two loops of one config have the same weights, with dropout and stochastic depth too."""
    words = (f"precision={precision}", f"training.micro_batch={size}", "backbone.dropout=0.1")
    first, second = (steps(loop(*words, "backbone.drop_path=0.1"), 5) for _ in range(2))
    other = steps(loop(*words, "backbone.drop_path=0.1", "seed=1"), 5)

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_fused_optimiser_is_the_plain_one() -> None:
    """Fused AdamW moves the weights where the loop over tensors moves them."""
    fused, slow = loop("precision=fp32"), loop("precision=fp32")
    groups = slow.learner.optimiser.param_groups
    slow.learner.optimiser = torch.optim.AdamW(
        [{k: g[k] for k in ("params", "weight_decay", "lr", "betas")} for g in groups],
        foreach=False,
        fused=False,
    )

    found, expected = steps(fused, 4), steps(slow, 4)
    for layer in range(2):  # keys' biases have no gradient but rounding, which Adam makes a step of
        found.pop(f"blocks.{layer}.attention.qkv.bias")

    assert found
    for name, weight in found.items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-4, atol=1e-5)


def test_bfloat16_learns_what_float32_learns() -> None:
    """The gradients of the two precisions point the same way."""
    exact = torch.cat([g.flatten() for g in gradients(loop("precision=fp32")).values()])
    half = torch.cat([g.flatten() for g in gradients(loop("precision=bf16")).values()])

    assert torch.cosine_similarity(exact, half, dim=0) > 0.999
    torch.testing.assert_close(half.norm(), exact.norm(), rtol=0.02, atol=0)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt belongs to glibc")
def test_memory_once_used_is_used_again() -> None:
    """Large tensors that come and go cost no page faults after the first few.

    Asked of a process of its own: this one may have been given much by other tests.
    """
    code = (
        "import resource, torch; from vitpos import machine; machine.keep_memory()\n"
        "for _ in range(6):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    torch.ones(2**25)\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    counts = [int(line) for line in done.stdout.split()]

    assert max(counts) >= 2**10
    assert counts[-1] < 2**6


def test_optimiser_groups_hold_every_weight_once() -> None:
    """No weight is left out or moved twice."""
    model = loop("embedding=rope_mixed").model
    names = [name for role in optim.groups(model, 0.05).values() for name in role]

    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
