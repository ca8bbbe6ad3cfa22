"""What a position embedding has to show now, of as many layers as a snapshot has room for."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.snapshots import ALL, ONE, Snapshot, epochs_kept, in_order

HEAD, ENTRY = 2**10, 2**8  # bytes that a file and each of its arrays need besides
Layer = Mapping[str, tuple[np.ndarray, tuple[int, int]]]


@torch.no_grad()
def taken(position: PositionEmbedding, step: int, epoch: int, epochs: int) -> Snapshot:
    """A snapshot of a run of so many epochs.

    All of them together have a limit: the more there are, the fewer layers each may hold.
    """
    layers = [layer for site in position.sites() if (layer := of_layer(position, site))]
    room = min(ONE, ALL // len(epochs_kept(epochs)))
    kept = fitting([size(layer) for layer in layers], room - HEAD)
    found = {name: seen for number in kept for name, seen in layers[number].items()}
    names = sorted(found, key=in_order)
    views = {name: found[name][0] for name in names}
    grids = {name: found[name][1] for name in names}
    left_out = tuple(name for layer in layers for name in layer if name not in views)
    return Snapshot(step, epoch, views, grids, left_out)


def of_layer(position: PositionEmbedding, site: Site) -> Layer:
    """The views of one layer by the names of their arrays, each with its grid."""
    grid = (site.grid.rows, site.grid.cols)
    return {
        f"{name}/layer{site.layer}": (view.float().cpu().clone().contiguous().numpy(), grid)
        for name, view in position.views(site).items()
    }


def size(layer: Layer) -> int:
    """Bytes of a layer in a file."""
    return sum(view.nbytes + ENTRY for view, _ in layer.values())


def fitting(sizes: Sequence[int], room: int) -> list[int]:
    """The numbers of the layers that are kept: all, else as many as fit from first to last.

    One that is too large by itself is not among them.
    """
    possible = [number for number, size in enumerate(sizes) if size <= room]
    last = len(possible) - 1
    for count in range(len(possible), 0, -1):
        steps = [round(i * last / (count - 1)) for i in range(count)] if count > 1 else [0]
        chosen = [possible[step] for step in steps]
        if sum(sizes[number] for number in chosen) <= room:
            return chosen
    return []
