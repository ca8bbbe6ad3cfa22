"""Attention over few tokens by our kernel, step by step in Python, beside float64.

Run by `tests/test_kernels.py` in a process of its own, where Triton is told to interpret before
it is imported. Not in bfloat16: the interpreter multiplies such matrices wrongly.
"""

from collections.abc import Iterator

import pytest
import tiles
import torch
from tiles import CASES, Case

from vitpos.kernels import launching, tile_launch

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _on() -> Iterator[None]:
    """Kernels run here."""
    launching.use("on", CPU)
    yield
    launching.use("off", CPU)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_is_as_exact_as_float32(case: Case) -> None:
    """What is read and all gradients; what nothing is written to would be NaN."""
    torch.use_deterministic_algorithms(True)  # fills new memory with NaN
    torch.utils.deterministic.fill_uninitialized_memory = True
    found = tiles.compared(case, torch.float32)

    assert max(found.values()) < 1e-6, found


@pytest.mark.parametrize("case", [CASES[1], CASES[5]], ids=str)
def test_is_as_exact_as_float16(case: Case) -> None:
    """With its rounding of what tensor cores multiply."""
    found = tiles.compared(case, torch.float16)

    assert max(found.values()) < 1e-3, found


def test_sums_over_images_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two and a rest: every image counts once."""
    monkeypatch.setattr(tile_launch, "chunks", lambda *_: 2)
    case = Case((4, 4), 32, turned="own", bias="shared", axes="own", images=3)
    found = tiles.compared(case, torch.float32)

    assert max(found.values()) < 1e-6, found


def test_gradients_repeat_bit_for_bit() -> None:
    """Those of what images share, too."""
    asked = tiles.question(CASES[4], torch.float32)
    one, other = tiles.answers(*asked), tiles.answers(*asked)

    assert all(torch.equal(one[name], other[name]) for name in one)
