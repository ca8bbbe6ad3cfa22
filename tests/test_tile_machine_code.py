"""Attention over few tokens compiled for GPUs that are not there: what fits into registers."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import tiles
import torch
from tiles import Case

pytest.importorskip("triton", reason="kernels are compiled by Triton")
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("Triton interprets here, and compiles nothing", allow_module_level=True)

from vitpos.kernels import tile, tile_backward, tile_forward, tile_launch
from vitpos.kernels.machine_code import Resources, resources
from vitpos.kernels.tile_reference import Given

PLAIN = Case((8, 8), 48)
TURNED = Case((8, 8), 48, turned="shared")
LEARNED = Case((8, 8), 48, turned="own")
BIASED = Case((8, 8), 48, bias="shared")
BOTH = Case((8, 8), 48, turned="shared", bias="shared")
ALONG = Case((8, 8), 48, axes="shared")
OWN_AND_BIASED = Case((8, 8), 48, turned="own", bias="shared")
OWN_AND_ALONG = Case((8, 8), 48, turned="own", axes="shared")
NUMBERS = {"images", "chunk"}
FLOATS = {"scale", "axes_scale"}
EXACT = {"cos_at", "sin_at", "bias_at", "table_at", "dturn_at", "dbias_at", "dtable_at"}


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that was compiled before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield


def kind(name: str) -> str:
    """The type of an argument at a launch: strides of 64 tokens are divisible by 16."""
    if name.endswith("_at"):
        return "*fp32" if name in EXACT else "*bf16"
    return "fp32" if name in FLOATS else "i32" if name in NUMBERS else "i32:16"


def compiled(kernel: Any, case: Case, arch: int) -> Resources:
    """As it is launched for bfloat16, with all gradients that there are."""
    qkv, (angles, _, bias, table), form = tiles.question(case, torch.bfloat16)
    given = Given(angles, angles, bias, table)
    fixed = tile_launch.constants(tile.triple(qkv), given, form) | {"bias_key": 1}
    backward, learned = kernel is tile_backward.backward, case.turned == "own"
    if backward:
        of = {"DTURN": learned, "DBIAS": int(bias is not None), "DTABLE": table is not None}
        fixed |= of
    warps = tile_launch.warps(fixed, gradients=backward, sums=learned)
    types = {name: kind(name) for name in kernel.arg_names if name not in fixed}
    return resources(kernel, types, fixed, arch, warps)


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("case", [PLAIN, TURNED, LEARNED, BIASED, BOTH, ALONG], ids=str)
def test_gradients_of_64_tokens_stay_in_registers(case: Case, arch: int) -> None:
    """Whatever a strategy does inside; whole lines of queries and keys at a time."""
    found = compiled(tile_backward.backward, case, arch)

    assert found.spills == 0
    assert found.products > 0
    assert case is not TURNED or found.narrowest == 128


@pytest.mark.slow
@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("case", [PLAIN, BOTH, ALONG], ids=str)
def test_what_is_read_of_64_tokens_stays_in_registers(case: Case, arch: int) -> None:
    """Whatever happens inside; three blocks of threads and more on a multiprocessor."""
    found = compiled(tile_forward.forward, case, arch)

    assert found.spills == 0
    assert found.registers <= 160


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "arch", "most"),
    [(OWN_AND_BIASED, 80, 64), (OWN_AND_BIASED, 90, 0), (OWN_AND_ALONG, 80, 128),
     (OWN_AND_ALONG, 90, 0)],
    ids=str,
)  # fmt: skip
def test_little_of_several_strategies_leaves_registers(case: Case, arch: int, most: int) -> None:
    """Nothing on an H100; bytes per thread on an A100."""
    found = compiled(tile_backward.backward, case, arch)

    assert found.spills <= most
