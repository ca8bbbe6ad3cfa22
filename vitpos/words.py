"""Numbers as people say them."""

import math
from collections.abc import Mapping


def counted(number: object, what: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def others(numbers: Mapping[str, object], split: str) -> list[str]:
    """``iou 0.512``: what is measured of a split besides its loss and accuracy."""
    return [
        f"{name.removeprefix(f'{split}/').replace('_', ' ')} {value:.4g}"
        for name, value in numbers.items()
        if isinstance(value, float) and name.startswith(f"{split}/")
        if name.removeprefix(f"{split}/") not in ("loss", "accuracy")
    ]


def seconds_words(seconds: float | int) -> str:
    """``42 s``, ``3 min 20 s``, ``2 h 05 min``; ``inf s`` and ``nan s`` of what is none."""
    if seconds < 100 or not math.isfinite(seconds):
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def count_words(number: float | int) -> str:
    """``950``, ``201 k``, ``6.7 M``, ``1.2 G``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.0f}"


def bytes_words(number: float | int) -> str:
    """``810 MiB``, ``1.4 GiB``."""
    return f"{number / 2**30:.1f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"
