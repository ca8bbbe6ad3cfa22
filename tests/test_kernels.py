"""When kernels run, who is turned by one, and all that can be tried of them without a GPU."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import networks
import pytest
import torch
from torch import Tensor

from vitpos.embeddings.base import Site
from vitpos.errors import BadInput
from vitpos.grid import Grid
from vitpos.kernels import launching, rotary

HERE = Path(__file__).parent
CPU = torch.device("cpu")
# Strategies that turn or stretch heads, but not by an angle for each of all pairs of channels.
IN_PLAIN = {
    "comrope_ap": "matrices of blocks",
    "comrope_ld": "matrices of blocks",
    "liere": "a matrix of a whole head",
    "liere2": "matrices of blocks",
    "liere8": "matrices of blocks",
    "pope": "widens heads",
    "pope_golden": "widens heads",
    "rope_spherical": "triples of channels",
    "rope_vjepa2_as_released": "two angles for a pair",
    "string_cayley": "in another basis, between two products",
    "string_circulant": "by Fourier transforms",
    "tupe": "widens heads",
}


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    """Kernels are off when a test begins and when it ends."""
    launching.use("off", CPU)
    yield
    launching.use("off", CPU)


def interpreted(*words: str) -> "subprocess.CompletedProcess[str]":
    """Pytest in a process where Triton interprets; without checks of shapes, for their time."""
    options = ("-q", "-o", "addopts=--strict-markers", "-p", "no:cacheprovider", "-p", "no:xdist")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *words],
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.stem, marks=pytest.mark.slow if "networks" in path.stem else ())
        for path in sorted((HERE / "interpreted").glob("*.py"))
    ],
)
def test_kernels_say_what_plain_pytorch_says(name: str) -> None:
    """Step by step in Python; what is compared is in the files of `tests/interpreted`."""
    pytest.importorskip("triton", reason="kernels are interpreted by Triton")
    done = interpreted(f"tests/interpreted/{name}.py")

    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def changes_heads(name: str) -> bool:
    """Whether queries and keys come out of this strategy as others than they went in."""
    q, k = networks.noise(2, 2, 2, 18, 16)
    strategy = networks.position(name, heads=2, dim=32, prefix=2)
    site = Site(Grid(4, 4), 0, 2, content=networks.noise(2, 18, 32))
    got = strategy.heads(q, k, site)
    return got[0] is not q or got[1] is not k


def launched(name: str) -> bool:
    """Whether a network with this strategy hands heads to the kernel where there is one."""
    asked = []

    def fused(
        xs: list[Tensor], cos: Tensor, sin: Tensor, pairing: str, back: bool
    ) -> Sequence[Tensor]:
        asked.append(xs)
        return xs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotary, "fused", fused)
        patch.setattr(launching.SETTING, "at", "cpu")
        networks.vit(name, registers=1)(networks.noise(2, 3, 32, 32))
    return bool(asked)


@pytest.mark.parametrize("name", networks.NAMES)
def test_who_turns_heads_is_turned_by_the_kernel(name: str) -> None:
    """Or is named above, with the reason."""
    by_kernel = launched(name)

    assert (name in IN_PLAIN) == (changes_heads(name) and not by_kernel)


def test_the_list_of_those_left_out_is_not_too_long() -> None:
    """It names strategies that exist."""
    assert IN_PLAIN.keys() <= set(networks.NAMES)


def test_kernels_are_off_until_a_run_begins() -> None:
    """Who builds a network by hand gets plain PyTorch, and so does another device."""
    assert not launching.run_on(torch.ones(()))
    launching.SETTING.at = "cuda"
    assert not launching.run_on(torch.ones(()))


@pytest.mark.parametrize(
    ("kernels", "device", "installed", "said"),
    [
        ("on", "cpu", True, "kernels = on: they need a CUDA device, not cpu"),
        ("on", "mps", True, "kernels = on: they need a CUDA device, not mps"),
        ("on", "cuda", False, "kernels = on: Triton is not installed"),
        ("on", "cuda", True, None),
        ("auto", "cuda", True, None),
    ],
)
def test_says_why_kernels_cannot_run(
    kernels: str, device: str, installed: bool, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with what to type instead; where they can run, they do."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(launching, "find_spec", lambda _: installed or None)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    if said is None:
        assert launching.use(kernels, torch.device(device))
        return
    with pytest.raises(BadInput) as caught:
        launching.use(kernels, torch.device(device))

    assert caught.value.lines() == [f"error: {said}", "hint: kernels=auto"]


@pytest.mark.parametrize(
    ("capability", "hip", "interpreting", "there"),
    [((9, 0), None, "0", True), ((7, 5), None, "0", False), ((9, 0), "6.4", "0", False),
     ((9, 0), None, "1", False)],
)  # fmt: skip
def test_auto_is_on_where_kernels_are_fast(
    capability: tuple[int, int], hip: str | None, interpreting: str, there: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """On GPUs that they are compiled for, and not where Python would interpret them."""
    monkeypatch.setenv("TRITON_INTERPRET", interpreting)
    monkeypatch.setattr(launching, "find_spec", lambda _: True)
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)

    assert launching.use("auto", torch.device("cuda", 0)) is there
    assert not launching.use("auto", CPU)
    assert not launching.use("off", torch.device("cuda", 0))


def test_triton_is_not_imported_without_a_gpu() -> None:
    """A network with a rotation learns on a CPU where Triton need not be installed."""
    code = """
import sys
sys.modules["triton"] = None  # whoever imports it fails
sys.path.insert(0, "tests")
import networks
networks.vit("rope_mixed")(networks.noise(1, 3, 32, 32)).sum().backward()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE.parent, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:]
