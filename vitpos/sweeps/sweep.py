"""Run a study: its members as jobs in slots, until nothing is missing.

What is finished is not done again, wherever in `outputs` it lies; what was interrupted goes on; and
a member that raises, dies, hangs or diverges does not keep the others from running. What another
process has is left to it, and looked at again. Nothing here prints, and nothing knows where members
run: jobs of a launcher are started and polled, and what they leave on the disk is read.
"""

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from vitpos import config, plugins, ranks, records
from vitpos.data.files import locate
from vitpos.durable import disk_errors, make_folder
from vitpos.errors import Interrupted, UserError
from vitpos.received import unlinked
from vitpos.records import Record
from vitpos.runs import place
from vitpos.schema import Launching
from vitpos.signals import Leave, Stop
from vitpos.sweeps import claims, failures, frozen, halving, launchers, progress, stock, together
from vitpos.sweeps.attempts import Attempt
from vitpos.sweeps.conclusion import ENDED_BADLY, conclude, folders
from vitpos.sweeps.failures import Failure
from vitpos.sweeps.halving import Word
from vitpos.sweeps.launchers.base import Launcher, Task
from vitpos.sweeps.plan import Plan
from vitpos.sweeps.states import State, Watch
from vitpos.sweeps.together import Share, Shared

Launch = Callable[[Launching, Plan, Sequence[Record], Callable[[str], None]], Launcher]

INSIDE = (
    frozen.FOLDER,
    "logs",
    failures.JOURNAL,
    halving.JOURNAL,
)  # what is written in the folder of a study
TICK = 0.1  # seconds
AGAIN = 1.0  # seconds until a member that another process has is looked at again
AT_ONCE = 3.0  # seconds to end that a member has after a second signal


def run(
    plan: Plan,
    watch: Watch,
    again: str,
    *,
    options: Launching | None = None,
    retry: bool = False,
    budget: float | None = None,
    launch: Launch = launchers.launch,
) -> list[str]:
    """Bring every member to its end; the folders in which they lie. `again` is typed to go on.

    Members that failed or diverged before are tried again only with `retry`. After `budget` seconds
    those that run are stopped in order. Raises `Interrupted` after a signal, `Paused` if the time
    was spent, and at the end `Unfinished` if members failed.
    """
    ranks.alone("a sweep")
    for dataset in plan.datasets():
        locate(dataset)  # what is missing is missing for all of them
    for member in plan.members:
        plugins.check(member.run.embedding)  # a plan may be a stranger's
    unlinked(*(halving.folder(plan) / name for name in INSIDE))
    path, chosen = frozen.freeze(plan), options or config.launching([])[0]
    notes: list[str] = []
    onward = f"{again} --retry" if retry else again  # what was not reached failed all the same
    with Stop() as stop:
        there = progress.there(plan)
        found = [stock.state(member, there.get(member.identity)) for member in plan.members]
        states = halving.seen(plan, found)
        if any(is_open(state, retry=retry) for state in states if state.kind != "stopped"):
            launcher = launch(chosen, plan, [*there.values()], notes.append)
            watch.begin(plan, states, launcher.slots)
            sweep = Sweep(plan, path, states, launcher, watch, chosen)
            try:
                for text in notes:
                    watch.note(text)
                stop.patient = True
                sweep.go(stop, retry=retry, budget=budget)
            except Leave as leave:
                said = f"stopped by {failures.signal_name(leave.number)} at once"
                raise Interrupted(said, onward, signal=leave.number) from leave
            finally:
                sweep.leave()
                launcher.close()
                watch.end()
        else:
            watch.begin(plan, states, 0)
            watch.end()
    tidy(plan, states)
    conclude(plan, states, onward, stop.signal, budget)
    return folders(plan)


def tidy(plan: Plan, states: Sequence[State]) -> None:
    """Finish what killed processes left half done of runs that are finished, and of claims."""
    for path in [state.path for state in states if state.kind == "finished"]:
        if path is not None and records.read(path).record.get("status") != "finished":
            failures.settle(path)
    for outputs in {member.run.outputs for member in plan.members}:
        mine = (m.identity for m in plan.members if m.run.outputs == outputs)
        claims.tidy(Path(outputs), mine)


