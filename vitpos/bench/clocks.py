"""What time is taken with: the wall's clock, CPU time, events of a GPU, and how busy others are."""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

Number = float | int
CLOCKS = ("wall", "cpu", "device")
BUSY = 0.25  # cores that others use, from which on CPU time tells more than the wall's clock


@dataclass(frozen=True)
class Times:
    """How long something took, in seconds."""

    wall: float | int
    cpu: float | int  # of all threads together, those that wait for others as well
    device: float | int | None = None  # between two events on the GPU

    def by(self, clock: str) -> float | int:
        """By one of `CLOCKS`; by the wall's where there is no GPU."""
        found = {"wall": self.wall, "cpu": self.cpu, "device": self.device}[clock]
        return self.wall if found is None else found


class Stopwatch:
    """Times what this process does; `cpu` may count other processes instead."""

    def __init__(
        self,
        wall: Callable[[], float | int] = time.perf_counter,
        cpu: Callable[[], float | int] = time.process_time,
    ) -> None:
        self.wall, self.cpu = wall, cpu
        self.began = wall(), cpu()

    def start(self) -> None:
        """From now on."""
        self.began = self.wall(), self.cpu()

    def stop(self) -> Times:
        """Until now."""
        wall, cpu = self.began
        return Times(self.wall() - wall, self.cpu() - cpu)


class CudaStopwatch(Stopwatch):
    """Times what a GPU does, too: events on either side of all its work, on whatever stream."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.first, self.last = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def start(self) -> None:
        """Once everything asked for earlier is done."""
        torch.cuda.synchronize(self.device)
        super().start()
        self.first.record()

    def stop(self) -> Times:
        """Once everything asked for since is done."""
        torch.cuda.synchronize(self.device)
        self.last.record()
        self.last.synchronize()
        return replace(super().stop(), device=self.first.elapsed_time(self.last) / 1000)


def stopwatch(device: torch.device) -> Stopwatch:
    """What fits the device."""
    return CudaStopwatch(device) if device.type == "cuda" else Stopwatch()


def of_children() -> float:
    """CPU seconds of the processes that this one started and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Others:
    """How many cores processes that are not ours have used since it was made, on average.

    Linux tells what all processes used since it was started. Elsewhere nothing is known: None.
    """

    def __init__(self) -> None:
        self.began = time.perf_counter(), used_by_all(), used_by_us()

    def cores(self) -> float | None:
        """On average until now."""
        began, everything, ours = self.began
        now, wall = used_by_all(), time.perf_counter() - began
        if now is None or everything is None or wall <= 0:
            return None
        return max(0.0, (now - everything - (used_by_us() - ours)) / wall)


def used_by_us() -> float:
    """CPU seconds of this process and those it waited for."""
    return time.process_time() + of_children()


def used_by_all(told: Path = Path("/proc/stat")) -> float | None:
    """CPU seconds of the whole machine: user, nice, system, interrupts, and stolen by its host."""
    if not told.exists():
        return None
    words = told.read_text().split("\n", 1)[0].split()
    ticks = [int(word) for word in words[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")


def choose(asked: str, device: torch.device, others: float | int | None) -> str:
    """The clock that ratios are taken by: of a GPU its own; CPU time where others compute too."""
    cuda = device.type == "cuda"
    if asked == "device" and not cuda:
        return "wall"
    if asked != "auto":
        return asked
    if cuda:
        return "device"
    return "cpu" if others is not None and others > BUSY else "wall"
