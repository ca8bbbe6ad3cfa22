"""Numbers of layers under their names, and one that stands for all of them."""

from collections.abc import Callable, Sequence
from math import isfinite

Values = Sequence[float]


def by_layer(
    name: str, values: Values, summary: Callable[[Values], float], *, start: bool = False
) -> dict[str, float]:
    """``layer0/name`` on, and ``name`` for all layers; what is not finite is left out.

    With `start` the first value is that of the tokens which enter the first block.
    """
    labels = ["start"] if start else []
    labels += [f"layer{i}" for i in range(len(values) - start)]
    found = {f"{label}/{name}": v for label, v in zip(labels, values, strict=True)}
    return finite(found | {name: summary(values)})


def finite(numbers: dict[str, float]) -> dict[str, float]:
    """What could be measured."""
    return {name: float(value) for name, value in numbers.items() if isfinite(value)}


def last(values: Values) -> float:
    """Of the last layer."""
    return values[-1]


def mean(values: Values) -> float:
    """Over those layers where it could be measured."""
    there = [value for value in values if isfinite(value)]
    return sum(there) / len(there) if there else float("nan")


def largest(values: Values) -> float:
    """Of the layer that has most of it."""
    return max((value for value in values if isfinite(value)), default=float("nan"))
