"""The time there is, divided over parts: what one does not need, those after it get."""

import math
import time
from collections.abc import Callable, Mapping


class Budget:
    """Seconds from now on, shared by parts in proportion to their weights."""

    def __init__(
        self,
        seconds: float | int | None,
        weights: Mapping[str, float | int],
        clock: Callable[[], float | int] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.end = math.inf if seconds is None else clock() + seconds
        self.weights = dict(weights)

    def left(self) -> float | int:
        """Seconds until all of it is spent."""
        return self.end - self.clock()

    def begin(self, part: str) -> Callable[[], float | int]:
        """Take a part's share of what is left; the answer tells what is left of the share."""
        weight = self.weights.pop(part)
        others = sum(self.weights.values())
        left = max(0.0, self.left())
        end = self.clock() + (left * weight / (weight + others) if left < math.inf else math.inf)
        return lambda: end - self.clock()
