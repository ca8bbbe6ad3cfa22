"""What the device could do: operations a second of a matrix product, bytes a second of a copy.

Measured beside what is compared with it, since both move with the clock of the chip and with what
else the machine does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from vitpos.bench.clocks import Stopwatch, stopwatch
from vitpos.machine import DTYPES

SIDES = {"cuda": 8192, "cpu": 2048, "mps": 4096}  # of the matrices: large enough to be fast
COPIED = {"cuda": 2**30, "cpu": 2**28, "mps": 2**29}  # bytes: more than a cache holds
REPEATS = {"cuda": 5, "cpu": 1, "mps": 3}
TRIES = 3


@dataclass
class Ceilings:
    """Probes of one device; the matrices are made once."""

    device: torch.device
    precisions: tuple[str, ...]
    side: int = 0
    copied: int = 0
    clock: str = "wall"  # that of which the best try counts
    tensors: dict[str, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = self.device.type
        side = self.side = self.side or SIDES[kind]
        self.copied = self.copied or COPIED[kind]
        for name in self.precisions:
            pair = [torch.randn(side, side, device=self.device).to(DTYPES[name]) for _ in range(2)]
            self.tensors[name] = (pair[0], pair[1], torch.empty_like(pair[0]))
        self.source = torch.ones(self.copied // 4, device=self.device)
        self.target = torch.empty_like(self.source)

    def __call__(self) -> Mapping[str, float]:
        """``bf16``, ``fp32`` ...: operations a second; ``copy``: bytes a second, read and written.

        The best of some tries each.
        """
        watch, found = stopwatch(self.device), dict[str, float]()
        for name, (left, right, out) in self.tensors.items():
            seconds = self.best(partial(torch.mm, left, right, out=out), watch)
            found[name] = 2 * self.side**3 / seconds
        seconds = self.best(partial(self.target.copy_, self.source), watch)
        return found | {"copy": 2 * 4 * (self.copied // 4) / seconds}

    def best(self, work: Callable[[], object], watch: Stopwatch) -> float:
        """Seconds of one time, of the fastest try."""
        repeats, times = REPEATS[self.device.type], []
        for _ in range(TRIES):
            watch.start()
            for _ in range(repeats):
                work()
            times.append(max(watch.stop().by(self.clock), 1e-9) / repeats)
        return min(times)


def bytes_of_step(
    *, tokens: int, dim: int, depth: int, mlp_ratio: float | int, width: int, params: int
) -> float:
    """Bytes that a training step must move if each matrix product is a kernel of its own.

    Counted for norms, rotations, activations and residuals that are part of the products beside
    them: 14 + 2 m tensors [tokens, dim] of `width` bytes a number in a block's forward pass, twice
    that and four in its backward pass, m the ratio of the perceptron. Each weight takes 38 bytes:
    AdamW in float32, and a copy in half precision. Real steps move half as much again.
    """
    forward = 14 + 2 * mlp_ratio
    return (3 * forward + 4) * tokens * dim * width * depth + 38 * params
