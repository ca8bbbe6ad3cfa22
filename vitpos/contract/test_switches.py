"""Every choice that a file leaves open can be made."""

from collections.abc import Iterator
from typing import Any

import torch

from vitpos.errors import BadInput
from vitpos.specimens import fitting, noise, read, suits, vit
from vitpos.switches import SWITCHES, flat

MOVES = {"augment.shift": 0.2, "augment.jitter": 1.5, "augment.rescale": 2.0, "augment.local": 0.5}


def test_every_choice_works(file: str) -> None:
    """Each value of each switch, and each word and truth value, is built, scores and learns."""
    broken = [
        f"{key} = {value}: {why}"
        for key, value in choices(file)
        if (why := fails(file, key, value))
    ]

    assert broken == [], broken


def choices(file: str) -> Iterator[tuple[str, Any]]:
    """Keys, and all values that their rules name; of numbers that move, one that does."""
    given = read(file)
    needs = given.get("_needs_", {})
    for key, default in flat(given).items():
        if key.startswith("_"):
            continue
        rules = needs.get(key, SWITCHES[key].rules if key in SWITCHES else {})
        values = list(rules.get("one_of", [False, True] if isinstance(default, bool) else []))
        if key in MOVES and rules.get("at_most", 1) > 0:
            values = [MOVES[key]]
        elif key == "fraction":
            values = [0.5]
        yield from ((key, value) for value in values if value != default)


def fails(file: str, key: str, value: Any) -> str:
    """What goes wrong with this choice in a small network, if it does in a wider one too."""
    outer, _, inner = key.partition(".")
    change = {outer: {**read(file)[outer], inner: value}} if inner else {key: value}
    small = fitting(file)
    why = tried(file, change, small)
    wide = small | {"dim": 128, "heads": 2}
    return why if why and not (suits(file, wide) and not tried(file, change, wide)) else ""


def tried(file: str, change: dict[str, Any], sizes: dict[str, Any]) -> str:
    """What goes wrong in a step of training and after it, on a grid that it was not built for."""
    try:
        torch.manual_seed(0)
        model = vit(file, changes=change, pool="cls", registers=1, **sizes).train()
        scores = model(noise(2, 3, 12, 20))
        scores.square().mean().backward()
        with torch.no_grad():
            still = model.eval()(noise(2, 3, 12, 20))
    except (ValueError, RuntimeError, TypeError, BadInput) as error:
        return f"{type(error).__name__}: {error}"[:200]
    grads = [weight.grad for weight in model.position.parameters() if weight.grad is not None]
    whole = all(tensor.isfinite().all() for tensor in (scores, still, *grads))
    return "" if whole else "not finite"
