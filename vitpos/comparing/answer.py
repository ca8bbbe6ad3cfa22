"""What a comparison found: a row for each arm, and what one must know to read them."""

from collections.abc import Mapping
from dataclasses import dataclass

from vitpos.records import Record
from vitpos.statistics import Difference, Interval

LOST = ("failed", "diverged", "unfinished", "damaged", "without", "stopped", "missing")


@dataclass(frozen=True)
class Row:
    """One arm."""

    label: str
    identity: str  # of the arm, whatever its seed
    condition: str  # the group of arms that are compared with each other; "" if there is one
    baseline: str | None  # the label of what it is compared with; None: it is one, or there is none
    values: Mapping[int, float]  # the metric of each finished run, by seed
    lost: Mapping[str, tuple[int, ...]]  # seeds that do not count, by one of LOST; < 0: unknown
    lost_share: Mapping[str, Interval]  # exact 95 % intervals of the rates of failed and diverged
    mean: float | None
    interval: Interval | None  # 95 %
    difference: Difference | None
    rank: int | None  # 1 is best; arms that are not told apart share it
    costs: Mapping[str, float | None]  # by the names in COSTS
    recipe: str  # how its numbers were chosen, if other than all others'; else ""
    runs: tuple[Record, ...]


COSTS = (
    "params",
    "params_embedding",
    "params_extra",  # more than the baseline has
    "flops_per_image",
    "images_per_second",
    "peak_memory_bytes",
    "train_seconds",
)


@dataclass(frozen=True)
class Answer:
    """All arms, the best of each condition first."""

    question: str  # of the study; "" without one
    metric: str
    direction: str  # up or down is better
    alpha: float
    smallest_effect: float
    looks: int  # declared
    looked: int  # made, with this one; 0 without a study
    plan: str  # the digest of the frozen plan; "" without one
    deviations: tuple[str, ...]  # from the plan: then the table is exploratory
    recipe: str  # `fixed recipe`, or `tuned, k trials per arm`
    rows: tuple[Row, ...]
    caption: tuple[str, ...]  # what ran, on what, when: a phrase each
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_exploratory(self) -> bool:
        """Whether what it finds is a guess to be tested, not the answer to a declared question."""
        return not self.plan or bool(self.deviations) or self.looked > self.looks

    @property
    def baselines(self) -> frozenset[tuple[str, str]]:
        """Condition and label of the rows that others are compared with."""
        return frozenset((r.condition, r.baseline) for r in self.rows if r.baseline is not None)
