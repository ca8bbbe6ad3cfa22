"""Sweeps without processes: jobs that leave the folders that real ones would, and a clock."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from run_folders import MACHINE, summary

from vitpos import identities
from vitpos.durable import Lines, write_json
from vitpos.runs import RunFolder, now
from vitpos.sweeps import claims, frozen, progress
from vitpos.sweeps.launchers.base import Task
from vitpos.sweeps.plan import Member, Plan
from vitpos.sweeps.states import State

STATUS = {0: "finished", 6: "diverged", 1: "failed", 75: "paused", 143: "interrupted"}


class Clock:
    """Stands in for the module `time`: only who sleeps gets older."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.alarms: list[tuple[float, Callable[[], object]]] = []

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Pass, and do what is due."""
        self.now += seconds
        for alarm in [alarm for alarm in self.alarms if alarm[0] <= self.now]:
            self.alarms.remove(alarm)
            alarm[1]()

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something later."""
        self.alarms.append((self.now + seconds, action))


@dataclass
class Act:
    """How a job behaves."""

    code: int = 0
    seconds: float = 10.0
    folder: bool = True  # whether it comes as far as to make one
    says: str = ""  # into its log
    deaf: bool = False  # to any signal but SIGKILL
    claim: bool = True  # whether it takes the claim on its run


class ActingJob:
    """One member that runs: over when its time is, or when it is told."""

    def __init__(self, act: Act, member: Member, task: Task, clock: Clock) -> None:
        self.act, self.member, self.task, self.clock = act, member, task, clock
        self.end, self.code, self.signals = clock.now + act.seconds, act.code, list[int]()
        self.claim: Any = None
        if act.claim:
            self.claim = claims.claimed(Path(member.run.outputs), member.identity)
            self.claim.__enter__()

    def waits(self) -> bool:
        """It is in no queue."""
        return False

    def poll(self) -> int | None:
        """Leave what a process leaves, once."""
        if self.clock.now < self.end:
            return None
        if self.act.says:
            with self.task.log.open("a") as log:
                log.write(f"{self.act.says}\n")
        if self.act.folder and self.code in STATUS:
            leave(self.member, STATUS[self.code])
            self.act.folder = False
        if self.claim is not None:
            self.claim.__exit__(None, None, None)
            self.claim = None
        return self.code

    def send(self, number: int) -> None:
        """End soon, if it listens."""
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.end, self.code = self.clock.now, -number
        elif not self.act.deaf:
            self.end, self.code = self.clock.now + 1, 143


def leave(member: Member, status: str) -> Path:
    """The folder of a run that ended so, with its evaluations if it is finished."""
    before = progress.begun(member)
    run = member.run
    made = RunFolder(before.path) if before else RunFolder.create(run, member.words)
    made.update(
        identity=member.identity,
        arm=identities.arm(run),
        arm_identity=identities.arm_identity(run),
        seed=run.seed,
        created=now(),
        machine=MACHINE,
        data={},
        attempts=[{"from_step": 0, "status": status}],
        status=status,
    )
    if status in ("finished", "diverged"):
        write_json(made.path / "summary.json", summary(run, status, 0.5, 3))
    if status == "finished":
        for wanted in member.study.then:
            row = {"dataset": run.dataset.name, "split": "test", "accuracy": 0.25}
            Lines(made.path / "evaluations.jsonl").append(row | wanted)
    return made.path


@dataclass
class Acting:
    """A launcher whose jobs act; how, is told by the titles of members, for each start in turn."""

    clock: Clock
    acts: dict[str, list[Act]] = field(default_factory=dict)
    slots: int = 2
    titles: list[str] = field(default_factory=list)
    jobs: list[ActingJob] = field(default_factory=list)
    most: int = 0  # jobs at a time
    closed: bool = False

    def __call__(self, options: Any, plan: Plan, there: Any, note: Any) -> "Acting":
        """It is its own maker."""
        self.members = plan.members
        return self

    def start(self, task: Task, slot: int) -> ActingJob:
        """Have a member act, of the plan as it was frozen."""
        member = frozen.thaw(task.plan).members[task.number]
        left = self.acts.get(member.title, [])
        job = ActingJob(left.pop(0) if left else Act(), member, task, self.clock)
        self.titles.append(member.title)
        self.jobs.append(job)
        running = [job for job in self.jobs if job.clock.now < job.end]
        self.most = max(self.most, len(running))
        return job

    def close(self) -> None:
        """Remember."""
        self.closed = True


class Seen:
    """A watch that remembers what it is told."""

    def __init__(self) -> None:
        self.kinds: dict[str, list[str]] = {}
        self.states: dict[str, State] = {}
        self.notes: list[str] = []
        self.ended = 0

    def begin(self, plan: Plan, states: Sequence[State], slots: int) -> None:
        """Remember the names."""
        self.titles = [member.title for member in plan.members]
        self.first = dict(zip(self.titles, states, strict=True))

    def change(self, number: int, state: State) -> None:
        """Remember what it is now."""
        title = self.titles[number]
        self.states[title] = state
        known = self.kinds.setdefault(title, [])
        if known[-1:] != [state.kind]:
            known.append(state.kind)

    def note(self, text: str) -> None:
        """Remember."""
        self.notes.append(text)

    def tick(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Count."""
        self.ended += 1
