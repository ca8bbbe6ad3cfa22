"""One member while it runs: how far it is, whether it hangs, and what its end means."""

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitpos.errors import Diverged, Locked, Paused
from vitpos.schema import Launching
from vitpos.sweeps import claims
from vitpos.sweeps.failures import Failure, failure
from vitpos.sweeps.launchers.base import Job
from vitpos.sweeps.plan import Member
from vitpos.sweeps.states import State
from vitpos.words import seconds_words

LOOK = 0.4  # seconds between two looks at how far it is
SAVED = {128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}


class Attempt:
    """A job that was started, and what is known of it."""

    def __init__(
        self, member: Member, number: int, slot: int, job: Job, log: Path, options: Launching
    ) -> None:
        self.member, self.number, self.slot, self.job, self.log = member, number, slot, job, log
        self.options = options
        self.log_start = 0
        self.since = self.alive = time.monotonic()
        self.last_look, self.deadline = 0.0, float("inf")
        self.told, self.hung, self.waits = False, "", job.waits()
        self.sign: Mapping[str, Any] = {}

    @property
    def seconds(self) -> float:
        """How long it has been there."""
        return time.monotonic() - self.since

    @property
    def path(self) -> Path | None:
        """The folder of its run, as it says."""
        said = self.sign.get("path")
        return Path(said) if isinstance(said, str) else None

    def poll(self) -> int | None:
        """Its exit code once it is over; kills it if it was told to end and does not."""
        code = self.job.poll()
        if code is None and time.monotonic() > self.deadline:
            self.deadline = float("inf")
            self.job.send(signal.SIGKILL)
        return code

    def stop(self, patience: float) -> None:
        """Tell it to save and end, within so many seconds."""
        self.told = True
        self.deadline = min(self.deadline, time.monotonic() + patience)
        self.job.send(signal.SIGTERM)

    def look(self) -> bool:
        """Read what it tells, if it is time to; whether it is further. Stops it if it hangs."""
        now = time.monotonic()
        if now - self.last_look < LOOK:
            return False
        self.last_look = now
        waited, self.waits = self.waits, self.job.waits()
        if self.waits:
            self.since = self.alive = now
        sign = claims.told(Path(self.member.run.outputs), self.member.identity)
        moved = bool(sign) and sign != self.sign and not self.waits
        if moved:
            self.sign, self.alive = sign, now
        if not self.told:
            self.hung = self.overdue(now)
            if self.hung:
                self.stop(self.options.grace_seconds)
        return moved or waited != self.waits

    def overdue(self, now: float) -> str:
        """In which way it hangs, if it does."""
        longest, silent = self.options.member_seconds, self.options.silent_seconds
        if longest is not None and now - self.since > longest:
            return f"not at its end after {seconds_words(longest)}"
        if silent is not None and self.is_training() and now - self.alive > silent:
            return f"no step for {seconds_words(silent)}"
        return ""

    def is_training(self) -> bool:
        """Whether one step of this process should follow another.

        What comes before the first may take long, as a compiler does, and so may evaluation.
        """
        state = self.state()
        return "rate" in self.sign and state.step < state.steps

    def state(self) -> State:
        """How far it is, while it runs."""
        said = {name: self.sign.get(name) for name in ("step", "steps", "rate")}
        facts: Any = {n: fact for n, fact in said.items() if isinstance(fact, int | float)}
        kind = "queued" if self.waits else "running"
        return State(kind, self.path, seconds=self.seconds, **facts)

    def meaning(self, code: int) -> str | Failure:
        """What an exit code says of the member: what it is now, or why it failed."""
        if code == 0:
            return "finished"
        if self.hung:
            return Failure("timeout", self.hung, code)
        if code in SAVED or (self.told and code < 0):
            return "interrupted"
        known = {Locked.code: "elsewhere", Paused.code: "paused", Diverged.code: "diverged"}
        return known.get(code) or failure(code, self.log, self.log_start)
