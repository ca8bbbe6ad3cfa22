"""How far heads look, and how sharply: the probe `attention`, head by head."""

from typing import Any

from vitpos.pages.opened import Opened
from vitpos.probes import controls
from vitpos.probes.attention import Look, side
from vitpos.probes.trace import traced


def reach(one: Opened) -> dict[str, Any]:
    """Mean attention distance in pixels and entropy (1: uniform) of each head of each block."""
    why = controls.too_small(one.subject)
    if why:
        return {"why_not": why}
    images, looks = controls.natural(one.subject), dict[int, Look]()
    for layers in traced(one.subject.model, images, attention=True):
        for number in one.blocks:
            layer = layers[number]
            if number not in looks:
                looks[number] = Look(layer, side(images, layer.grid))
            looks[number].add(layer)
    return {
        "layers": list(looks),
        "pixels": [rounded(look.distance.tolist()) for look in looks.values()],
        "entropy": [rounded(look.entropy.tolist()) for look in looks.values()],
        "uniform": float(looks[one.blocks[0]].reach.mean()),
        "images": len(images),
    }


def rounded(values: list[float]) -> list[float]:
    """To as many digits as one can see."""
    return [float(f"{value:.5g}") for value in values]
