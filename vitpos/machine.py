"""The device, precision and threads a run gets on this machine, and what the machine is."""

import ctypes
import math
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from vitpos import attention
from vitpos.errors import BadInput
from vitpos.kernels import launching
from vitpos.schema import Run
from vitpos.words import counted
from vitpos.world import ALONE, World

CPU_MICRO_BATCH = 128
DTYPES = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
# mallopt(3): M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD
GLIBC_KEEPS = {-1: 2**31 - 1, -2: 2**26, -3: 2**30}


@dataclass(frozen=True)
class Machine:
    """What was chosen for one run."""

    device: torch.device
    precision: str  # fp32 tf32 bf16 fp16
    threads: int
    attention: str  # explicit sdpa tile
    kernels: str = "off"  # on off
    compile: str = "off"  # auto on off
    world: World = ALONE  # the processes that share the run, this one among them
    lanes: bool = False  # whether it is trained with others as a lane

    @property
    def dtype(self) -> torch.dtype:
        """Of matrix products; weights are float32 always."""
        return DTYPES[self.precision]

    def autocast(self) -> torch.autocast:
        """Where matrix products are made in `dtype`."""
        half = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype, enabled=half)

    @property
    def compiles(self) -> bool:
        """Whether steps are compiled: unasked only on GPUs, for a CPU gains next to nothing."""
        return self.compile == "on" or (self.compile == "auto" and self.device.type == "cuda")

    @property
    def records(self) -> bool:
        """Whether steps are recorded and repeated whole, as CUDA can.

        Not those of several processes: a sum over all of them in a recording was never seen here.
        """
        alone = self.world.size == 1
        return self.device.type == "cuda" and self.compile != "off" and alone

    @property
    def micro_batch(self) -> int:
        """Images per pass: on a CPU, larger ones do not stay in its caches."""
        return CPU_MICRO_BATCH if self.device.type == "cpu" else 2**20


def prepare(run: Run, world: World = ALONE) -> Machine:
    """Choose, check that it is there, and set the process up for it."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS is not deterministic
    device = find_device(run.device) if world.size == 1 else own_device(run.device, world)
    precision = find_precision(run.precision, device)
    threads = run.threads or useful_threads(run, world)
    torch.set_num_threads(threads)
    keep_memory()
    torch._C._set_deterministic_fill_uninitialized_memory(False)  # costs time, changes no bits
    torch.use_deterministic_algorithms(run.deterministic)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    kernels = launching.use(run.kernels, device)
    chosen = run.attention
    if chosen == "auto":
        chosen = attention.choose(device, DTYPES[precision], tokens(run), kernels)
    if chosen == "tile" and not kernels:
        why = launching.obstacle(device) or f"kernels = {run.kernels}"
        raise BadInput(f"attention = tile: {why}", "attention=auto")
    used = "on" if kernels else "off"
    return Machine(device, precision, threads, chosen, used, run.compile, world)


def tokens(run: Run) -> int:
    """How many there are of a training image."""
    prefix = (run.backbone.pool == "cls") + run.backbone.registers
    return (run.image_size // run.patch.size) ** 2 + prefix


def keep_memory() -> None:
    """Let freed memory stay with the process: a step asks for the same amounts as the one before.

    glibc gives large blocks back at once, and the kernel then clears them page by page for the next
    step. Does nothing on other systems.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, size in GLIBC_KEEPS.items():
            mallopt(parameter, size)


def useful_threads(run: Run, world: World = ALONE) -> int:
    """As many threads as a pass keeps busy: two from 2 billion operations on, four from 18.

    A rule, so that the same run has the same bits everywhere: sums of other threads have others. It
    was measured (`benchmarks/`): below 2 billion operations a second thread makes steps no faster
    or slower, above it 1.2 to 1.6 times as fast. What more threads do was not.
    """
    cells = (run.image_size // run.patch.size) ** 2
    weights = 12 * run.backbone.depth * run.backbone.dim**2
    images = min(run.training.batch_size // world.size, CPU_MICRO_BATCH)
    there = cores() // world.local_size
    return max(1, min(there, math.ceil(math.sqrt(6 * weights * cells * images / 2e9))))


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def find_device(name: str) -> torch.device:
    """The device by this name, or the best there is for ``auto``."""
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda", 0) if cuda else torch.device("cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= cuda:
        built = (
            "a CPU build" if torch.version.cuda is None else f"built for CUDA {torch.version.cuda}"
        )
        found = f"{cuda} CUDA devices found" if cuda else f"no CUDA device found (torch is {built})"
        raise BadInput(f"device = {name}: {found}", "device=cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BadInput("device = mps: no Apple GPU found", "device=cpu")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def own_device(name: str, world: World) -> torch.device:
    """The device of one of several processes: each has a GPU for itself, or all share the CPU."""
    if name.startswith("cuda:"):
        raise BadInput(f"device = {name}: one GPU for {world.size} processes", "device=cuda")
    device = find_device(name)
    if device.type != "cuda":
        return device
    if world.local_size > torch.cuda.device_count():
        found = counted(torch.cuda.device_count(), "GPU")
        raise BadInput(f"{world.local_size} processes on a machine with {found}", "device=cpu")
    device = torch.device("cuda", world.local_rank)
    torch.cuda.set_device(device)  # where NCCL looks
    return device


def find_precision(name: str, device: torch.device) -> str:
    """``auto`` is bf16 where the hardware multiplies it natively."""
    native = has_bfloat16(device)
    if name == "auto":
        return "bf16" if native else "fp32"
    if name in ("fp16", "tf32") and device.type != "cuda":
        raise BadInput(f"precision = {name} needs CUDA, not {device.type}", "use bf16 or fp32")
    if name == "tf32" and torch.cuda.get_device_capability(device) < (8, 0):
        raise BadInput("precision = tf32: this GPU has no TF32", "use fp16 or fp32")
    if name == "bf16" and device.type == "cuda" and not native:
        raise BadInput("precision = bf16: this GPU has no bfloat16", "use fp16 or fp32")
    return name


def has_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    flags = Path("/proc/cpuinfo")
    known = flags.read_text() if device.type == "cpu" and flags.exists() else ""
    return "avx512_bf16" in known or "amx_bf16" in known


def describe(machine: Machine) -> dict[str, Any]:
    """Everything about the machine and the software that can change a number."""
    names = ("vitpos", "torch", "numpy", "safetensors", "hydra-core")
    device, world = machine.device, machine.world
    special: dict[str, Any] = (
        {"compile": machine.compile} if machine.compiles or machine.records else {}
    )
    special |= {"processes": world.size} if world.size > 1 else {}
    special |= {"lanes": True} if machine.lanes else {}
    return special | {
        "device": str(device),
        "precision": machine.precision,
        "threads": machine.threads,
        "attention": machine.attention,
        "kernels": machine.kernels,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: package_version(name) for name in names},
        "git": commit(),
    }


def package_version(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def cpu_name() -> str:
    """The model of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of the checkout this code runs from, with a plus if files differ from it."""
    here = Path(__file__).parents[1]
    if not (here / ".git").exists():
        return None
    try:
        words = [
            "git",
            "-C",
            str(here),
            "describe",
            "--always",
            "--dirty=+",
            "--abbrev=12",
            "--exclude=*",
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
