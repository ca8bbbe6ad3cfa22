"""Tables of offsets on another grid, with small offsets kept small (BEiT's way to resize them).

On a larger grid neighbours stay neighbours: the numbers of a learned table are taken to stand at
offsets 0, 1, 1 + q, 1 + q + q² ... of the new grid, where q is such that the last of them is the
largest offset. In between, and that is timm's way, they are interpolated linearly; the code of the
authors (Bao et al. 2022, https://github.com/microsoft/unilm/tree/master/beit) used cubic splines of
a scipy function that is no more. On a smaller grid q is 1.01, so that far offsets fall away.
"""

from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor

CLOSEST, WIDEST, EXACT = 1.01, 1.5, 1e-6  # where q is searched, and how closely


def regridded(
    table: Float[Tensor, "heads rows cols"], rows: int, cols: int
) -> Float[Tensor, "heads new_rows new_cols"]:
    """The table of all offsets of one grid for all offsets of another, in float32."""
    table = table.float()
    if table.shape[2] != cols or table.shape[1] != rows:
        table = along(along(table, cols).mT, rows).mT
    return table


def along(table: Float[Tensor, "*rest old"], size: int) -> Float[Tensor, "*rest new"]:
    """Linear interpolation along the last axis, constant beyond the outermost numbers."""
    old = table.shape[-1]
    if old == 1:
        return table.expand(*table.shape[:-1], size)
    stand = torch.tensor(places(old, size), dtype=torch.float64, device=table.device)
    wanted = torch.arange(size, dtype=torch.float64, device=table.device) - size // 2
    wanted = wanted.clamp(stand[0], stand[-1])
    right = torch.searchsorted(stand, wanted).clamp(1, old - 1)
    left = right - 1
    part = ((wanted - stand[left]) / (stand[right] - stand[left])).to(table)
    return table[..., left] * (1 - part) + table[..., right] * part


def places(old: int, new: int) -> list[float]:
    """The offsets on the new grid at which the `old` numbers of a row stand."""
    low, high = CLOSEST, WIDEST
    ratio = low
    while high - low > EXACT:
        ratio = (low + high) / 2
        if sum(ratio**i for i in range(old // 2)) > new // 2:
            high = ratio
        else:
            low = ratio
    ahead = list(accumulate(ratio**i for i in range(old // 2)))
    return [-offset for offset in reversed(ahead)] + [0.0] + ahead
