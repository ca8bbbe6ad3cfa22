"""The one door to torchvision, which must fit the torch beside it or cannot be loaded at all."""

from importlib import import_module, metadata
from types import ModuleType

from vitpos.errors import BadInput


def torchvision() -> ModuleType:
    """Import torchvision with its data sets; raises `BadInput` where it does not fit torch.

    A torchvision that was compiled for another torch fails in many ways while it is imported, most
    often with `operator torchvision::nms does not exist`.
    """
    try:
        package = import_module("torchvision")
        import_module("torchvision.datasets")
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        raise mismatch(error) from error
    return package


def mismatch(error: Exception) -> BadInput:
    """What is installed, what torchvision asks for, and what to type."""
    have, torch = version("torchvision"), version("torch")
    if have is None:
        return BadInput("torchvision is not installed", "install it: `pip install torchvision`")
    asks = ", which asks for " + wanted[0] if (wanted := wants("torchvision", "torch")) else ""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return BadInput(
        f"torchvision {have} does not work with torch {torch}{asks}: {reason}",
        "install the two from one place, both for CPU or both for the same CUDA: "
        "`pip install --force-reinstall torch torchvision`",
    )


def version(package: str) -> str | None:
    """The installed version, if any."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def wants(package: str, other: str) -> list[str]:
    """What `package` requires of `other`, as it is written in its metadata."""
    required = metadata.requires(package) or []
    return [line for line in required if line.startswith((f"{other} ", f"{other}=", f"{other}>"))]
