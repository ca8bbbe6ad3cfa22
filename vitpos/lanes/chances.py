"""What dropout and stochastic depth draw, for each lane from the generator of its own run."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from vitpos.keys import key


class Chances:
    """The random numbers of one step: lane i draws those that its run would draw alone."""

    def __init__(self, streams: Sequence[int], step: int, device: torch.device) -> None:
        self.generators = [
            torch.Generator(device).manual_seed(key(stream, "step", step)) for stream in streams
        ]

    def uniform(self, *shape: int) -> Float[Tensor, "lanes ..."]:
        """In 0..1, each lane its own."""
        return torch.stack(
            [torch.rand(shape, generator=g, device=g.device) for g in self.generators]
        )

    def dropout(self, x: Float[Tensor, "lanes ..."], share: float) -> Float[Tensor, "lanes ..."]:
        """Dropout as `torch.nn.Dropout` does it on a CPU: the same numbers become zero."""
        kept = torch.empty_like(x)
        for row, generator in zip(kept, self.generators, strict=True):
            row.bernoulli_(1 - share, generator=generator)
        return x * kept.div_(1 - share)
