"""Whether this machine has what runs need, one line for each thing, with what to do about it."""

import filecmp
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from vitpos import catalogue, config
from vitpos.errors import UserError
from vitpos.words import bytes_words

SCARCE, PLENTY = 100 * 2**20, 2 * 2**30  # bytes of a disk: too few for a run, enough for a study
MEMORY = 2 * 2**30  # bytes; torch alone takes a fifth of it
NEEDED = ("torch", "torchvision", "typer", "hydra-core", "omegaconf", "rich", "tensorboard")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: str  # ok warn fail
    said: str
    todo: str = ""


def findings() -> list[Finding]:
    """Everything, in order; a check that breaks is a finding too."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        versions,
        torch_and_vision,
        device,
        memory,
        disk,
        compiled,
        configs,
        shadowed,
        plugins,
        loader,
    ]
    found: list[Finding] = []
    for look in looks:
        try:
            found += look()
        except Exception as error:  # a doctor must not fall ill with the patient
            reason = (str(error).splitlines() or [""])[0]
            found.append(Finding(look.__name__, "fail", f"{type(error).__name__}: {reason}"))
    return found


def plain(found: list[Finding]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(finding) for finding in found]


def lines(found: list[Finding]) -> list[str]:
    """For people."""
    said = []
    for finding in found:
        said.append(f"{finding.state:5}{finding.what:13}{finding.said}")
        if finding.todo:
            said.append(f"{'':18}-> {finding.todo}")
    return said


def healthy(found: list[Finding]) -> bool:
    """Whether nothing fails; what is only warned of does not stop a run."""
    return all(finding.state != "fail" for finding in found)


def versions() -> Iterator[Finding]:
    """Python and the packages, each new enough."""
    yield Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")
    wanted = {r.name: r for r in requirements()}
    for name in NEEDED:
        requirement = wanted.get(name, Requirement(name))
        todo = f'pip install "{requirement}"'
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(name, "fail", "not installed", todo)
            continue
        if requirement.specifier.contains(have, prereleases=True):
            yield Finding(name, "ok", have)
        else:
            yield Finding(name, "fail", f"{have}, but {requirement} is needed", todo)


def requirements() -> Iterator[Requirement]:
    """What vitpos says it needs; nothing if it runs from a folder without being installed."""
    try:
        texts = metadata.requires("vitpos") or []
    except metadata.PackageNotFoundError:
        return
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None:
            yield requirement


def torch_and_vision() -> Iterator[Finding]:
    """Whether torchvision was built for this torch: data sets of torchvision need it."""
    from vitpos.data.vision import torchvision

    try:
        torchvision()
    except UserError as error:
        problem = error.problems[0]
        todo = f"{problem.hint}; until then `dataset=mnist5k` and folders of images work"
        yield Finding("pair", "warn", problem.message, todo)
    else:
        yield Finding("pair", "ok", "torchvision works with this torch")


def device() -> Iterator[Finding]:
    """What runs would be computed on, and how."""
    import torch

    from vitpos import attention, machine
    from vitpos.kernels import launching

    chosen = machine.find_device("auto")
    precision = machine.find_precision("auto", chosen)
    if chosen.type == "cuda":
        free, total = torch.cuda.mem_get_info(chosen)
        name = torch.cuda.get_device_name(chosen)
        has = f"{bytes_words(free)} of {bytes_words(total)} free"
        yield Finding("device", "ok", f"{name}, CUDA {torch.version.cuda}, {has}")
    else:
        flags = cpu_flags()
        fast = [name for name in ("avx512f", "avx512_bf16", "amx_bf16") if name in flags]
        said = f"{machine.cpu_name()}, {' '.join(fast) or 'no AVX-512'}; no CUDA device"
        if torch.version.cuda is None:
            said += " (torch is a CPU build)"
        yield Finding("device", "ok", said)
    why = launching.obstacle(chosen)
    way = attention.choose(chosen, machine.DTYPES[precision], kernels=why is None)
    ours = "our kernels" if why is None else f"without our kernels: {why}"
    yield Finding("arithmetic", "ok", f"{precision}, {way} attention, {ours}")
    yield cores(machine.cores())


def cores(usable: int) -> Finding:
    """How many this process may use."""
    said = f"{usable} of {os.cpu_count()} may be used; load {os.getloadavg()[0]:.1f}"
    busy = os.getloadavg()[0] > 1.5 * usable
    todo = "others compute here too: speeds will be low, and timings worth little" if busy else ""
    return Finding("cores", "warn" if busy else "ok", said, todo)


def cpu_flags() -> set[str]:
    """What the processor can do, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def memory() -> Iterator[Finding]:
    """How much is free, also within a container's limit."""
    free = min(free_memory(), container_memory())
    if free == float("inf"):
        return
    todo = "smaller batches: `training.micro_batch=32`" if free < MEMORY else ""
    yield Finding("memory", "warn" if todo else "ok", f"{bytes_words(free)} free", todo)


