"""Devices and numbers that this machine has not: rows 61, 63 and 64; a GPU's part is acted."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from bad_input import Command, acts, refused, vitpos
from small_runs import TINY, compose

from vitpos import machine
from vitpos.errors import BadInput

__all__ = ["vitpos"]
CPU_ONLY = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@CPU_ONLY
@acts("63 cuda", "64 cuda:99")
@pytest.mark.parametrize("device", ["cuda", "cuda:99"])
def test_refuses_a_device_that_is_not_there(device: str, vitpos: Command, tmp_path: Path) -> None:
    """What was looked for, what torch was built for, and what there is instead."""
    built = "torch is " + ("a CPU build" if torch.version.cuda is None else "built for CUDA")

    refused(
        vitpos("train", *TINY, f"device={device}"), 2, device, "no CUDA device", built, "device=cpu"
    )
    assert not list(tmp_path.iterdir())


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have torch count so many GPUs, old ones; none is used."""

    def have(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)

    return have


@acts("64 one of one", "64 two there")
@pytest.mark.parametrize(("count", "device"), [(1, "cuda:1"), (2, "cuda:99")])
def test_counts_the_devices_there_are(count: int, device: str, gpus: Callable[[int], None]) -> None:
    """The first has the number 0."""
    gpus(count)

    with pytest.raises(BadInput, match=f"device = {device}: {count} CUDA device"):
        machine.find_device(device)
    assert machine.find_device("cuda") == torch.device("cuda", 0)


@acts("61 bf16")
@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_refuses_numbers_that_a_gpu_has_not(
    precision: str, gpus: Callable[[int], None], tmp_path: Path
) -> None:
    """It never takes others unasked: `auto` may, and says which in the record."""
    gpus(1)
    run = compose(tmp_path, f"precision={precision}", "device=cuda")

    with pytest.raises(BadInput, match=f"precision = {precision}: this GPU has no") as caught:
        machine.prepare(run)
    assert caught.value.hint == "use fp16 or fp32"
    assert machine.find_precision("auto", torch.device("cuda", 0)) == "fp32"
