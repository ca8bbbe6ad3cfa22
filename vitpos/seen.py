"""What the snapshots of a run show in a few small maps: for a terminal, and for programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from vitpos import snapshots
from vitpos.snapshots import Snapshot

MAPS = 16  # of one view, at most


def seen(run: Path) -> list[dict[str, Any]]:
    """For each kind of view what its first layer shows: a title, and maps [rows, cols] as lists.

    A table is seen as the cosines of its middle cell with all others, at the start and now.
    """
    found = snapshots.read(run).snapshots
    return list(pictures(found)) if found else []


def pictures(found: tuple[Snapshot, ...]) -> Iterator[dict[str, Any]]:
    """One for each kind of view, from the first and the last snapshot."""
    last = found[-1]
    kinds = dict.fromkeys(name.rpartition("/layer")[0] for name in last.views)
    for kind in kinds:
        name = next(n for n in last.views if n.rpartition("/layer")[0] == kind)
        layer = name.rpartition("/layer")[2]
        of = "" if kind in ("table", "map") else f" of {kind.rpartition('/')[0]}"
        if kind.endswith("table"):
            both = [one for one in found[:1] + found[1:][-1:] if name in one.views]
            maps = [middle(one.views[name], one.grids[name]) for one in both]
            steps = " and ".join(f"{one.step}" for one in both)
            title = f"how alike the middle cell and all others are (cosine){of} after step {steps}"
        else:
            maps = list(last.views[name][:MAPS])
            title = f"what the middle cell sees{of} after step {last.step}, a map per head"
        yield {
            "view": name,
            "step": last.step,
            "title": f"{title}, layer {layer}",
            "maps": [np.asarray(one, float).tolist() for one in maps],
        }


def middle(
    table: Float[np.ndarray, "cells dim"], grid: tuple[int, int]
) -> Float[np.ndarray, "rows cols"]:
    """Cosines of the middle cell's vector with all; not a number where one is zero."""
    rows, cols = grid
    x = table.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return (x @ x[rows // 2 * cols + cols // 2]).reshape(grid)
