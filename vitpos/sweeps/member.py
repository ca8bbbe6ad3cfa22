"""A member of a frozen plan, in a process of its own: `python -m vitpos.sweeps.member PLAN NUMBER`.

It does what is missing of the run and of its evaluations; the exit code says how that went. What is
in `configs/` does not matter any more: everything comes from the plan.
"""

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vitpos import outcome, plain, plugins
from vitpos.errors import BadInput, BadRun
from vitpos.records import Record
from vitpos.sweeps import claims, frozen, progress
from vitpos.sweeps.claims import Claim
from vitpos.sweeps.plan import Member

PARENT = "VITPOS_SWEEP"  # in the environment: the process that must not be outlived
PR_SET_PDEATHSIG = 1  # of prctl(2)
PAUSE = 0.3  # seconds between two things that are told


@dataclass(frozen=True)
class Asked:
    """What was typed."""

    plan: Path
    number: int
    threads: int
    until: int | None
    plugins: Sequence[str]


def asked(words: Sequence[str]) -> Asked:
    """Read it, as `launchers.base.Task.words` writes it."""
    reader = argparse.ArgumentParser(prog="python -m vitpos.sweeps.member", description=__doc__)
    reader.add_argument("plan", type=Path)
    reader.add_argument("number", type=int, help="of the member in the plan, from 0")
    reader.add_argument("--threads", type=int, default=0, help="of the CPU; 0: as the run says")
    reader.add_argument("--until", type=int, help="stop after so many epochs, to go on later")
    reader.add_argument("--plugin", action="append", default=[], dest="plugins")
    return Asked(**vars(reader.parse_args(words)))


def main() -> None:
    """Be that process."""
    told = asked(sys.argv[1:])
    follow_parent()
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # as in `cli.main`
    plain.tolerate()
    sys.exit(outcome.of(lambda: work(told)))


def follow_parent() -> None:
    """End in order when the sweep does, even if it is killed; on Linux, where one can ask for it.

    A cluster's jobs outlive the sweep: their parent is `launchers.far`.
    """
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    deaf = signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    number = signal.SIGINT if deaf else signal.SIGTERM
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != int(parent):  # it was quicker
        sys.exit(128 + signal.SIGTERM)


def work(told: Asked) -> None:
    """Bring the member to its end; what is in its way is raised."""
    plugins.trust(told.plugins)
    members = frozen.thaw(told.plan).members
    if not 0 <= told.number < len(members):
        raise BadInput(f"{told.plan} has no member {told.number}: they are 0 to {len(members) - 1}")
    member = members[told.number]
    with claims.claimed(Path(member.run.outputs), member.identity) as claim:
        before = progress.begun(member)
        if before is None or before.status != "finished":
            path = train(member, before, told, claim)
        else:
            path = before.path
        claim.tell(path=str(path))
        evaluate(member, path, told.plan)


def train(member: Member, before: Record | None, told: Asked, claim: Claim) -> Path:
    """Begin the run or go on with it; where it is."""
    plugins.check(member.run.embedding)
    show = shown(claim)
    from vitpos import experiment

    if before is None or spoilt(before):
        run = replace(member.run, threads=told.threads or member.run.threads)
        return experiment.start(run, member.words, show, told.until)
    return experiment.resume(before.path, show, told.until)


def spoilt(run: Record) -> bool:
    """Whether the folder is such that the run could not go on in it: then it begins anew."""
    failure = run.record.get("failure")
    return isinstance(failure, dict) and failure.get("code") == BadRun.code


def evaluate(member: Member, path: Path, plan: Path) -> None:
    """Make the evaluations that the study asks for and that are missing."""
    missing = progress.evaluations(member, path, progress.rows(path))
    if not missing:
        return
    from vitpos.data.samples import silent
    from vitpos.evaluate import evaluate

    known = frozen.datasets(plan)
    for _, _, *words in missing:
        row = evaluate(path, words, silent, plain.say, known)
        plain.say(f"{' '.join(words)}: {row['accuracy']:.2%}")


def shown(claim: Claim) -> Any:
    """Lines for the log, and for the sweep how far it is."""
    from vitpos.terminal.screen import Plain

    class Told(Plain):
        """Tells a few times a second."""

        def __init__(self) -> None:
            super().__init__()
            self.last_told = 0.0

        def tell(self, **facts: Any) -> None:
            """Not more often than is looked."""
            if time.monotonic() - self.last_told >= PAUSE:
                claim.tell(**facts)
                self.last_told = time.monotonic()

        def work(self, done: int, total: int, what: str) -> None:
            super().work(done, total, what)
            self.tell(work=f"{what}: {done} of {total}")

        def begin(self, folder: Path, facts: dict[str, Any]) -> None:
            super().begin(folder, facts)
            claim.tell(path=str(folder), step=facts["from_step"], steps=facts["steps"])

        def step(self, step: int, total: int, rate: float | int) -> None:
            super().step(step, total, rate)
            self.tell(step=step, rate=rate)

    return Told()


if __name__ == "__main__":
    main()