def free_memory() -> float | int:
    """Bytes that programs can get, by the system."""
    info = Path("/proc/meminfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return float("inf")


def container_memory() -> float | int:
    """Bytes left to this container."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return float("inf")
    return float("inf") if limit == "max" else max(0, int(limit) - used)


def disk() -> Iterator[Finding]:
    """Room for runs where they go."""
    outputs = catalogue.outputs().expanduser().absolute()
    there = next(place for place in (outputs, *outputs.parents) if place.exists())
    free = shutil.disk_usage(there).free
    elsewhere = "another folder: `outputs=DIR`"
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield Finding("outputs", "fail", f"{there} cannot be written", elsewhere)
        return
    state = "fail" if free < SCARCE else "warn" if free < PLENTY else "ok"
    todo = "" if state == "ok" else f"make room, or {elsewhere}"
    yield Finding("outputs", state, f"{bytes_words(free)} free for {outputs}", todo)


def compiled() -> Iterator[Finding]:
    """Where compiled code is kept for processes to come, and how much of it there is."""
    from vitpos.compiling import keep

    where = keep()
    there = next(place for place in (where, *where.parents) if place.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        todo = "another folder: TORCHINDUCTOR_CACHE_DIR; until then each process compiles anew"
        yield Finding("compiled", "warn", f"{there} cannot be written", todo)
        return
    size = sum(file.stat().st_size for file in where.rglob("*") if file.is_file())
    yield Finding("compiled", "ok", f"{bytes_words(size)} in {where}; may be deleted at any time")


def configs() -> Iterator[Finding]:
    """The files that runs are made of."""
    try:
        where = config.folder()
        counts = {name: len(config.options(group)) for name, group in catalogue.GROUPS.items()}
    except UserError as error:
        yield Finding("configs", "fail", *error.problems[0])
        return
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    empty = [name for name, count in counts.items() if not count]
    todo = f"no {empty[0]} there: install vitpos again, or unset VITPOS_CONFIGS" if empty else ""
    yield Finding("configs", "fail" if empty else "ok", f"{where}: {said}", todo)


def shadowed(package: Path = HERE) -> Iterator[Finding]:
    """In a checkout, an old `vitpos/configs` would be read in place of `configs`."""
    inside, beside = package / "configs", package.parent / "configs"
    if not (inside / "train.yaml").is_file() or not (beside / "train.yaml").is_file():
        return
    if differ(filecmp.dircmp(inside, beside)):
        todo = f"delete {inside}: changes in {beside} have no effect"
        yield Finding("shadowed", "fail", f"{inside} is read, and is not {beside}", todo)
    else:
        yield Finding("shadowed", "warn", f"{inside} is a copy of {beside}", f"delete {inside}")


def differ(pair: "filecmp.dircmp[str]") -> bool:
    """Whether two folders hold anything that is not the same, byte for byte."""
    _, wrong, odd = filecmp.cmpfiles(pair.left, pair.right, pair.common_files, shallow=False)
    return bool(
        pair.left_only or pair.right_only or wrong or odd or any(map(differ, pair.subdirs.values()))
    )


def plugins(places: list[str] | None = None) -> Iterator[Finding]:
    """Hydra's plugins share one name; a package that claims it for itself hides all others."""
    for place in dict.fromkeys(sys.path if places is None else places):
        claim = Path(place or ".") / "hydra_plugins" / "__init__.py"
        if claim.is_file():
            todo = "delete this file, or the package that it belongs to: it hides Hydra's plugins"
            yield Finding("plugins", "fail", f"{claim} is there", todo)


def loader() -> Iterator[Finding]:
    """TensorBoard's fast loader: without it, hundreds of runs take a minute to show."""
    todo = "pip install tensorboard-data-server"
    if importlib.util.find_spec("tensorboard_data_server") is None:
        yield Finding("loader", "warn", "TensorBoard will be slow with many runs", todo)
        return
    binary = Path(str(importlib.import_module("tensorboard_data_server").server_binary()))
    try:
        subprocess.run([binary, "--version"], capture_output=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        said = f"TensorBoard will be slow with many runs: {binary.name} does not run ({error})"
        yield Finding("loader", "warn", said, todo)
    else:
        yield Finding("loader", "ok", "TensorBoard has its fast loader")
