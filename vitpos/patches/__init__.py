"""How pixels become tokens: one class for each kind, made by its name.

Each is a `Reader` (`base`). `linear` knows of no pixel outside of its patch, the others (`overlap`,
`stem`, `shifted`, `hybrid`) do; what they tell of position by that is measured by `leak`.
"""

from vitpos.patches.base import Reader, tiles
from vitpos.patches.hybrid import Hybrid
from vitpos.patches.linear import Linear
from vitpos.patches.overlap import Overlap
from vitpos.patches.shifted import Shifted
from vitpos.patches.stem import ConvStem
from vitpos.schema import Patch

__all__ = ["KINDS", "ConvStem", "Hybrid", "Linear", "Overlap", "Reader", "Shifted", "made", "tiles"]

KINDS: dict[str, type[Linear | Overlap | ConvStem | Shifted | Hybrid]] = {
    "linear": Linear,
    "overlap": Overlap,
    "conv_stem": ConvStem,
    "spt": Shifted,
    "hybrid": Hybrid,
}


def made(patch: Patch, channels: int, extra: int, dim: int) -> Reader:
    """What makes tokens of images of `channels` and of `extra` planes that position appends."""
    return KINDS[patch.kind](channels, extra, patch.size, dim)
