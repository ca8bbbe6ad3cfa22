"""Members on other machines, whatever takes them there: followed, called off, handed out again.

A member that loses its machine or its time is not to blame. It is handed out again, and goes on
from its checkpoint; but only so many times in a row, for what kills every machine would otherwise
never end.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any, Protocol, runtime_checkable

import vitpos
from vitpos.durable import disk_errors, make_folder
from vitpos.errors import BadInput, NoResources, UserError
from vitpos.received import unlinked
from vitpos.records import Record, part
from vitpos.schema import Cluster
from vitpos.sweeps.attempts import SAVED
from vitpos.sweeps.launchers import disk, far
from vitpos.sweeps.launchers.base import Job, Task
from vitpos.sweeps.member import PARENT
from vitpos.sweeps.plan import Plan

JOBS = "jobs"
LOOK = 1.0  # seconds between two looks at what a far end tells
LATE = 15.0  # seconds that a network disk may take to show it after the job is over
AGAIN = 30.0  # seconds until a queue that refused a job is asked again
FRUITFUL = 300.0  # seconds after which a job was worth it, and losing it counts as the first time
LAST = 20.0  # seconds after which a job that was killed counts as over, whatever is heard of it
CANCELLED, MEMORY, ENDED = "CANCELLED", "OUT_OF_MEMORY", "ended"
NOT_TO_BLAME = 128 + SIGTERM  # the exit code of what was interrupted by somebody else


@runtime_checkable
class Queue(Protocol):
    """What takes members to other machines."""

    def submit(self, name: str, folder: Path, call: Sequence[Any]) -> Any:
        """Have `far.run(*call)` called somewhere; what the job is known by. Raises `UserError`."""

    def fate(self, ticket: Any, *, now: bool) -> str | None:
        """What became of a job that is over, `CANCELLED` by somebody, `MEMORY` or another word.

        None if it is not over, or if that is not known. It matters more if it is asked `now`.
        Raises `UserError` if the job will never begin.
        """

    def cancel(self, ticket: Any, *, kill: bool) -> None:
        """Take a job out of the queue before it begins; with `kill` also one that runs."""

    def complaint(self, ticket: Any, folder: Path) -> str:
        """What a job said that ended before the far end could say anything."""

    def close(self) -> None:
        """Let go."""


class Distant:
    """One member, for as many jobs as it takes."""

    def __init__(
        self, queue: Queue, task: Task, resubmit: int, standing: tuple[Any, Path] | None = None
    ) -> None:
        self.queue, self.task, self.resubmit, self.left = queue, task, resubmit, resubmit
        self.ticket: Any = None
        self.folder = Path()
        self.begun = self.told = False
        self.since = 0.0  # when it was first seen to have begun
        self.code: int | None = None
        self.next_look = 0.0
        self.over_since: float | None = None
        self.killed = float("inf")
        if standing is None:
            self.submit()
        else:
            self.ticket, self.folder = standing

    def submit(self) -> None:
        """Hand it out, in a folder that nobody else could make ready."""
        stem = f"{self.task.plan.stem}-{self.task.number}-{secrets.token_hex(4)}"
        self.folder = jobs(self.task.plan) / stem
        self.begun, self.over_since = False, None
        unlinked(self.folder.parent)
        with disk_errors(self.folder):
            make_folder(self.folder.parent)
            self.folder.mkdir(mode=0o700)
            far.prepare(self.folder)
        call = [str(self.folder), self.task.words(), str(Path.cwd()), str(self.task.log)]
        self.ticket = self.queue.submit(f"vitpos-{stem}", self.folder, [*call, settings()])

    def waits(self) -> bool:
        """Whether it is in the queue still."""
        return not self.begun

    def poll(self) -> int | None:
        """Its exit code, once it is over for good."""
        now = time.monotonic()
        if self.code is None and now >= self.next_look:
            self.next_look = now + LOOK
            self.code = self.look(now)
        if self.code is None and now - self.killed > LAST:
            self.code = -SIGKILL
        return self.code

    def look(self, now: float) -> int | None:
        """See what there is to see."""
        if self.ticket is None:
            return self.try_again(now)
        said = far.told(self.folder)
        if not self.begun and "host" in said:
            self.begun, self.since = True, now
        code = said.get("code")
        saved = code in SAVED and not self.told  # somebody took its machine away, or its time
        if isinstance(code, int) and not saved:
            return code
        fate = self.fate(now=saved)
        if fate is None and not saved:
            self.over_since = None
            return None
        self.over_since = now if self.over_since is None else self.over_since
        certain = fate == CANCELLED or (saved and fate is not None)
        if not certain and now - self.over_since < LATE:
            return None
        return self.lost(fate or ENDED, code if isinstance(code, int) else None, now)

    def fate(self, *, now: bool) -> str | None:
        """As the queue says. Raises `UserError` if it will never begin."""
        try:
            return self.queue.fate(self.ticket, now=now or self.told)
        except UserError:
            if not self.told:
                raise
            return None

    def lost(self, fate: str, code: int | None, now: float) -> int | None:
        """It is over, but not by itself: what that means for it."""
        if self.told or fate == CANCELLED:
            return NOT_TO_BLAME if code is None else code
        if fate == MEMORY:
            self.log("error: out of memory: the queue killed it; launcher.memory_gb is more")
            return NoResources.code
        if not self.begun and fate == ENDED:
            said = self.queue.complaint(self.ticket, self.folder)
            self.log(f"error: the job ended before it began: {said or 'it said nothing'}")
            return 1
        if self.begun and now - self.since > FRUITFUL:
            self.left = self.resubmit
        if not self.left:
            self.log(f"error: its machine was lost too often: {fate}")
            return -SIGKILL if code is None else code
        self.left -= 1
        self.log(f"--- handed out again: {fate if code is None else 'it had to make room'}")
        self.ticket = None
        return self.try_again(now)

    def try_again(self, now: float) -> int | None:
        """Submit it; if the queue will not have it, wait a little."""
        try:
            self.submit()
        except UserError as error:
            self.next_look = now + AGAIN
            self.log(f"--- {error.message}")
            if not self.left:
                self.log(f"error: {error.message}")
                return 1
            self.left -= 1
        return None

    def send(self, number: int) -> None:
        """Tell the far end; what did not begin is taken out of the queue."""
        self.told, self.next_look = True, 0.0
        kill = number == SIGKILL
        if kill:
            self.killed = time.monotonic()
        if self.ticket is None:
            self.code = NOT_TO_BLAME
            return
        far.say(self.folder, far.DIE if kill else far.END)
        if kill or not self.begun:
            self.queue.cancel(self.ticket, kill=kill)

    def log(self, text: str) -> None:
        """A line into the member's log."""
        with suppress(OSError), self.task.log.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


