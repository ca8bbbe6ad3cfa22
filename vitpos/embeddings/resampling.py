"""Learned tables on another grid than they were learned on.

Two switches: `resample` is the interpolation, `antialias` whether it averages when a table shrinks.
Bicubic kernels differ with `antialias` even where a table grows, so both belong to a result.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vitpos.switches import RESAMPLE


def known(resample: str) -> str:
    """The mode, if there is one of this name; else `ValueError`."""
    if resample not in RESAMPLE:
        raise ValueError(f"resample is one of {', '.join(RESAMPLE)}, not {resample!r}")
    return resample


def resized(
    planes: Float[Tensor, "planes rows cols"],
    rows: int,
    cols: int,
    *,
    resample: str,
    antialias: bool,
) -> Float[Tensor, "planes new_rows new_cols"]:
    """The planes as images of another size, in float32; of their own size, as they are."""
    planes = planes.float()
    if planes.shape[1:] == (rows, cols):
        return planes
    if resample == "nearest":
        return F.interpolate(planes[None], (rows, cols), mode="nearest-exact")[0]
    return F.interpolate(planes[None], (rows, cols), mode=resample, antialias=antialias)[0]
