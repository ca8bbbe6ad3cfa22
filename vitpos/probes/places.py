"""What can be said of numbers that belong to cells, or to pairs of cells: all in float64."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vitpos.grid import Grid

Pairs = Float[Tensor, "*many cells cells"]
Kernels = Float[Tensor, "*many offset_rows offset_cols"]  # query minus key, from 1 - rows on


def distances(grid: Grid, device: torch.device) -> Pairs:
    """Between the middles of cells, in cells."""
    return grid.offsets(device).double().norm(dim=-1)


def others(grid: Grid, device: torch.device) -> Bool[Tensor, "cells cells"]:
    """All pairs but those of a cell and itself."""
    return ~torch.eye(grid.cells, dtype=torch.bool, device=device)


def by_offset(pairs: Pairs, grid: Grid) -> Kernels:
    """The mean over all pairs with the same offset, of those that are numbers."""
    index = grid.offset_numbers(pairs.device).flatten()
    flat = pairs.double().flatten(-2)
    there = flat.isfinite()
    shape = (*flat.shape[:-1], (2 * grid.rows - 1) * (2 * grid.cols - 1))
    total = flat.new_zeros(shape).index_add_(-1, index, flat.where(there, 0.0))
    count = flat.new_zeros(shape).index_add_(-1, index, there.double())
    return (total / count).unflatten(-1, (2 * grid.rows - 1, 2 * grid.cols - 1))


def everywhere(kernels: Kernels, grid: Grid) -> Pairs:
    """Each pair of cells gets the number of its offset."""
    return kernels.flatten(-2)[..., grid.offset_numbers(kernels.device)]


def cosines(vectors: Float[Tensor, "*many cells dim"]) -> Pairs:
    """Cosine similarity of all pairs; not a number where a vector is zero."""
    units = vectors.double()
    units = units / units.norm(dim=-1, keepdim=True)
    return units @ units.mT


def ranks(values: Float[Tensor, "*many n"]) -> Float[Tensor, "*many n"]:
    """From 1 on; equal values share the mean of their ranks."""
    flat = values.contiguous()
    ordered = flat.sort(dim=-1).values
    low = torch.searchsorted(ordered, flat)
    high = torch.searchsorted(ordered, flat, right=True)
    return (low + high + 1).double() / 2


def spearman(
    one: Float[Tensor, "*many n"], other: Float[Tensor, " n"] | Float[Tensor, "*many n"]
) -> Float[Tensor, "*many"]:
    """The rank correlation of each row; not a number where all values are equal."""
    a, b = (ranks(x) - ranks(x).mean(-1, keepdim=True) for x in (one, other.expand_as(one)))
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


def nearness(alike: Pairs, grid: Grid) -> Float[Tensor, "*many"]:
    """Spearman's correlation of similarity with minus distance, over pairs of different cells."""
    i, j = torch.triu_indices(grid.cells, grid.cells, 1, device=alike.device)
    found = spearman(alike[..., i, j], -distances(grid, alike.device)[i, j])
    return found.where(alike[..., i, j].isfinite().all(-1), torch.nan)


def row_plus_column(table: Float[Tensor, "cells dim"], grid: Grid) -> float:
    """How much of the variance over cells is a vector of the row plus one of the column.

    Two-way analysis of variance, adjusted for the numbers that are fitted: 0 for random tables.
    Not a number where nothing varies or nothing is left to explain.
    """
    rows, cols = grid
    free = (rows - 1) * (cols - 1)
    x = table.double().unflatten(0, grid)
    x = x - x.mean((0, 1))
    rest = x - x.mean(0, keepdim=True) - x.mean(1, keepdim=True)
    total = float(x.square().sum())
    if not free or not total:
        return float("nan")
    return 1 - (float(rest.square().sum()) / free) / (total / (grid.cells - 1))


def effective_rank(table: Float[Tensor, "cells dim"]) -> float:
    """The exponential of the entropy of singular values, the mean over cells removed.

    Roy & Vetterli 2007, https://ieeexplore.ieee.org/document/7098875.
    """
    values = torch.linalg.svdvals(table.double() - table.double().mean(0))
    share = values / values.sum()
    return float(torch.special.entr(share).sum().exp())


def explained(pairs: Pairs, grid: Grid) -> tuple[float, float]:
    """What ``f(query - key)`` less its mean over the keys of each query explains, least squares.

    The sum of squares that is explained, each matrix by its own f, and the share of the freedom of
    `pairs` that this takes: so much of pure noise is explained too. Rows of `pairs` have mean zero;
    what is not a number counts nowhere.
    """
    index = grid.offset_numbers(pairs.device)
    found, taken, free = 0.0, 0, 0
    for rows in pairs.double().reshape(-1, grid.cells, grid.cells):
        squares, rank = fitted(rows, index)
        found, taken = found + squares, taken + rank
        free += int(rows.isfinite().sum()) - int(rows.isfinite().any(-1).sum())
    return found, taken / max(1, free)


def fitted(rows: Float[Tensor, "cells cells"], index: Tensor) -> tuple[float, int]:
    """The sum of squares and the rank, by normal equations summed over rows."""
    count = int(index.max()) + 1
    square, product = rows.new_zeros(count, count), rows.new_zeros(count)
    for row, offsets in zip(rows, index, strict=True):
        there = row.isfinite()
        seen = offsets[there]
        if len(seen):
            square[seen[:, None], seen] -= 1 / len(seen)
            square[seen, seen] += 1
            product[seen] += row[there]
    size, vectors = torch.linalg.eigh(square)
    free = size > 1e-9 * size[-1]
    parts = (vectors.mT @ product).square()[free] / size[free]
    return float(parts.sum()), int(free.sum())