@dataclass
class Distantly:
    """A launcher for any queue."""

    queue: Queue
    options: Cluster
    threads: int
    room: Callable[[], int]
    standing: dict[int, tuple[Any, Path]]  # jobs of an earlier sweep, by number, not yet begun

    @property
    def slots(self) -> int:
        """How many jobs may be in the queue."""
        return self.room()

    def start(self, task: Task, slot: int) -> Job:
        """Submit a member, unless it is in the queue from before."""
        task = replace(task, threads=task.threads or self.threads)
        standing = self.standing.pop(task.number, None)
        return Distant(self.queue, task, self.options.resubmit, standing)

    def close(self) -> None:
        """Let the queue go."""
        self.queue.close()


def jobs(plan: Path) -> Path:
    """Where the jobs of a frozen plan lie."""
    return plan.parent.parent / JOBS


def settings() -> dict[str, str]:
    """Of this process's environment, what a member needs elsewhere."""
    own = {name: text for name, text in os.environ.items() if name.startswith("VITPOS_")}
    own.pop(PARENT, None)
    return own | {"PYTHONPATH": search_path()}


def search_path() -> str:
    """Where Python finds this very package, first of all."""
    here = str(Path(vitpos.__file__).parents[1])
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))


def threads(
    options: Cluster, plan: Plan, there: Sequence[Record], note: Callable[[str], None]
) -> int:
    """Of every member: as was said, else as many as it has CPUs."""
    said = max(member.run.threads for member in plan.members)
    if said > options.cpus:
        raise BadInput(f"threads = {said}: launcher.cpus = {options.cpus}", f"launcher.cpus={said}")
    found = said or options.cpus
    had = {part(run.record, "machine").get("threads") for run in there} - {None, found}
    if had:
        note(f"{found} threads, not {min(map(str, had))} as before: other bits than what is there")
    return found


def warn(plan: Plan, note: Callable[[str], None]) -> None:
    """Say what the disk cannot do."""
    for outputs in {member.run.outputs for member in plan.members}:
        if why := disk.deaf(Path(outputs).expanduser().absolute()):
            note(f"{why}: start this sweep only once at a time")


def tidy(folder: Path) -> None:
    """Remove what is left of jobs that are over."""
    for here in folder.iterdir() if folder.is_dir() else ():
        if "code" in far.told(here):
            shutil.rmtree(here, ignore_errors=True)
