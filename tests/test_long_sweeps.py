"""Days of a sweep by a clock that is not real: nothing grows, nothing is done twice."""

import gc
import json
import math
import os
import random
import signal
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import amounts
import pytest
from acting import Clock, Seen
from small_plans import made

from vitpos import config, runs
from vitpos.durable import Lines
from vitpos.errors import Interrupted, Paused, Unfinished
from vitpos.sweeps import attempts, claims, sweep
from vitpos.sweeps.launchers.base import Task
from vitpos.sweeps.plan import Member, Plan
from vitpos.sweeps.states import State
from vitpos.terminal.bulletins import remaining
from vitpos.terminal.tally import Tally

HOUR, SLOTS, STEPS = 3600.0, 8, 1000
LONGEST = 3000.0  # seconds that a member may take
CODES, CHANCES = (0, 1, -9, 6, 143, None), (86, 3, 4, 1, 3, 3)  # None: it hangs
STATUS = {0: "finished", 6: "diverged", 143: "interrupted"}
pytestmark = pytest.mark.torture


def put(member: Member, status: str) -> None:
    """The folder of a run, as far as a sweep reads it."""
    folder = runs.place(member.run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").touch()
    facts = {"identity": member.identity, "status": status, "attempts": [], "machine": {"x": 1}}
    (folder / "record.json").write_text(json.dumps(facts | {"data": {}}))
    if status == "finished":
        done = {"status": status, "metrics": {"test/accuracy": 0.5}}
        (folder / "summary.json").write_text(json.dumps(done))


@dataclass
class Job:
    """A member that runs for minutes, steps on the way, and ends in one way or another."""

    member: Member
    clock: Clock
    seconds: float
    code: int | None
    claim: AbstractContextManager[Any] | None = None

    def __post_init__(self) -> None:
        self.began = self.clock.now
        self.claim = claims.claimed(Path(self.member.run.outputs), self.member.identity)
        self.told = self.claim.__enter__()
        self.told.tell(path=str(runs.place(self.member.run)), step=0, steps=STEPS)

    def waits(self) -> bool:
        """It is in no queue."""
        return False

    def poll(self) -> int | None:
        """Step on; leave what a process leaves."""
        lived = self.clock.now - self.began
        if lived < self.seconds or self.code is None:
            if self.code is not None:
                self.told.tell(step=int(STEPS * lived / self.seconds), rate=100.0)
            return None
        if self.claim is not None:
            if self.code in STATUS:
                put(self.member, STATUS[self.code])
            self.claim.__exit__(None, None, None)
            self.claim = None
        return self.code

    def send(self, number: int) -> None:
        """End in a second; one that hangs, only when it is killed."""
        if number == signal.SIGKILL or self.code is not None:
            self.code = -number if number == signal.SIGKILL else 143
            self.seconds = self.clock.now - self.began + 1.0


@dataclass
class Launcher:
    """Starts such jobs."""

    plan: Plan
    clock: Clock
    dice: random.Random
    slots: int = SLOTS
    started: list[tuple[str, int | None]] = field(default_factory=list)

    def __call__(self, *anything: Any) -> "Launcher":
        """It is its own maker."""
        return self

    def start(self, task: Task, slot: int) -> Job:
        """Some minutes each."""
        member = self.plan.members[task.number]
        [code] = self.dice.choices(CODES, CHANCES)
        self.started.append((member.identity, code))
        return Job(member, self.clock, self.dice.uniform(120, 900), code)

    def close(self) -> None:
        """Nothing."""


class Looking(Seen):
    """Looks once an hour at what is said, and at what the process holds."""

    def __init__(self, clock: Clock, opened: Counter[str]) -> None:
        super().__init__()
        self.clock, self.opened, self.next = clock, opened, clock.now + HOUR
        self.ticks, self.finished = 0, 0
        self.forecasts: list[tuple[float, float]] = []  # when, and how long still
        self.objects: list[tuple[int, int]] = []  # members over, objects of Python
        self.opens: list[float] = []  # files opened a tick

    def begin(self, plan: Plan, states: Any, slots: int) -> None:
        """Count."""
        super().begin(plan, states, slots)
        self.tally = Tally(plan, states, slots, retry=True)

    def change(self, number: int, state: State) -> None:
        """Count; what is finished stays so."""
        before = self.tally.change(number, state)
        assert before.kind != "finished" or state.kind == "finished"

    def tick(self) -> None:
        """An hour has passed, perhaps."""
        self.ticks += 1
        if self.clock.now < self.next:
            return
        self.next += HOUR
        left = self.tally.left()
        words = remaining(left, 1.8e9)
        assert left is None or (left >= 0 and math.isfinite(left)), left
        assert "nan" not in words
        assert "-" not in words.partition(" left")[0]
        assert sum(self.tally.counts.values()) == len(self.tally.states)
        assert self.tally.counts["finished"] >= self.finished
        self.finished = self.tally.counts["finished"]
        self.forecasts += [] if left is None else [(self.clock.now, left)]
        gc.collect()
        self.objects.append((self.finished, len(gc.get_objects())))
        self.opens.append(self.opened["files"] / self.ticks)
        self.opened["files"] = self.ticks = 0


def inside(plan: Plan, outputs: Path) -> Plan:
    """The same for a folder, with identities as long as real ones."""
    members = [
        replace(m, run=replace(m.run, outputs=str(outputs)), identity=f"{n:064x}")
        for n, m in enumerate(plan.members)
    ]
    return Plan(plan.study, tuple(members))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that sweeps see, in steps of seconds; and disks that need not wait."""
    found = Clock()
    monkeypatch.setattr(sweep, "time", found)
    monkeypatch.setattr(attempts, "time", found)
    monkeypatch.setattr(sweep, "TICK", 5.0)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return found


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many files were opened."""
    found, before = Counter[str](), Path.open

    def counted(path: Path, *args: Any, **options: Any) -> Any:
        found["files"] += 1
        return before(path, *args, **options)

    monkeypatch.setattr(Path, "open", counted)
    return found


def another(plan: Plan, clock: Clock, count: int) -> list[str]:
    """Another sweep of the plan has members from its end, an hour each; their identities."""
    taken = [*plan.members[-count:]]
    for number, member in enumerate(taken):
        claim = claims.claimed(Path(member.run.outputs), member.identity)
        claim.__enter__()

        def over(member: Member = member, claim: Any = claim) -> None:
            put(member, "finished")
            claim.__exit__(None, None, None)

        clock.after(HOUR * (1 + number % 5), over)
    return [member.identity for member in taken]


def test_a_long_sweep_neither_grows_nor_repeats(
    tmp_path: Path, clock: Clock, opened: Counter[str], record_property: Any
) -> None:
    """Members that crash, hang or diverge, budgets, signals, restarts, another sweep beside it."""
    arms = tuple(f"arm{n}" for n in range(20))
    plan = inside(made(arms, seeds=amounts.amount(20, 100)), tmp_path)
    count, dice = len(plan.members), random.Random(5)
    launcher, sessions = Launcher(plan, clock, dice), list[Looking]()
    others, ends, began = another(plan, clock, 12), list[str](), clock.now
    options = replace(config.launching([])[0], member_seconds=LONGEST, lanes=1)
    budgets = [2 * HOUR, None, 3 * HOUR, None]
    for turn in range(40):
        budget = budgets[turn] if turn < len(budgets) else None
        if turn in (1, 4):
            clock.after(1.5 * HOUR, lambda: signal.raise_signal(signal.SIGTERM))
        looking, start = Looking(clock, opened), clock.now
        sessions.append(looking)
        try:
            sweep.run(
                plan, looking, "it", options=options, retry=True, budget=budget, launch=launcher
            )
        except (Interrupted, Paused, Unfinished) as error:
            ends.append(type(error).__name__)
            if isinstance(error, Paused):
                assert clock.now - start < budget + options.grace_seconds + 60
        else:
            ends.append("all")
            break
        clock.now += 10 * HOUR * (turn % 3 == 0)  # a laptop that sleeps
    finished = Counter(identity for identity, code in launcher.started if code == 0)
    journal = Lines(tmp_path / "made" / "journal.jsonl").read()
    done = Counter(row["identity"] for row in journal if row["detail"] == "finished")
    longest = max(sessions, key=lambda looking: len(looking.objects))
    (few, early), (many, late) = longest.objects[1], longest.objects[-1]
    at, said = longest.forecasts[len(longest.forecasts) // 2]
    real = longest.forecasts[-1][0] - at + longest.forecasts[-1][1]
    figures = {
        "members": count,
        "attempts": len(launcher.started),
        "hours": round((clock.now - began) / HOUR),
        "sweeps": len(ends),
        "objects more a member": round((late - early) / max(1, many - few), 1),
        "forecast to time at half": round(said / real, 2),
        "files opened a tick in the first hour": round(longest.opens[0], 1),
        "files opened a tick in the last hour": round(longest.opens[-1], 1),
    }
    for name, figure in figures.items():
        record_property(name, figure)

    assert ends[-1] == "all", ends
    assert {"Paused", "Interrupted", "Unfinished"} <= {*ends}
    assert len(done) == count - len(others)
    assert set(done.values()) == {1}
    assert not {*others} & {*finished}
    assert len(journal) == len(launcher.started)
    assert len([*(tmp_path / "made").glob("*/summary.json")]) == count
    assert not [*(tmp_path / claims.FOLDER).iterdir()]
    assert late - early < 60 * (many - few) + 2000
    assert 0.3 < said / real < 3
    assert longest.opens[-1] < 2 * longest.opens[0] + 2
