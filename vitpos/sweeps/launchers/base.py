"""What a launcher is asked: start a member of a frozen plan in a slot, tell when it is over."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from vitpos import plugins


@dataclass(frozen=True)
class Task:
    """One member of a frozen plan, and under what circumstances it shall run."""

    plan: Path
    number: int  # of the member in the plan, from 0
    log: Path  # where its output goes
    threads: int  # of the CPU; 0: as the run says
    until: int | None  # stop after so many epochs, to go on later

    def words(self) -> list[str]:
        """The command of the process."""
        return [sys.executable, "-m", "vitpos.sweeps.member", *self.arguments()]

    def arguments(self) -> list[str]:
        """What the program is told."""
        found = [str(self.plan), str(self.number)]
        found += [f"--threads={self.threads}"] if self.threads else []
        found += [f"--until={self.until}"] if self.until is not None else []
        return found + [word for name in plugins.TRUSTED for word in ("--plugin", name)]


@runtime_checkable
class Job(Protocol):
    """A member that was started."""

    def waits(self) -> bool:
        """Whether it is in the queue of a cluster still."""

    def poll(self) -> int | None:
        """Its exit code once it is over, negative for a signal; None while it runs or waits."""

    def send(self, number: int) -> None:
        """Send it a signal, if it is not over."""


@runtime_checkable
class Launcher(Protocol):
    """Something that runs members in slots."""

    @property
    def slots(self) -> int:
        """How many members it runs, or holds in its queue, at a time."""

    def start(self, task: Task, slot: int) -> Job:
        """Start a member; `slot`, from 0, is free."""

    def close(self) -> None:
        """Let go of what it holds; jobs that run are not its business any more."""
