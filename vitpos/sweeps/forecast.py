"""How long the rest of a sweep takes, from what its members took so far. Pure arithmetic.

What an arm took is the best guess for its other seeds. An arm of which none is over is guessed from
the others by the work that it is; where nothing was measured, nothing is said.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from vitpos.schema import Run


@dataclass(frozen=True)
class Experience:
    """What members took, and how much work each arm is."""

    measured: Mapping[str, Sequence[float]]  # seconds of whole members, by arm
    work: Mapping[str, float]  # of a whole member, by arm, in any unit that all share

    def guesses(self) -> dict[str, float]:
        """Seconds for a whole member of each arm of which anything can be said."""
        known = {arm: median(took) for arm, took in self.measured.items() if took}
        paces = [took / self.work[arm] for arm, took in known.items() if self.work.get(arm)]
        if paces:
            pace = median(paces)
            known = {arm: size * pace for arm, size in self.work.items() if size} | known
        return known


def seconds_left(running: Iterable[float], waiting: Iterable[float], slots: int) -> float:
    """Until the last member is over, if each waiting one takes the slot that is free first.

    `running` are the seconds left of those that run, `waiting` those of the others in their order.
    """
    ends = sorted(max(0.0, left) for left in running)
    free = max(1, slots) - len(ends)
    ends = [0.0] * free + ends
    for seconds in waiting:
        heapq.heapreplace(ends, ends[0] + max(0.0, seconds))
    return max(ends)


def work(run: Run, images: int) -> float:
    """Operations of the passes of `run` over that many training images in all its epochs.

    Counted for a transformer without position: the embeddings of a study differ by less than
    machines do.
    """
    return float(flops(run)) * images * run.training.epochs


def flops(run: Run) -> int:
    """Operations of one forward pass of one image, as `metrics.cost` counts them with `none`."""
    backbone, cells = run.backbone, (run.image_size // run.patch.size) ** 2
    tokens = cells + (backbone.pool == "cls") + backbone.registers
    pixels = run.dataset.channels * run.patch.size**2
    mixing = (4 + 2 * backbone.mlp_ratio) * backbone.dim + 2 * tokens
    blocks = backbone.depth * tokens * backbone.dim * mixing
    ends = backbone.dim * (cells * pixels + (run.dataset.classes or 0))
    return round(2 * (blocks + ends))
