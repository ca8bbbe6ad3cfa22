"""A member of a frozen plan, in a process of its own: `python -m vitpos.sweeps.member PLAN NUMBER`.

It does what is missing of the run and of its evaluations; the exit code says how that went. What is
in `configs/` does not matter any more: everything comes from the plan.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitpos import outcome, plain, plugins
from vitpos.errors import BadInput, BadRun, Diverged, Locked
from vitpos.records import Record
from vitpos.sweeps import claims, frozen, progress
from vitpos.sweeps.claims import Claim
from vitpos.sweeps.plan import Member
from vitpos.sweeps.telling import Telling
from vitpos.sweeps.together import as_lane

if TYPE_CHECKING:
    from vitpos.reuse import Reuse

PARENT = "VITPOS_SWEEP"  # in the environment: the process that must not be outlived
PR_SET_PDEATHSIG = 1  # of prctl(2)


@dataclass(frozen=True)
class Asked:
    """What was typed."""

    plan: Path
    numbers: Sequence[int]  # one, or several of an arm
    threads: int
    until: int | None
    plugins: Sequence[str]


def asked(words: Sequence[str]) -> Asked:
    """Read it, as `launchers.base.Task.words` writes it."""
    reader = argparse.ArgumentParser(prog="python -m vitpos.sweeps.member", description=__doc__)
    reader.add_argument("plan", type=Path)
    numbers = "of the member in the plan, from 0; several seeds of an arm are lanes"
    reader.add_argument("numbers", type=int, nargs="+", help=numbers, metavar="number")
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


def work(told: Asked, reuse: "Reuse | None" = None) -> None:
    """Bring the members to their ends; what is in their way is raised.

    A process that does more than these may `reuse` what it has compiled.
    """
    plugins.trust(told.plugins)
    members = frozen.thaw(told.plan).members
    for number in told.numbers:
        if not 0 <= number < len(members):
            message = f"{told.plan} has no member {number}: they are 0 to {len(members) - 1}"
            raise BadInput(message)
    with ExitStack() as held:
        mine = taken([members[number] for number in told.numbers], held)
        todo = [one for one in mine if one.before is None or one.before.status != "finished"]
        lost = None
        if any(one.is_lane for one in todo) or len(todo) > 1:
            lost = train_together(todo, told)
        elif todo:
            todo[0].path = train(todo[0], told, reuse)
        for one in mine:
            if one.path is not None:
                one.claim.tell(path=str(one.path))
                evaluate(one.member, one.path, told.plan)
        if lost is not None:
            raise lost


@dataclass
class Mine:
    """A member that this process has the claim on."""

    member: Member
    claim: Claim
    before: Record | None  # what was begun of it
    path: Path | None  # once it is finished

    @property
    def is_lane(self) -> bool:
        """Whether it was begun as a lane."""
        return self.before is not None and as_lane(self.before.record)


def taken(members: Sequence[Member], held: ExitStack) -> list[Mine]:
    """Those that no other process has; raises `Locked` if that has all of them."""
    found, lost = list[Mine](), None
    for member in members:
        try:
            outputs = Path(member.run.outputs)
            claim = held.enter_context(claims.claimed(outputs, member.identity))
        except Locked as error:
            lost = error
            continue
        before = progress.begun(member)
        done = before is not None and before.status == "finished"
        found.append(Mine(member, claim, before, before.path if before and done else None))
    if lost is not None and not found:
        raise lost
    return found


def train(one: Mine, told: Asked, reuse: "Reuse | None") -> Path:
    """Begin the run or go on with it; where it is."""
    plugins.check(one.member.run.embedding)
    show = Telling(one.claim)
    from vitpos import experiment

    if one.before is None or spoilt(one.before):
        run = replace(one.member.run, threads=told.threads or one.member.run.threads)
        return experiment.start(run, one.member.words, show, told.until, reuse)
    return experiment.resume(one.before.path, show, told.until, reuse)


def train_together(todo: Sequence[Mine], told: Asked) -> Diverged | None:
    """Several as lanes; what became of the first that diverged."""
    from vitpos.lanes import group
    from vitpos.lanes.lane import Asked as Lane

    asked = []
    for number, one in enumerate(todo):
        member, before = one.member, one.before
        run = replace(member.run, threads=told.threads or member.run.threads)
        place = before.path if before is not None and not spoilt(before) else None
        show = Telling(one.claim, member.title if number else "")
        asked.append(Lane(run, member.words, show, place))
    lost = None
    for one, end in zip(todo, group.train(asked), strict=True):
        if isinstance(end, Diverged):
            lost = lost or end
        else:
            one.path = end
    return lost


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


if __name__ == "__main__":
    main()
