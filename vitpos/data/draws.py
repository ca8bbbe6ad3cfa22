"""Random tables of an epoch: one row for each sample of the data set, one generator a purpose.

A row belongs to (seed, purpose, epoch, sample). So neither the batch size nor the order nor the
device moves it, and one change of the images switched on leaves the draws of the others alone.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int16, Int64
from torch import Tensor

from vitpos.keys import generator


@dataclass(frozen=True)
class Draws:
    """What is drawn, on the CPU, for all samples of one epoch."""

    seed: int
    epoch: int
    samples: int

    def integers(
        self, purpose: str, low: int, high: int, columns: int = 1
    ) -> Int64[Tensor, "samples columns"]:
        """Whole numbers, each of `low` to `high` (included) as likely as any other."""
        shape = (self.samples, columns)
        return torch.randint(low, high + 1, shape, generator=self._generator(purpose))

    def uniform(
        self, purpose: str, low: float = 0.0, high: float = 1.0
    ) -> Float64[Tensor, " samples"]:
        """Real numbers in [low, high)."""
        generator = self._generator(purpose)
        return low + (high - low) * torch.rand(
            self.samples, dtype=torch.float64, generator=generator
        )

    def permutations(self, purpose: str, cells: int) -> Int16[Tensor, "samples cells"]:
        """Every order of so many things as likely as any other."""
        shape = (self.samples, cells)
        drawn = torch.rand(shape, dtype=torch.float64, generator=self._generator(purpose))
        return drawn.argsort(dim=1).to(torch.int16)

    def beta(self, purpose: str, alpha: float) -> Float64[Tensor, " samples"]:
        """Beta(alpha, alpha), as g / (g + h) with g and h from Gamma(alpha).

        `torch.distributions` would draw from the global generator. Both gammas of a tiny alpha
        may underflow to 0; the share is then one half.
        """
        alphas = torch.full((2, self.samples), alpha, dtype=torch.float64)
        first, second = torch._standard_gamma(alphas, generator=self._generator(purpose))
        return (first / (first + second)).nan_to_num(0.5)

    def _generator(self, purpose: str) -> torch.Generator:
        return generator(self.seed, f"augment/{purpose}", self.epoch)
