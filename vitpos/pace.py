"""How fast the steps of a run follow one another."""

import time


class Pace:
    """Counts the time of steps, and not that of validation, saving and drawing.

    The first step of a process stands apart: whatever is compiled is compiled in it. On a GPU the
    times of single steps say little, because the host runs ahead; the last of an epoch waits.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.last = time.monotonic()
        self.first: float | None = None  # seconds of the first step
        self.seconds, self.images = 0.0, 0  # of this epoch's other steps
        self.apart = 0.0  # of the first step, if it was in this epoch

    def step(self, now: float) -> None:
        """A step ended at `now`, by `time.monotonic`."""
        spent, self.last = now - self.last, now
        if self.first is None:
            self.first = self.apart = spent
        else:
            self.seconds += spent
            self.images += self.batch

    @property
    def rate(self) -> float:
        """Images per second in this epoch so far; 0 while unknown."""
        return self.images / self.seconds if self.seconds else 0.0

    def epoch(self) -> dict[str, float]:
        """The numbers of an epoch whose last step was told."""
        return {
            "perf/images_per_second": round(self.rate, 2),
            "perf/seconds": round(self.seconds + self.apart, 4),
        }

    def begin(self) -> None:
        """A new epoch begins now."""
        self.seconds, self.images, self.apart = 0.0, 0, 0.0
        self.last = time.monotonic()
