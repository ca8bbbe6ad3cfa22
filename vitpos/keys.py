"""Every random number is a function of (seed, purpose, ids), whatever else was drawn before.

So the arms of a study share each weight and each batch, and a run resumed anywhere goes on as if it
had never stopped: there is no generator state to save.
"""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator


def key(seed: int, purpose: str, *ids: int | str) -> int:
    """63 bits that belong to these words and to no others."""
    words = "|".join(map(str, (seed, purpose, *ids)))
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1


def generator(seed: int, purpose: str, *ids: int | str) -> "Generator":
    """A generator on the CPU, so that its numbers are the same for every device."""
    from torch import Generator

    return Generator().manual_seed(key(seed, purpose, *ids))
