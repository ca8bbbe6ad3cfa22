"""How far the members of a sweep are, and who is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from vitpos.sweeps.plan import Plan

KINDS = (
    "planned",
    "elsewhere",  # another process has it
    "queued",  # by a cluster
    "running",
    "paused",  # by the rule for early stopping, may go on
    "finished",
    "interrupted",
    "failed",
    "diverged",
    "stopped",  # by the rule for early stopping
)


@dataclass(frozen=True)
class State:
    """Of one member."""

    kind: str
    path: Path | None = None  # of its run folder, once there is one
    step: int = 0
    steps: int = 0  # of the whole run; 0: not known yet
    rate: float = 0.0  # images per second
    value: float | None = None  # the study's metric, once finished
    seconds: float = 0.0  # that this sweep spent on it
    detail: str = ""  # what went wrong, in a few words


@runtime_checkable
class Watch(Protocol):
    """Whoever shows a sweep to somebody."""

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """The sweep is about to start its first member; a state for each member of the plan."""

    def change(self, number: int, state: State) -> None:
        """A member, counted from 0, is further, or has become something else."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def tick(self) -> None:
        """Time has passed: told a few times a second."""

    def end(self) -> None:
        """The sweep is over, whatever the reason."""
