"""What the device could do: operations a second of a matrix product, bytes a second of a copy.

Measured beside what is compared with it, since both move with the clock of the chip and with what
else the machine does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from vitpos.bench.clocks import CLOCKS, Number, Stopwatch, Times, stopwatch
from vitpos.machine import DTYPES

SIDES = {"cuda": 8192, "cpu": 2048, "mps": 4096}  # of the matrices: large enough to be fast
COPIED = {"cuda": 2**30, "cpu": 2**28, "mps": 2**29}  # bytes: more than a cache holds
REPEATS = {"cuda": 5, "cpu": 1, "mps": 3}
TRIES = 3
Peaks = Mapping[str, Mapping[str, Number]]


@dataclass
class Ceilings:
    """Probes of one device; the matrices are made once."""

    device: torch.device
    precisions: tuple[str, ...]
    side: int = 0
    copied: int = 0
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

    def __call__(self) -> Peaks:
        """``bf16``, ``fp32`` ...: operations a second; ``copy``: bytes a second, read and written.

        By each clock, of the best of some tries: what is compared with it is timed by one of them.
        """
        watch, found = stopwatch(self.device), dict[str, Mapping[str, Number]]()
        for name, (left, right, out) in self.tensors.items():
            product = partial(torch.mm, left, right, out=out)
            found[name] = self.best(product, watch, 2 * self.side**3)
        copied = partial(self.target.copy_, self.source)
        return found | {"copy": self.best(copied, watch, 2 * 4 * (self.copied // 4))}

    def best(
        self, work: Callable[[], object], watch: Stopwatch, amount: int
    ) -> Mapping[str, Number]:
        """How much of it is done in a second, by each clock, in the fastest try."""
        repeats, times = REPEATS[self.device.type], list[Times]()
        for _ in range(TRIES):
            watch.start()
            for _ in range(repeats):
                work()
            times.append(watch.stop())
        return {
            clock: amount * repeats / max(min(t.by(clock) for t in times), 1e-9) for clock in CLOCKS
        }


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
