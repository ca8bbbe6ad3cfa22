"""Kernels compiled for GPUs that are not there: what fits into registers, and how they read."""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from vitpos.switches import PAIRINGS

triton = pytest.importorskip("triton", reason="kernels are compiled by Triton")
tl = pytest.importorskip("triton.language")
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("Triton interprets here, and compiles nothing", allow_module_level=True)

from vitpos.kernels import turning
from vitpos.kernels.fused import rounded
from vitpos.kernels.machine_code import Resources, resources

NUMBERS = {"images", "tokens", "steps"}  # not known to be divisible by 16, as strides are


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that was compiled before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield


def compiled(kernel: Any, arch: int, pairing: str, width: int, planes: int) -> Resources:
    """The rotary kernel for bfloat16 heads of so many channels."""
    types = dict.fromkeys(("COS", "SIN", "DCOS", "DSIN"), "*fp32")
    types |= dict.fromkeys(("X1", "X2", "G1", "G2", "OUT1", "OUT2"), "*bf16")
    types |= dict.fromkeys(NUMBERS, "i32")
    block, still = rounded(planes), width - 2 * planes
    constants = {
        "WIDTH": width, "PLANES": planes, "BLOCK": block,
        "STILL": rounded(still) if still else 0, "ROWS": 1024 // block,
        "TOKENS": min(32, 1024 // block), "PAIRING": pairing, "BACK": False, "BOTH": True,
    }  # fmt: skip
    names = kernel.arg_names
    return resources(
        kernel,
        {name: types.get(name, "i32:16") for name in names if name not in constants},
        {name: value for name, value in constants.items() if name in names},
        arch,
    )


@pytest.mark.parametrize(
    ("arch", "pairing"),
    [
        pytest.param(arch, pairing, marks=pytest.mark.slow if arch == 80 else ())
        for arch, pairing in itertools.product([80, 90], PAIRINGS)
    ],
)
@pytest.mark.parametrize("kernel", ["turn", "learn"])
def test_rotations_move_128_bits_at_a_time(kernel: str, pairing: str, arch: int) -> None:
    """For heads of 64 channels on A100 and H100, without spills."""
    found = compiled(getattr(turning, kernel), arch, pairing, 64, 32)

    assert found.spills == 0
    assert found.registers <= 128  # four blocks of threads on a multiprocessor at least
    assert set(found.loads) == set(found.stores) == {128}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["turn", "learn"])
def test_other_heads_do_as_well(kernel: str) -> None:
    """Heads of 48 channels, which is no power of two, and rotation of a part of them."""
    odd = compiled(getattr(turning, kernel), 90, "halves", 48, 24)
    part = compiled(getattr(turning, kernel), 90, "neighbours", 64, 16)

    assert odd.spills == part.spills == 0
    assert odd.narrowest == part.narrowest == 128


def test_a_kernel_is_asked_for_with_all_its_arguments() -> None:
    """What is missing is named; a function that is no kernel is refused."""
    with pytest.raises(TypeError, match=r"turn: tell .*WIDTH.* once"):
        resources(turning.turn, {"X1": "*bf16"}, {}, 90)
    with pytest.raises(TypeError, match="not a kernel"):
        resources(len, {}, {}, 90)


@triton.jit
def shares(X, Y, N: tl.constexpr):
    """Numbers divided by their sum: all must be kept until it is known."""
    at = tl.arange(0, N)
    x = tl.load(X + at)
    tl.store(Y + at, x / tl.sum(x))


def test_the_reader_sees_what_does_not_fit() -> None:
    """A thread has 255 registers: 32 numbers fit, 256 do not."""
    types = {"X": "*fp32", "Y": "*fp32"}
    fits, spills = (resources(shares, types, {"N": n}, 90, warps=1) for n in (1024, 8192))

    assert fits.spills == 0
    assert spills.spills > 0
    assert fits.loads == {128: 8}
    assert fits.narrowest == 128
