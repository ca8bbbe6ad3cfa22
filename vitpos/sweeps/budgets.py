"""How long a sweep may take."""

import re
import time
from collections.abc import Callable

from vitpos.errors import BadInput


def seconds(text: str | None) -> float | None:
    """The budget ``2h``, ``90m``, ``1h30m`` or ``45s``; raises `BadInput`."""
    if text is None:
        return None
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip().lower())
    parts = [int(part or 0) for part in found.groups()] if found else []
    total = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if not total:
        raise BadInput(f"--budget {text}: not a time", "--budget 2h, 90m, 1h30m or 45s")
    return float(total)


def countdown(text: str | None) -> Callable[[], float | None]:
    """What is left of a budget whenever it is asked, for several sweeps that share it."""
    total, begun = seconds(text), time.monotonic()
    return lambda: None if total is None else max(begun + total - time.monotonic(), 0.0)
