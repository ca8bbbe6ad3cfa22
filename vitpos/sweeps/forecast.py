"""How long the rest of a sweep takes, from what its members took so far. Pure arithmetic.

What an arm took is the best guess for its other seeds. An arm of which none is over is guessed from
the others by the work that it is; where nothing was measured, nothing is said.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from vitpos import sizes
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
    plan, backbone = sizes.stages_of(run), run.backbone
    found: float = sizes.reading(run.patch, run.dataset.channels, run.image_size, backbone.dim)
    for stage in plan:
        mixing: float = 4 * stage.dim + 2 * stage.tokens if stage.attends else 9
        mixing += 2 * backbone.mlp_ratio * stage.dim
        found += stage.depth * stage.tokens * stage.dim * mixing
    found += sum(4 * a.dim * b.dim * b.cells for a, b in pairwise(plan))
    last = plan[-1]
    if backbone.pool == "attention":
        found += last.dim * (2 * last.cells * (last.dim + 1) + last.dim)
    return round(2 * (found + last.dim * (run.dataset.classes or 0)))
