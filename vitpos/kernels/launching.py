"""Whether kernels run: where they can, and where the user wants them.

`use` settles it for the process when a run is prepared, as it settles threads and determinism.
Until then, and on every device but the one it named, the plain PyTorch of each kernel runs.
Triton is imported by the first launch and not here: PyTorch for CPUs comes without it.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from os import environ

import torch
from torch import Tensor

from vitpos.errors import BadInput

LEAST = (8, 0)  # compute capability: of the A100, the oldest that kernels are compiled for in tests


@dataclass
class Setting:
    """The type of the devices where kernels run in this process."""

    at: str | None = None


SETTING = Setting()


def use(kernels: str, device: torch.device) -> bool:
    """Have kernels run on `device` or not: ``auto`` (where they can), ``on`` or ``off``.

    `BadInput` for ``on`` where they cannot.
    """
    why = obstacle(device)
    if kernels == "on" and why:
        raise BadInput(f"kernels = on: {why}", "kernels=auto")
    fast = why is None and not interpreted()
    SETTING.at = device.type if kernels == "on" or (kernels == "auto" and fast) else None
    return SETTING.at is not None


def run_on(x: Tensor) -> bool:
    """Whether kernels run on tensors that lie where `x` does."""
    return SETTING.at == x.device.type


def obstacle(device: torch.device) -> str | None:
    """Why kernels cannot run on this device; None if they can."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if interpreted():
        return None
    if device.type != "cuda":
        return f"they need a CUDA device, not {device.type}"
    if torch.version.hip is not None:
        return "they are for GPUs of NVIDIA"
    found = torch.cuda.get_device_capability(device)
    if found < LEAST:
        return f"they need compute capability {dotted(LEAST)}, this GPU has {dotted(found)}"
    return None


def interpreted() -> bool:
    """Whether Triton runs kernels step by step in Python, on any device: for tests."""
    return environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "on", "yes", "y")


def dotted(capability: tuple[int, int]) -> str:
    """Compute capability as it is written."""
    return ".".join(map(str, capability))


def beside(x: Tensor) -> AbstractContextManager[object]:
    """Where to launch a kernel on `x`: Triton launches on the current device."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
