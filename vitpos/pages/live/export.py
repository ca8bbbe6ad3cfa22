"""One trained network, ready for a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vitpos.errors import BadInput
from vitpos.pages.live.lowering import lowered
from vitpos.pages.live.parity import expected, measure
from vitpos.pages.live.stored import RUNGS, Store
from vitpos.pages.live.tracing import traced
from vitpos.pages.live.watched import Watched
from vitpos.pages.payload import encoded
from vitpos.probes.asking import no_classes, no_patches
from vitpos.probes.subject import Subject

BUDGET = 3_000_000  # bytes of the page
SHOWN = tuple(range(6))


@dataclass(frozen=True)
class Live:
    """What a page is told of the network, and its bytes."""

    meta: dict[str, Any]
    blob: bytes


def export(
    subject: Subject,
    classes: Sequence[str],
    shown: Sequence[int] = SHOWN,
    budget: int = BUDGET,
) -> Live:
    """The network for a page that shows these test images, by number.

    Its numbers are kept as exactly as the budget allows, in bytes of the page. `BadInput` says why
    a network cannot be shown so.
    """
    if why := no_classes(subject):
        raise BadInput(f"--live: {why}")
    pixels = subject.samples.pixels[:1].float()
    watched = Watched(subject)
    program = traced(watched, pixels)
    listing, picture, outputs = lowered(program)
    for rung in RUNGS:
        store = Store(listing, picture, outputs, rung)
        blob, graph = store.packed()
        size = len(encoded(blob))
        if size <= budget:
            break
    else:
        raise BadInput(
            f"--live: the network takes {size:,} bytes of the page, more than {budget:,}"
        )
    stored = program.changed(store.kept)
    meta = {
        "graph": list(graph),
        "size": list(pixels.shape[-2:]),
        "channels": pixels.shape[1],
        "grid": list(watched.blocks[0].grid),
        "dim": outputs[1].layout.shape[-1],
        "blocks": [block._asdict() for block in watched.blocks],
        "prefix": prefix(subject),
        "classes": list(classes),
        "apart": not no_patches(subject),
        "adds": program.outputs[1] != program.outputs[2],
        "expected": expected(stored, subject, shown),
        "parity": measure(watched, program, stored, subject)._asdict(),
        "stored": rung._asdict() | {"bytes": size},
    }
    return Live(meta, blob)


def prefix(subject: Subject) -> list[str]:
    """Names of the tokens that have no place."""
    backbone = subject.run.backbone
    first = ["CLS"] if backbone.pool == "cls" else []
    return first + [f"register {number + 1}" for number in range(backbone.registers)]
