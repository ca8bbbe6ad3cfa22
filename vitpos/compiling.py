"""torch.compile: when it is used, where it keeps what it made, and what is said if it fails."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vitpos.data.files import cache
from vitpos.errors import BadInput

PLACES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
BACKEND = "inductor"


def keep() -> Path:
    """Have compiled code kept in a folder of ours, for processes to come; where.

    Below `~/.cache/vitpos/compiled`, which may be deleted at any time. What the user set stays, but
    not the folder for all in /tmp, which torch sets by itself. Several processes may use it at
    once: files come to their names whole, by renaming.
    """
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    for variable, name in PLACES.items():
        if os.environ.get(variable, default_cache_dir()) == default_cache_dir():
            os.environ[variable] = str(place() / name)
    return Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])


def place() -> Path:
    """The folder of compiled code."""
    return cache() / "compiled"


def whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled as one graph for each shape, with nothing of other such functions.

    Each run of a process has its own: they would else count as versions of one, and few are kept.
    """
    keep()
    known = inspect.signature(torch.compile).parameters
    apart: dict[str, Any] = {"isolate_recompiles": True} if "isolate_recompiles" in known else {}
    return torch.compile(function, fullgraph=True, dynamic=False, backend=BACKEND, **apart)


def failed(error: Exception, asked: str) -> str:
    """The line that says that steps are eager after all; or raises it, if they must not be."""
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    said = f"{type(error).__name__}: {reason[:160]}"
    if asked == "on":
        raise BadInput(f"compile = on: {said}", "compile=auto") from error
    return f"steps are not as fast as they could be: {said}"
