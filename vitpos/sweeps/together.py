"""Several seeds of one arm in one process: how many, told apart while they run and when it ends.

Members still start in the order of the plan, but the first that is to do brings the next seeds of
its arm along. So it is all arms of the first eight seeds, then of the next eight; a sweep that is
cut short leaves whole comparisons of these.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitpos.errors import Diverged, Locked
from vitpos.records import part
from vitpos.schema import Cluster, Launching
from vitpos.sweeps import claims, progress, stock
from vitpos.sweeps.launchers.base import Job
from vitpos.sweeps.plan import Member, Plan


class Shared:
    """The job of one process for several members, each of which asks and signals for itself."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.sent: Counter[int] = Counter()
        self.code: int | None = None

    def poll(self) -> int | None:
        """The exit code, remembered: whoever asks later gets it too."""
        if self.code is None:
            self.code = self.job.poll()
        return self.code


class Share:
    """What one of them has of it. A signal that all of them send reaches the process once."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.sent: Counter[int] = Counter()

    def waits(self) -> bool:
        """Whether it is in the queue of a cluster still."""
        return self.shared.job.waits()

    def poll(self) -> int | None:
        """Its exit code."""
        return self.shared.poll()

    def send(self, number: int) -> None:
        """Send a signal, unless another one did for this one too."""
        self.sent[number] += 1
        if self.sent[number] > self.shared.sent[number]:
            self.shared.sent[number] += 1
            self.shared.job.send(number)


def mates(
    plan: Plan,
    number: int,
    todo: Sequence[int],
    options: Launching,
    slots: int,
    budget: float | None,
) -> list[int]:
    """Of the members `todo`, those that one process shall have as lanes beside this one.

    Unasked none where time is limited, for more can be compared of what was begun in turn, and none
    on other machines, of which nothing is known here.
    """
    members, asked = plan.members, options.lanes
    same = sorted(n for n in todo if members[n].arm.name == members[number].arm.name)
    hurried = not asked and (budget is not None or isinstance(options, Cluster))
    if asked == 1 or not same or hurried or plan.study.stopping is not None:
        return []
    from vitpos.lanes import rule  # needs PyTorch

    count = rule.count(members[number].run, asked, 1 + len(same), 1 + len(todo), slots)
    if count == 1 or began_alone(members[number]):
        return []
    return [other for other in same if not began_alone(members[other])][: count - 1]


def began_alone(member: Member) -> bool:
    """Whether it was begun, and not as a lane: then it goes on so."""
    found = progress.near(member)
    return found is not None and not as_lane(found.record)


def as_lane(record: Mapping[str, Any]) -> bool:
    """Whether a run was last trained as a lane, by its record."""
    return part(record, "machine").get("lanes") is True


def own_code(member: Member, code: int) -> int:
    """What a process that had several members would have ended with, had it had this one only."""
    found = progress.near(member) or progress.begun(member)
    if stock.state(member, found).kind == "finished":
        return 0
    if found is not None and found.status == "diverged":
        return Diverged.code
    if code in (0, Diverged.code):
        elsewhere = claims.held(Path(member.run.outputs), member.identity)
        return Locked.code if elsewhere else 0
    return code
