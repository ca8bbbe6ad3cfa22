"""Rotations: how fast planes turn along rows and columns, and what becomes of equal vectors."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.matrices import Turning
from vitpos.embeddings.polar import Polar
from vitpos.embeddings.rotary import Rotary
from vitpos.embeddings.rotary_values import RotaryValues
from vitpos.grid import Grid
from vitpos.pages.cards.parts import Part
from vitpos.pages.cards.tables import distance, larger, rule
from vitpos.pages.coded import signed
from vitpos.probes import places
from vitpos.probes.spectra import Rotation, matrices, waves_of

DIGITS = 4


def rotations(part: Part) -> Iterator[dict[str, Any]]:
    """One object with all blocks, if anything is turned.

    `kernel` is the mean over planes of the cosine between two places, the mean over pairs with the
    same offset: 1 at none. Of matrices it is the mean over channels of R(p)ᵀ R(q).
    """
    now, start = turning(part.now), turning(part.start)
    if now is None or start is None:
        return
    kernel, before = (kernels(x, part, part.grid) for x in (now, start))
    grid = larger(part.grid)
    moved = distance(kernel, before)
    yield {
        "kind": "rotation",
        "title": f"{part.title}: {titled(part.now)}",
        "layers": [part.begin + n for n in part.layers],
        "grid": list(part.grid),
        "frequencies": frequencies(now, part),
        "kernel": signed(kernel, 1.0),
        "start": None if moved == 0 else signed(before, 1.0),
        "moved": moved,
        "other": {
            "grid": list(grid),
            "rule": rule(part),
            "values": signed(kernels(now, part, grid), 1.0),
        },
    }


def turning(strategy: PositionEmbedding) -> Rotation | None:
    """What turns vectors in it, if anything does."""
    found = [m for m in strategy.modules() if isinstance(m, Rotary | Polar | Turning)]
    return found[0] if found else None


def titled(strategy: PositionEmbedding) -> str:
    """What is turned."""
    if isinstance(strategy, RotaryValues):
        both = strategy.turns == "all"
        return "queries, keys and values turn" if both else "values turn, and turn back where read"
    if isinstance(strategy, Polar):
        return "angles of queries and keys"
    return "queries and keys turn"


def frequencies(rotation: Rotation, part: Part) -> list[list[list[list[float]]]]:
    """Radians by cell of every plane: [layers, heads, planes, 2], rows first.

    One layer, or one head, stands for all where all are the same.
    """
    found = torch.stack([waves_of(rotation, bare(part, n)) for n in part.layers])
    found = found.permute(0, 2, 3, 1).double().cpu()  # [layers, heads, planes, 2]
    for axis in (0, 1):
        first = found.narrow(axis, 0, 1)
        if bool((found == first).all()):
            found = first
    return [
        [[[float(f"{w:.{DIGITS}g}") for w in plane] for plane in head] for head in layer]
        for layer in found.tolist()
    ]


def bare(part: Part, layer: int, grid: Grid | None = None) -> Site:
    """A block without prefix tokens."""
    return part.site(layer, grid)._replace(prefix=0)


def kernels(
    rotation: Rotation, part: Part, grid: Grid
) -> Float[Tensor, "layers heads offset_rows offset_cols"]:
    """What equal vectors at two places make together, by offset."""
    found = [places.by_offset(pairs(rotation, bare(part, n, grid)), grid) for n in part.layers]
    kernel = torch.stack(found).cpu()
    return kernel.expand(-1, part.now.trunk.heads, -1, -1)


def pairs(rotation: Rotation, site: Site) -> Float[Tensor, "heads cells cells"]:
    """The same for every pair of a query and a key."""
    if isinstance(rotation, Turning):
        device = next(x.device for x in [*rotation.parameters(), *rotation.buffers()])
        turned = matrices(rotation, rotation.places(site, device), site.layer).flatten(-2)
        return turned @ turned.mT / rotation.trunk.head_dim
    asked = rotation.angles(site).double()
    told = asked
    if isinstance(rotation, Polar):
        told = asked + rotation.phase(site.layer).double()
    real, imaginary = (f(asked) for f in (torch.cos, torch.sin))
    met = real @ told.cos().mT + imaginary @ told.sin().mT
    return met / asked.shape[-1]
