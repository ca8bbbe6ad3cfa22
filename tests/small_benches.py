"""What the tests of benches share: a clock that is told how late it is, works that take time."""

import math
from dataclasses import replace

from vitpos.bench.asked import Asked, Bench
from vitpos.bench.clocks import Stopwatch
from vitpos.bench.rounds import Work

TINY = ("backbone.depth=1", "backbone.dim=24", "backbone.heads=1", "training.batch_size=4")


class Clock:
    """Seconds that pass only when a work says so; CPU time passes half as fast."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def watch(self):
        """A stopwatch that reads it."""
        return Stopwatch(self, lambda: self.now / 2)

    def work(self, *seconds, said=None, name="", **options):
        """Steps that take so long, the last of them for ever."""
        left = list(seconds)

        def advance(count):
            for _ in range(count):
                self.now += left.pop(0) if len(left) > 1 else left[0]

        prepare = (lambda: said.append(name)) if said is not None else (lambda: None)
        return Work(advance, prepare=prepare, **options)


def bench(*words, left=lambda: math.inf, **asked):
    """A part at work on the CPU."""
    usual = Asked(words=(*TINY, *words), device="cpu", threads=1, rounds=3, quick=True)
    usual = replace(usual, force=True, clock="wall")
    return Bench(asked=replace(usual, **asked), left=left)
