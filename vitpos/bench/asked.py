"""What somebody asked a bench for, and what its parts share."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from vitpos import machine
from vitpos.bench.clocks import Stopwatch, stopwatch
from vitpos.bench.rounds import LEAST


class Missing(Exception):
    """Something optional is not there; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The words of the command line."""

    words: tuple[str, ...] = ()  # overrides of every network
    device: str = "auto"
    threads: int = 0  # of the CPU; 0: as many as there are cores
    clock: str = "auto"  # auto wall cpu device
    rounds: int = 0  # 0: five, or three if it is to be quick
    quick: bool = False
    force: bool = False  # answer on a restless machine too


Say = Callable[[str], object]


@dataclass(kw_only=True)
class Bench:
    """One part at work: what was asked, on which device, how long it may take."""

    asked: Asked
    left: Callable[[], float | int] = lambda: math.inf  # seconds
    say: Say = lambda text: None
    device: torch.device = field(init=False)
    threads: int = field(init=False)

    def __post_init__(self) -> None:
        self.device = machine.find_device(self.asked.device)
        self.threads = self.asked.threads or machine.cores()

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU."""
        return self.device.type == "cuda"

    @property
    def quick(self) -> bool:
        """Whether rough answers will do."""
        return self.asked.quick

    @property
    def rounds(self) -> int:
        """How often contenders take turns."""
        return self.asked.rounds or (LEAST if self.quick else 5)

    @property
    def usual(self) -> bool:
        """Whether networks are those that goals are about."""
        return not self.asked.words

    def watch(self) -> Stopwatch:
        """A new one, that fits the device."""
        return stopwatch(self.device)
