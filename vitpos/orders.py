"""The sequences in which the cells of a grid can be counted: the switch `order`.

It matters to strategies of one dimension only, which see a cell by its number.

===========  ======================================================================================
``raster``   row by row, as tokens come
``snake``    row by row, every second row backwards: neighbours in sequence touch
``hilbert``  a space-filling curve whose neighbours touch, on any rectangle (with a diagonal step
             if it must); after Cerveny, https://github.com/jakubcerveny/gilbert
``morton``   bits of row and column in turn (Z-order); rectangles skip what lies outside
``spiral``   around the border, inwards
``random``   one fixed shuffle, the same for every run
===========  ======================================================================================
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import cast

import torch
from jaxtyping import Int
from torch import Tensor

from vitpos.grid import Grid
from vitpos.keys import generator
from vitpos.switches import ORDERS

Cell = tuple[int, int]


def known(order: str) -> str:
    """The order, if there is one of this name; else `ValueError`."""
    if order not in ORDERS:
        raise ValueError(f"order is one of {', '.join(ORDERS)}, not {order!r}")
    return order


def numbers(grid: Grid, order: str, device: torch.device) -> Int[Tensor, " cells"]:
    """The number of every cell in the sequence, for cells in row-major order."""
    return torch.tensor(counted(grid.rows, grid.cols, order), device=device)


def plain(rows: int, cols: int, order: str) -> list[int]:
    """The same without a tensor."""
    return list(walked(Grid(rows, cols), known(order)))


# A compiled network has them as constants of its graph: walks are not for its compiler.
counted = cast(Callable[[int, int, str], list[int]], torch.compiler.assume_constant_result(plain))


@lru_cache
def walked(grid: Grid, order: str) -> tuple[int, ...]:
    """The same for one walk through each grid."""
    found = [0] * grid.cells
    for number, (row, col) in enumerate(WALKS[order](grid)):
        found[row * grid.cols + col] = number
    return tuple(found)


def raster(grid: Grid) -> Iterator[Cell]:
    """Left to right, top to bottom."""
    yield from ((row, col) for row in range(grid.rows) for col in range(grid.cols))


def snake(grid: Grid) -> Iterator[Cell]:
    """Like an ox ploughs."""
    for row in range(grid.rows):
        cols = range(grid.cols)
        yield from ((row, col) for col in (cols if row % 2 == 0 else reversed(cols)))


def morton(grid: Grid) -> Iterator[Cell]:
    """By interleaved bits, rows first."""

    def interleaved(cell: Cell) -> int:
        row, col = cell
        return sum((row >> b & 1) << 2 * b + 1 | (col >> b & 1) << 2 * b for b in range(16))

    yield from sorted(raster(grid), key=interleaved)


def spiral(grid: Grid) -> Iterator[Cell]:
    """Clockwise from the first cell."""
    top, left, bottom, right = 0, 0, grid.rows - 1, grid.cols - 1
    while top <= bottom and left <= right:
        yield from ((top, col) for col in range(left, right + 1))
        yield from ((row, right) for row in range(top + 1, bottom + 1))
        if top < bottom and left < right:
            yield from ((bottom, col) for col in range(right - 1, left - 1, -1))
            yield from ((row, left) for row in range(bottom - 1, top, -1))
        top, left, bottom, right = top + 1, left + 1, bottom - 1, right - 1


def shuffled(grid: Grid) -> Iterator[Cell]:
    """The same for every seed of a run: an order is part of the strategy, not of its luck."""
    cells = list(raster(grid))
    random = generator(0, "order", *grid)
    yield from (cells[i] for i in torch.randperm(len(cells), generator=random).tolist())


def hilbert(grid: Grid) -> Iterator[Cell]:
    """Along the longer side, in parts that are walked in the same way."""
    along, across = (0, grid.cols), (grid.rows, 0)
    if grid.cols < grid.rows:
        along, across = across, along
    yield from walk((0, 0), along, across)


def walk(start: Cell, along: Cell, across: Cell) -> Iterator[Cell]:
    """The cells of the rectangle that two vectors span, from `start` to the end of `along`."""
    length, width = abs(sum(along)), abs(sum(across))
    step, side = unit(along), unit(across)
    if width == 1:
        yield from (at(start, step, i) for i in range(length))
    elif length == 1:
        yield from (at(start, side, i) for i in range(width))
    elif 2 * length > 3 * width:  # long: two parts, one after another
        first = half(along, keep_even=length > 2)
        yield from walk(start, first, across)
        yield from walk(at(start, first), minus(along, first), across)
    else:  # up, along, and down again
        first, rise = half(along, keep_even=False), half(across, keep_even=width > 2)
        yield from walk(start, rise, first)
        yield from walk(at(start, rise), along, minus(across, rise))
        corner = at(at(start, minus(along, step)), minus(rise, side))
        yield from walk(corner, minus((0, 0), rise), minus(first, along))


def half(vector: Cell, *, keep_even: bool) -> Cell:
    """Half a vector, in whole steps; with `keep_even` in an even number of them."""
    length, step = abs(sum(vector)) // 2, unit(vector)
    return at((0, 0), step, length + (keep_even and length % 2))


def unit(vector: Cell) -> Cell:
    """One step in the direction of a vector along an axis."""
    length = abs(sum(vector)) or 1
    return vector[0] // length, vector[1] // length


def at(start: Cell, step: Cell, times: int = 1) -> Cell:
    """Where one is after so many steps."""
    return start[0] + times * step[0], start[1] + times * step[1]


def minus(a: Cell, b: Cell) -> Cell:
    """The vector from `b` to `a`."""
    return a[0] - b[0], a[1] - b[1]


WALKS = {
    "raster": raster,
    "snake": snake,
    "hilbert": hilbert,
    "morton": morton,
    "spiral": spiral,
    "random": shuffled,
}
