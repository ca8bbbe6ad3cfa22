"""What a member says while it runs: lines for its log, and to the sweep how far it is."""

import time
from pathlib import Path
from typing import Any

from vitpos.sweeps.claims import Claim
from vitpos.terminal.screen import Plain, Quiet

PAUSE = 0.3  # seconds between two things that are told


class Notes(Quiet):
    """Only what matters to the result: of one that has its log with others."""

    def __init__(self, title: str) -> None:
        self.title = title

    def note(self, text: str) -> None:
        """Whose it is, too."""
        super().note(f"{self.title}: {text}")

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """Nothing."""


class Telling:
    """Shows a run to the log, and tells the sweep a few times a second."""

    def __init__(self, claim: Claim, beside: str = "") -> None:
        """`beside` is the title of one whose lines would be the same as those of another."""
        self.claim, self.last_told = claim, 0.0
        self.lines = Notes(beside) if beside else Plain()

    def tell(self, **facts: Any) -> None:
        """Not more often than is looked."""
        if time.monotonic() - self.last_told >= PAUSE:
            self.claim.tell(**facts)
            self.last_told = time.monotonic()

    def note(self, text: str) -> None:
        """Into the log."""
        self.lines.note(text)

    def work(self, done: int, total: int, what: str) -> None:
        """Long work before the first step."""
        self.lines.work(done, total, what)
        self.tell(work=f"{what}: {done} of {total}")

    def begin(self, folder: Path, facts: dict[str, Any]) -> None:
        """Where it is, at once."""
        self.lines.begin(folder, facts)
        self.claim.tell(path=str(folder), step=facts["from_step"], steps=facts["steps"])

    def step(self, step: int, total: int, rate: float | int) -> None:
        """How far."""
        self.lines.step(step, total, rate)
        self.tell(step=step, rate=rate)

    def epoch(self, row: dict[str, float | int], epochs: int) -> None:
        """Into the log."""
        self.lines.epoch(row, epochs)

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """Into the log."""
        self.lines.end(folder, summary)
