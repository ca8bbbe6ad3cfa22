"""How far probing is, and how long the rest will take."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vitpos.data.samples import Report
from vitpos.words import seconds_words


class Pace:
    """Says before each probe what is measured now; the rest takes as long as what is done."""

    def __init__(self, total: int, report: Report, what: str = "probes") -> None:
        self.total, self.report, self.what = total, report, what
        self.done, self.seconds = 0, 0.0

    @contextmanager
    def of(self, name: str, run: str) -> Iterator[None]:
        """Within it, a probe is measured."""
        self.report(self.done, self.total, f"{run}: {name}{self.left()}")
        started = time.monotonic()
        yield
        self.seconds += time.monotonic() - started
        self.done += 1
        if self.done == self.total:
            self.report(self.done, self.total, self.what)

    def skip(self, jobs: Sequence[object]) -> None:
        """These will not be measured."""
        self.total -= len(jobs)

    def left(self) -> str:
        """How long it will take, once that can be told."""
        if not self.done:
            return ""
        return f" ({seconds_words(self.seconds / self.done * (self.total - self.done))} left)"
