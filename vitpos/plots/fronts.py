"""Accuracy against cost: which arms nothing cheaper beats."""

from collections.abc import Sequence
from dataclasses import dataclass

from vitpos.comparing.answer import Row
from vitpos.statistics import Interval

COSTS = {  # as they are asked for: the name in an answer, what it is, units with their sizes
    "params": ("params", "parameters", (("", 1), ("k", 1e3), ("M", 1e6))),
    "flops": (
        "flops_per_image",
        "operations per image",
        (("", 1), ("k", 1e3), ("M", 1e6), ("G", 1e9)),
    ),
    "seconds": ("train_seconds", "time to train", (("s", 1), ("min", 60), ("h", 3600))),
    "memory": ("peak_memory_bytes", "peak memory", (("MiB", 2**20), ("GiB", 2**30))),
}
MEASURED = ("seconds", "memory")  # by this machine, on that day


@dataclass(frozen=True)
class Point:
    """An arm: what it costs, and what it reaches."""

    label: str
    cost: float
    costs: tuple[float, float]  # of the cheapest and the dearest run, where it is measured
    mean: float
    interval: Interval | None
    n: int
    standing: str  # "front"; "open": its interval reaches the front; "dominated"


def points(rows: Sequence[tuple[str, Row]], cost: str, direction: str) -> list[Point]:
    """The arms that have both, with how each stands beside all others."""
    name = COSTS[cost][0]
    found = []
    for label, row in rows:
        price = row.costs.get(name)
        if row.mean is None or price is None:
            continue
        spent = [run.number(f"perf/{name}") for run in row.runs] if cost in MEASURED else []
        known = [value for value in spent if value is not None] or [price]
        found.append(
            (label, price, (min(known), max(known)), row.mean, row.interval, len(row.values))
        )
    sign = 1 if direction == "up" else -1
    steps = [(price, sign * mean) for _, price, _, mean, _, _ in found]
    return [
        Point(*arm, standing=standing(step, arm[4], steps, sign))
        for arm, step in zip(found, steps, strict=True)
    ]


def standing(
    own: tuple[float, float],
    interval: Interval | None,
    all_: Sequence[tuple[float, float]],
    sign: int,
) -> str:
    """Where an arm stands; higher is better here. Of two that are alike, neither is dominated."""
    if not any(other != own and other[0] <= own[0] and other[1] >= own[1] for other in all_):
        return "front"
    best = max(mean for price, mean in all_ if price <= own[0])
    reaches = interval is not None and max(sign * end for end in interval) >= best
    return "open" if reaches else "dominated"


def staircase(found: Sequence[Point], direction: str) -> list[tuple[float, float]]:
    """The front from the cheapest to the dearest: what is reached for at most so much."""
    sign = 1 if direction == "up" else -1
    corners = {(p.cost, sign * p.mean) for p in found if p.standing == "front"}
    return [(cost, sign * mean) for cost, mean in sorted(corners)]


def unit(cost: str, most: float) -> tuple[float, str]:
    """By what to divide for numbers that can be read, and what the axis says."""
    _, words, units = COSTS[cost]
    name, size = max(
        ((n, s) for n, s in units if s <= most or s == units[0][1]), key=lambda u: u[1]
    )
    return float(size), f"{words} ({name})" if name else words
