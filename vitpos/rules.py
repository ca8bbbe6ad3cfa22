"""What a study may declare besides its question: how it is tuned before, and when arms are stopped.

::

    tune: {grid: {training.lr: [5.0e-4, 1.0e-3, 2.0e-3]}, seeds: 2}
    stopping: {epochs: [5, 15], keep: 0.5, metric: val/accuracy}

Both look at validation images only.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vitpos.errors import Problem
from vitpos.identities import COSMETIC
from vitpos.schema import value
from vitpos.typed import record, typed

Report = Callable[[Problem], None]

OF_THE_STUDY = ("embedding", "dataset", "seed", "replica", *COSMETIC)  # nothing to be tuned
SEEDS = 2  # of a tuning that does not say how many


@dataclass(frozen=True)
class Tuning:
    """The same values for every arm, all combinations of them, each with the same seeds."""

    grid: Mapping[str, tuple[Any, ...]]
    seeds: int


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Successive halving: after each of these epochs only the best arms of a seed go on."""

    epochs: list[int] = value(at_least=1)
    keep: float = value(above=0, below=1)  # share of the arms of a seed
    metric: str = value(one_of=("val/accuracy", "val/loss"))

    @property
    def direction(self) -> str:
        """Where better is: up or down."""
        return "down" if self.metric == "val/loss" else "up"

    def words(self) -> str:
        """The rule, for people."""
        epochs = " and ".join(map(str, self.epochs))
        return (
            f"after epoch {epochs} the best {self.keep:.0%} of the arms of a seed by {self.metric}"
            " go on, and baselines"
        )


def tuning(data: Any, report: Report) -> Tuning | None:
    """The part `tune` of a study's file; None if it has none, or one that is wrong."""
    if data is None:
        return None
    if not isinstance(data, Mapping) or not isinstance(data.get("grid"), Mapping):
        report(Problem(f"tune = {data}: must hold a grid", "tune: {grid: {KEY: [..]}, seeds: 2}"))
        return None
    for name in data.keys() - {"grid", "seeds"}:
        report(Problem(f"unknown key tune.{name}", "grid and seeds"))
    seeds = trial_seeds(data.get("seeds", SEEDS), "tune.seeds", report)
    grid = {str(key): values(str(key), item, report) for key, item in data["grid"].items()}
    return Tuning(grid, seeds)


def trial_seeds(count: Any, name: str, report: Report) -> int:
    """With how many seeds each point is tried."""
    number = typed(int, count, name, report)
    if isinstance(number, int) and not 1 <= number <= 1000:
        report(Problem(f"{name} = {number}: must be 1 to 1000"))
    return number if isinstance(number, int) else 1


def values(key: str, found: Any, report: Report) -> tuple[Any, ...]:
    """An axis of the grid, each value once."""
    if key in OF_THE_STUDY:
        report(Problem(f"tune.grid.{key} is nothing to be tuned: it is the study's", "training.lr"))
    if not isinstance(found, list) or not found:
        report(Problem(f"tune.grid.{key} = {found}: must be a list of values", f"{key}: [..]"))
        return ()
    axis = [number(item) for item in found]
    for place, item in enumerate(axis):
        if item in axis[:place]:
            report(Problem(f"tune.grid.{key}: {item} twice"))
    return tuple(axis)


def number(item: Any) -> Any:
    """YAML takes ``5e-4`` for a word; who tunes means a number."""
    if not isinstance(item, str):
        return item
    try:
        found = float(item)
    except ValueError:
        return item
    return found if math.isfinite(found) else item


def stopping(data: Any, path: str, report: Report) -> Stopping | None:
    """The part `stopping`; None if there is none, or one that is wrong."""
    if data is None:
        return None
    found = record(Stopping, data, path, report)
    if found is None:
        return None
    if not found.epochs or found.epochs != sorted(set(found.epochs)):
        report(Problem(f"{path}.epochs = {found.epochs}: must be some epochs, each after the last"))
    return Stopping(epochs=found.epochs, keep=found.keep, metric=found.metric)