def is_open(state: State, *, retry: bool) -> bool:
    """Whether there is something to do, here or elsewhere."""
    return state.kind != "finished" and (retry or state.kind not in ENDED_BADLY)


class Sweep:
    """The members of a plan: those to do, those that run, and those that others have."""

    def __init__(
        self,
        plan: Plan,
        path: Path,
        states: list[State],
        launcher: Launcher,
        watch: Watch,
        options: Launching,
    ) -> None:
        self.plan, self.path, self.states = plan, path, states
        self.launcher, self.watch, self.options = launcher, watch, options
        self.todo: list[int] = []  # numbers of members; the smallest comes first
        self.running: dict[int, list[Attempt]] = {}  # by slot: one, or lanes of one process
        self.waiting: list[int] = []  # for what the rule for early stopping decides
        self.words: dict[int, Word] = {}  # what it said of those that were started
        self.rule = halving.rule(plan, states)
        self.elsewhere: dict[int, float] = {}  # when to look again
        self.finished: list[float] = []  # seconds that members took
        self.started = time.monotonic()

    def go(self, stop: Stop, *, retry: bool, budget: float | None) -> None:
        """Until nothing is missing, or a signal comes, or the time is spent."""
        self.retry, self.budget = retry, budget
        for number, state in enumerate(self.states):
            if state.kind == "elsewhere":
                self.elsewhere[number] = 0.0
            elif is_open(state, retry=retry):
                self.todo.append(number)
                if state.kind in ENDED_BADLY:
                    self.change(number, replace(state, kind="planned", detail="once more"))
        while True:
            self.collect()
            over = stop.signal is not None or self.spent()
            if over:
                self.halt()
            else:
                self.look_elsewhere()
                self.fill()
            if not self.running and (over or not self.elsewhere):
                return  # with nothing left to do, or nothing that could be done in time
            self.follow()
            self.watch.tick()
            time.sleep(TICK)

    def spent(self) -> bool:
        """Whether the time is over."""
        return self.budget is not None and time.monotonic() - self.started >= self.budget

    def overruns(self) -> bool:
        """Whether a member that took as long as the others would not end in time."""
        if self.budget is None or not self.finished:
            return False
        usual = sum(self.finished) / len(self.finished)
        return time.monotonic() - self.started + usual > self.budget

    def fill(self) -> None:
        """Start members in slots that are free."""
        free = [slot for slot in range(self.launcher.slots) if slot not in self.running]
        while free and self.todo and not self.overruns():
            number = heapq.heappop(self.todo)
            word = self.rule.say(number) if self.is_to_do(number) else None
            if word is not None and word.kind == "go":
                self.start([number, *self.mates(number)], free.pop(0), word)
            elif word is not None and word.kind == "wait":
                self.waiting.append(number)
            elif word is not None:
                state = halving.stop(self.plan.members[number], self.states[number], word.epoch)
                self.change(number, state)

    def is_to_do(self, number: int) -> bool:
        """Whether it still is: another process may have it, or may have brought it to its end."""
        member = self.plan.members[number]
        if claims.held(Path(member.run.outputs), member.identity):
            self.wait_for(number)
            return False
        found = progress.near(member)
        if found is None:
            return True
        state = stock.state(member, found)
        if state.kind == "elsewhere":
            self.wait_for(number)
        elif is_open(state, retry=self.retry):
            return True
        else:
            self.change(number, state)
        return False

    def wait_for(self, number: int) -> None:
        """Somebody else has this member."""
        self.elsewhere[number] = time.monotonic() + AGAIN
        self.change(number, replace(self.states[number], kind="elsewhere"))

    def mates(self, number: int) -> list[int]:
        """Other seeds of its arm that are to do, which the same process shall have as lanes."""
        found = together.mates(
            self.plan, number, self.todo, self.options, self.launcher.slots, self.budget
        )
        self.todo = [other for other in self.todo if other not in found]
        heapq.heapify(self.todo)
        return [other for other in found if self.is_to_do(other)]

    def start(self, numbers: Sequence[int], slot: int, word: Word) -> None:
        """Give members a slot, as far as they may go; one process has all of them."""
        first, *others = numbers
        where = place(self.plan.members[first].run).expanduser().absolute()
        log = where.parent / "logs" / f"{where.name}.log"
        unlinked(log)
        with disk_errors(log):
            make_folder(log.parent)
        before = log.stat().st_size if log.exists() else 0
        task = Task(self.path, first, log, 0, word.epoch, tuple(others))
        job = Shared(self.launcher.start(task, slot))
        self.running[slot] = []
        for number in numbers:
            member = self.plan.members[number]
            attempt = Attempt(member, number, slot, Share(job), log, self.options)
            attempt.log_start = before
            self.running[slot].append(attempt)
            self.words[number] = word
            self.change(number, replace(attempt.state(), path=self.states[number].path))

    def attempts(self) -> Iterator[Attempt]:
        """All members that run."""
        return chain.from_iterable(self.running.values())

    def follow(self) -> None:
        """See how far those are that run."""
        for attempts in self.running.values():
            alive = max(attempt.alive for attempt in attempts)  # one moves, and so do all
            for attempt in attempts:
                attempt.alive = alive
                if attempt.look():
                    self.change(attempt.number, attempt.state())

    def collect(self) -> None:
        """Take note of those that are over."""
        for slot, attempts in list(self.running.items()):
            codes = [attempt.poll() for attempt in attempts]
            code = codes[-1]
            if code is not None:
                del self.running[slot]
                for attempt in attempts:
                    shared = len(attempts) > 1
                    self.close(attempt, together.own_code(attempt.member, code) if shared else code)

    def close(self, attempt: Attempt, code: int) -> None:
        """One is over: what it is now, told to all who should know."""
        member, number, meaning = attempt.member, attempt.number, attempt.meaning(code)
        found = progress.near(member)
        if found is None or found.status != meaning:
            found = progress.begun(member)
        if meaning == "finished" and stock.state(member, found).kind != "finished":
            meaning = Failure("error", "it ended without its result", code)
        kind = "failed" if isinstance(meaning, Failure) else meaning
        detail = meaning.detail if isinstance(meaning, Failure) else ""
        path = found.path if found else None
        try:
            if isinstance(meaning, Failure) and not (found and found.status == "finished"):
                path = failures.record(member, path, meaning)
            if kind != "elsewhere":
                failures.journal(member, self.path, code, attempt.seconds, detail or kind)
        except UserError as error:  # a full disk, a damaged record: the sweep itself goes on
            self.watch.note(f"{member.title}: {error}")
        if kind == "elsewhere":
            self.wait_for(number)
            return
        if kind == "finished":
            self.finished.append(attempt.seconds)
        value = stock.value(member, found) if found else None
        state = replace(attempt.state(), kind=kind, path=path, value=value, detail=detail)
        self.change(number, state)
        if kind == "paused" and self.rule.say(number) != self.words[number]:
            heapq.heappush(self.todo, number)

    def look_elsewhere(self) -> None:
        """What another process had and has no more is finished, or is to do."""
        now = time.monotonic()
        for number in [n for n, at in self.elsewhere.items() if at <= now]:
            member, self.elsewhere[number] = self.plan.members[number], now + AGAIN
            if claims.held(Path(member.run.outputs), member.identity):
                continue
            state = stock.state(member, progress.begun(member))
            if state.kind == "elsewhere":
                continue
            del self.elsewhere[number]
            self.change(number, state)
            if is_open(state, retry=False):
                heapq.heappush(self.todo, number)

    def halt(self) -> None:
        """Tell all to save and end."""
        for attempt in self.attempts():
            if not attempt.told:
                attempt.stop(self.options.grace_seconds)

    def leave(self) -> None:
        """Whatever happened here, no member is left behind."""
        for attempt in self.attempts():
            attempt.stop(AT_ONCE if attempt.told else self.options.grace_seconds)
        while self.running:
            self.collect()
            time.sleep(TICK / 10)

    def change(self, number: int, state: State) -> None:
        """Something is new; who waits for it is asked again."""
        self.states[number] = state
        if state.kind != "running":
            self.todo += self.waiting
            heapq.heapify(self.todo)
            self.waiting.clear()
        self.watch.change(number, state)
