"""Everything beside the program that moves a number."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from vitpos import machine

PACKAGES = (
    "vitpos",
    "torch",
    "triton",
    "torchvision",
    "timm",
    "numpy",
    "pillow",
    "hydra-core",
    "flash-attn",
    "liger-kernel",
)
EXTENSIONS = ("amx_bf16", "avx512_bf16", "avx512f")


def circumstances(device: torch.device, command: str) -> dict[str, Any]:
    """Machine, software, and when; no path and no name of a host."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    cuda = device.type == "cuda"
    versions = {name: machine.package_version(name) for name in PACKAGES}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "commit": machine.commit(),
        "device": device.type,
        "gpu": torch.cuda.get_device_name(device) if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "gpu_memory_bytes": torch.cuda.get_device_properties(device).total_memory if cuda else None,
        "cpu": machine.cpu_name(),
        "cores": machine.cores(),
        "extensions": [name for name in EXTENSIONS if name in flags.split()],
        "system": f"{platform.system()} {' '.join(platform.libc_ver())}".strip(),
        "python": platform.python_version(),
        "versions": {name: version for name, version in versions.items() if version},
        "images": "random bytes and classes, in memory",
    }


def load() -> list[float]:
    """Processes that want a core, on average over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]
