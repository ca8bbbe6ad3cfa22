"""How alike the network makes places: its position vectors, and its mean tokens."""

import numpy as np
import torch
from torch import Tensor

from vitpos.grid import Grid
from vitpos.probes import controls
from vitpos.probes.layers import by_layer, finite, largest, last
from vitpos.probes.places import cosines, effective_rank, nearness, row_plus_column
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject
from vitpos.probes.trace import one
from vitpos.probes.variance import sums

ROUNDS = 4


class Similarity:
    """Cosine similarity between places, as in figure 7 of the Vision Transformer.

    Two kinds of vectors, prefix tokens left out of both. ``table/...``: the vectors that a strategy
    brings in, where it has any, by layer if it brings them in again. And, for every strategy, the
    mean token of each place after each block, over images whose patches are shuffled, so that it
    holds position and nothing else; ``start`` are the tokens that enter the first block.

    ``nearness``: Spearman's correlation of the cosine with minus the distance, over pairs of
    different cells, after the mean over places is removed from all vectors (``raw_nearness``: not
    removed); ``row_column``: the share of variance over places that is a vector of the row plus one
    of the column (adjusted: 0 for random vectors); ``rank``: the effective rank, the exponential of
    the entropy of singular values, mean removed; ``lowest`` and ``highest`` cosine of different
    cells as they are. Summaries: the last layer for tokens, the largest for tables. Mean tokens of
    a network without position are noise: nearness and row_column near 0, rank high, lowest near 1.

    Arrays, for pictures of ``rows x cols`` tiles of ``rows x cols``: ``.../cosine`` and
    ``.../centred`` (mean removed), [rows, cols, rows, cols], the own cell first; both in -1..1, and
    not a number where a vector is zero.
    """

    name = "similarity"
    source = "Dosovitskiy et al. 2021, fig. 7, https://arxiv.org/abs/2010.11929"

    def why_not(self, subject: Subject) -> str:
        """It needs places."""
        return controls.too_small(subject)

    def measure(self, subject: Subject) -> Found:
        """Tables, and mean tokens over shuffled images."""
        summed = sums(subject, controls.patches_shuffled(subject, ROUNDS))
        labels = ["start", *(f"layer{i}" for i in range(len(summed) - 1))]
        tokens = [(sum_.places / sum_.images, sum_.grid) for sum_ in summed]
        found = [alike(table, grid) for table, grid in tokens]
        numbers: dict[str, float] = {}
        arrays: dict[str, np.ndarray] = {}
        for name in found[0]:
            numbers |= by_layer(name, [facts[name] for facts in found], last, start=True)
        for label, (table, grid) in zip(labels, tokens, strict=True):
            arrays |= tiles(label, table, grid)
        many: dict[str, dict[str, float]] = {}
        for label, (table, grid) in tables(subject).items():
            many[label] = alike(table, grid)
            arrays |= tiles(label, table, grid)
        for label, facts in many.items():
            numbers |= finite({f"{label}/{name}": value for name, value in facts.items()})
        for name in found[0] if many else ():
            values = [facts[name] for facts in many.values()]
            numbers |= finite({f"table/{name}": largest(values)})
        return Found(numbers, arrays)


def tables(subject: Subject) -> dict[str, tuple[Tensor, Grid]]:
    """The vectors that a strategy brings in, by layer and name, and the grid they are for."""
    found: dict[str, tuple[Tensor, Grid]] = {}
    for number, layer in enumerate(one(subject.model, subject.images(1))):
        with torch.no_grad():
            views = subject.model.position.views(layer.site)
        for name, view in views.items():
            if name.rpartition("/")[2] == "table":
                found[f"layer{number}/{name}"] = view.detach(), layer.grid
    return found


def alike(table: Tensor, grid: Grid) -> dict[str, float]:
    """The numbers of one table, [cells, dim]."""
    x = table.double()
    raw, centred = cosines(x), cosines(x - x.mean(0))
    i, j = torch.triu_indices(grid.cells, grid.cells, 1, device=x.device)
    return {
        "nearness": float(nearness(centred, grid)),
        "raw_nearness": float(nearness(raw, grid)),
        "row_column": row_plus_column(x, grid),
        "rank": effective_rank(x),
        "lowest": float(raw[i, j].min()),
        "highest": float(raw[i, j].max()),
    }


def tiles(label: str, table: Tensor, grid: Grid) -> dict[str, np.ndarray]:
    """Both pictures of one table."""
    x = table.double()
    views = {"cosine": cosines(x), "centred": cosines(x - x.mean(0))}
    return {
        f"{label}/{name}": view.unflatten(1, grid).unflatten(0, grid).cpu().numpy()
        for name, view in views.items()
    }


PROBE = Similarity()
