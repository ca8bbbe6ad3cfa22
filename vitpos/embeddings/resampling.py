"""Learned tables on another grid than they were learned on.

Tables of two dimensions are resized as images: `resample` is the interpolation, `antialias` whether
it averages when a table shrinks. Bicubic kernels differ with `antialias` even where a table grows,
so both belong to a result.

============  =====================================================================================
``bicubic``   DeiT, MAE and DINO without, timm with `antialias`
``bilinear``  SigLIP 2 with, Swin without `antialias`
``corners``   bilinear between the middles of the outermost cells, which stay as they are: the
              authors of ViT (Dosovitskiy et al. 2021), who have it from scipy
``nearest``   every cell takes one entry; never averages
============  =====================================================================================

Tables of one dimension are read at places that may lie between two entries: `along`.
"""

import torch
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
    """The planes as images of another size, in float32; of their own size, as they are.

    One axis after the other, each by a matrix: torch's own backward for images has no fixed order
    of sums on GPUs, and antialiased images one column wide come out wrong on CPUs (torch 2.15).
    """
    planes, (old_rows, old_cols) = planes.float(), planes.shape[1:]
    if (old_rows, old_cols) == (rows, cols):
        return planes
    down, across = (
        mixture(old, new, resample, antialias, planes.device)
        for old, new in ((old_rows, rows), (old_cols, cols))
    )
    with torch.autocast(planes.device.type, enabled=False):
        return down @ planes @ across.T


def mixture(
    old: int, new: int, resample: str, antialias: bool, device: torch.device
) -> Float[Tensor, "{new} {old}"]:
    """How much of each of the `old` entries along an axis is in each of the `new` ones."""
    entries = torch.eye(old, device=device)[None, None]  # an image whose rows are the entries
    if resample == "nearest":
        return F.interpolate(entries, (new, old), mode="nearest-exact")[0, 0]
    corners = resample == "corners"
    mode = "bilinear" if corners else resample
    return F.interpolate(
        entries, (new, old), mode=mode, align_corners=corners, antialias=antialias
    )[0, 0]


def places(
    cells: int, entries: int, *, new_grid: str, align: str, device: torch.device
) -> Float[Tensor, " cells"]:
    """Where in a table of so many entries the cells of one axis look, in entries.

    With ``extrapolate`` cell ``i`` looks at entry ``i``. With ``rescale`` the table spans the axis:
    `align` says what of cells and entries meets, their ``middle`` or their ``start``, where cell
    ``i`` looks at the share ``i / cells`` of the table. As many cells as entries look at one each.
    """
    if new_grid not in ("extrapolate", "rescale"):
        raise ValueError(f"new_grid is extrapolate or rescale, not {new_grid!r}")
    if align not in ("middle", "start"):
        raise ValueError(f"align is middle or start, not {align!r}")
    index = torch.arange(cells, device=device, dtype=torch.float32)
    if new_grid == "extrapolate":
        return index
    middle = 0.5 if align == "middle" else 0.0
    return (index + middle) * (entries / cells) - middle


def along(
    table: Float[Tensor, "entries dim"], places: Float[Tensor, " cells"]
) -> Float[Tensor, "cells dim"]:
    """The table read at these places in float32: linear between entries, constant beyond its ends.

    At a whole number it is the entry itself, bit for bit.
    """
    table, last = table.float(), len(table) - 1
    places = places.clamp(0, last)
    below = places.floor()
    low, high = (table.index_select(0, i.long()) for i in (below, (below + 1).clamp(max=last)))
    return low + (places - below)[:, None] * (high - low)
