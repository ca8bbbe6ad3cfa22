"""Kernels compiled for GPUs that are not there: what fits into registers, and how they read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vitpos.switches import PAIRINGS

pytest.importorskip("triton", reason="kernels are compiled by Triton")
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


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize("kernel", ["turn", "learn"])
def test_rotations_move_128_bits_at_a_time(kernel: str, pairing: str, arch: int) -> None:
    """For heads of 64 channels on A100 and H100, without spills."""
    found = compiled(getattr(turning, kernel), arch, pairing, 64, 32)

    assert found.spills == 0
    assert found.registers <= 128  # four blocks of threads on a multiprocessor at least
    assert set(found.loads) == set(found.stores) == {128}


@pytest.mark.parametrize("kernel", ["turn", "learn"])
def test_other_heads_do_as_well(kernel: str) -> None:
    """Heads of 48 channels, which is no power of two, and rotation of a part of them."""
    odd = compiled(getattr(turning, kernel), 90, "halves", 48, 24)
    part = compiled(getattr(turning, kernel), 90, "neighbours", 64, 16)

    assert odd.spills == part.spills == 0
    assert odd.narrowest == part.narrowest == 128


def test_a_kernel_is_asked_for_with_all_its_arguments() -> None:
    """What is missing is named; a function that is no kernel is refused."""
    with pytest.raises(TypeError, match=r"turn: .*WIDTH.* missing"):
        resources(turning.turn, {"X1": "*bf16"}, {}, 90)
    with pytest.raises(TypeError, match="not a kernel"):
        resources(len, {}, {}, 90)


def test_the_reader_sees_what_does_not_fit(tmp_path: Path, monkeypatch: Any) -> None:
    """A kernel with too few threads for its numbers spills, and one may ask how much."""
    names = turning.learn.arg_names
    types = {name: "*fp32" for name in names if name.isupper() and name[-1] in "12SN"}
    del types["TOKENS"], types["ROWS"]
    constants = {
        "WIDTH": 64, "PLANES": 32, "BLOCK": 32, "STILL": 0, "ROWS": 128, "TOKENS": 128,
        "PAIRING": "halves", "BOTH": True,
    }  # fmt: skip
    numbers = {n: "i32" for n in names if n not in constants and n not in types}
    found = resources(turning.learn, types | numbers, constants, 90, warps=1)

    assert found.spills > 0
    assert found.narrowest < 128
