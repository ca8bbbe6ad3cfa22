"""Timing things against each other on a machine that is never quite quiet.

Whatever is compared takes turns, over and over; only ratios within a round count. Where others use
the cores too, CPU time tells more than the wall's clock; it counts all threads, those that wait for
others as well, so it is for comparisons on one thread.
"""

import math
import resource
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vitpos.bench.ceilings import Peaks
from vitpos.bench.clocks import Stopwatch, Times

TOO_MUCH = 0.3  # of its median: how far apart the reference's fastest and slowest turn may lie
LEAST = 3  # rounds without which nothing is said
MOST = 20_000  # steps of a turn
LONG = 4  # turns: a first step that takes longer tells enough

Summary = dict[str, float | int]


def nothing() -> None:
    """Nothing to prepare or to close."""


@dataclass(frozen=True)
class Work:
    """Something that makes steps."""

    advance: Callable[[int], object]  # make so many of them
    images: int = 1  # of a step
    prepare: Callable[[], object] = nothing  # puts the process in the state that the steps want
    close: Callable[[], object] = nothing
    facts: Mapping[str, Any] = field(default_factory=dict)  # what is known without a clock
    warm: int = 1  # steps before each turn that do not count
    each: int = 1  # what a step counts for: 8 if it is eight runs and times are those of one


@dataclass(frozen=True)
class Turn:
    """What one contender did in one round."""

    steps: int
    times: Times
    page_faults: int = 0
    ceilings: Peaks = field(default_factory=dict)  # right after it

    def seconds(self, clock: str) -> float | int:
        """Of a step."""
        return self.times.by(clock) / self.steps


Round = dict[str, Turn]


@dataclass(frozen=True)
class Pace:
    """How long turns are, and how many rounds."""

    rounds: int
    seconds: float | int  # of a turn, about; 0: of as few steps as may be
    left: Callable[[], float | int]  # seconds until it should be over
    least: int = 1  # steps of a turn


def alternate(
    works: Mapping[str, Work],
    pace: Pace,
    watch: Stopwatch,
    ceilings: Callable[[], Peaks] = dict,
    told: Callable[[int], object] = lambda done: None,
) -> list[Round]:
    """Rounds in which each has its turn, the order reversed every time.

    As many as `pace` says; fewer if another one would take longer than is left, once there are
    `LEAST`, or nothing is left at all.
    """
    counts = {name: steps_of_a_turn(work, pace, watch) for name, work in works.items()}
    order, rounds = list(works), list[Round]()
    longest = 0.0
    while len(rounds) < pace.rounds:
        before = pace.left()
        if before <= 0 or (len(rounds) >= LEAST and before < longest):
            break
        names = order if len(rounds) % 2 == 0 else order[::-1]
        turns = {name: turn(works[name], counts[name], watch, ceilings) for name in names}
        rounds.append({name: turns[name] for name in order})
        longest = max(longest, before - pace.left())
        told(len(rounds))
    return rounds


def steps_of_a_turn(work: Work, pace: Pace, watch: Stopwatch) -> int:
    """So many that a turn takes about as long as it should, from a step that is timed.

    The first one may be slow for reasons of its own; if it is not very slow, a second one counts.
    """
    if not pace.seconds:
        return pace.least
    work.prepare()
    seconds = timed(work, watch)
    if seconds < LONG * pace.seconds:
        seconds = timed(work, watch)
    wanted = math.ceil(min(pace.seconds / seconds, MOST))
    return max(pace.least, wanted)


def timed(work: Work, watch: Stopwatch) -> float | int:
    """Seconds of one step, by the wall's clock."""
    watch.start()
    work.advance(1)
    return max(watch.stop().wall, 1e-7)


def turn(
    work: Work,
    steps: int,
    watch: Stopwatch,
    ceilings: Callable[[], Peaks] = dict,
) -> Turn:
    """Some steps that do not count, unless they are long ones, then those that do."""
    work.prepare()
    if work.warm and steps > 1:
        work.advance(work.warm)
    faults = page_faults()
    watch.start()
    work.advance(steps)
    times = watch.stop()
    return Turn(steps * work.each, times, page_faults() - faults, ceilings())


def page_faults() -> int:
    """Of this process, those that read nothing from a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def summary(values: Iterable[float | int]) -> Summary:
    """Median and extremes, and of how many."""
    found = list(values)
    return {
        "median": statistics.median(found),
        "min": min(found),
        "max": max(found),
        "n": len(found),
    }


def speeds(rounds: list[Round], name: str, reference: str, clock: str) -> Summary:
    """How many times as fast as the reference, within each round."""
    return summary(r[reference].seconds(clock) / r[name].seconds(clock) for r in rounds)


def costs(rounds: list[Round], name: str, reference: str, clock: str) -> Summary:
    """How many times the reference's time, within each round."""
    return summary(r[name].seconds(clock) / r[reference].seconds(clock) for r in rounds)


def spread(rounds: list[Round], name: str, clock: str) -> float | int:
    """From the fastest to the slowest turn, as a share of the median."""
    found = summary(r[name].seconds(clock) for r in rounds)
    return (found["max"] - found["min"]) / found["median"]
