"""Timing things against each other on a machine that is never quite quiet.

Whatever is compared takes turns, over and over, in one process; only ratios within a round count.
Where other processes have the cores too, CPU time tells more than the clock on the wall; it counts
all threads, those that wait for others as well, so it is for comparisons on one thread.
"""

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

CLOCKS = {"wall": ("rate", time.perf_counter), "cpu": ("cpu_rate", time.process_time)}
TOO_MUCH = 0.3  # of its median: how far apart the reference's slowest and fastest turn may lie


@dataclass(frozen=True)
class Contender:
    """Something that makes steps of so many images."""

    steps: Iterator[object]  # each item is a step
    images: int
    prepare: Callable[[], object]  # puts the process in the state that the steps want
    flops: int = 0  # of a training step, per image


@dataclass(frozen=True)
class Turn:
    """What one contender did in one round."""

    rate: float  # images a second
    cpu_rate: float  # images a second of CPU time, of all threads together
    page_faults: float  # per image
    peaks: Mapping[str, float]  # right after it: what the machine could do at that time


Round = dict[str, Turn]


def turn(
    contender: Contender, seconds: float, least: int, probe: Callable[[], Mapping[str, float]]
) -> Turn:
    """A step that does not count, then steps for so many seconds, at least so many of them."""
    contender.prepare()
    next(contender.steps)
    done, start, cpu, faults = 0, time.perf_counter(), time.process_time(), page_faults()
    while done < least or time.perf_counter() - start < seconds:
        next(contender.steps)
        done += 1
    images = done * contender.images
    rate, cpu_rate = images / (time.perf_counter() - start), images / (time.process_time() - cpu)
    return Turn(rate, cpu_rate, (page_faults() - faults) / images, probe())


def alternate(
    contenders: Mapping[str, Contender],
    *,
    rounds: int,
    seconds: float,
    least: int,
    probe: Callable[[], Mapping[str, float]] = dict,
) -> list[Round]:
    """Rounds in which each has its turn, the order reversed every time; a probe after each turn."""
    order, turns = list(contenders), []
    for number in range(rounds):
        names = order if number % 2 == 0 else order[::-1]
        turns.append({name: turn(contenders[name], seconds, least, probe) for name in names})
    return turns


def page_faults() -> int:
    """Of this process, those that read nothing from a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def summary(values: list[float]) -> dict[str, float]:
    """Median and extremes."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(rounds: list[Round], name: str, reference: str, what: str) -> dict[str, float]:
    """How many times the reference's rate, within each round."""
    return summary([getattr(r[name], what) / getattr(r[reference], what) for r in rounds])


def spread(rounds: list[Round], name: str, what: str) -> float:
    """From the slowest to the fastest turn, as a share of the median."""
    found = summary([getattr(r[name], what) for r in rounds])
    return (found["max"] - found["min"]) / found["median"]


def load() -> list[float]:
    """Processes that want a core, on average over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def peaks(clock: Callable[[], float], size: int = 2048, tries: int = 3) -> dict[str, float]:
    """Operations a second of a square matrix product in each precision, the best of some tries."""
    found = {}
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        left, right = (torch.randn(size, size).to(dtype) for _ in range(2))
        times, out = [], torch.empty(size, size, dtype=dtype)
        for _ in range(tries):
            start = clock()
            torch.mm(left, right, out=out)
            times.append(clock() - start)
        found[name] = 2 * size**3 / min(times)
    return found
