"""A member on another machine comes to its end, whatever becomes of the machines."""

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from acting import Clock, Seen, leave
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_studies import checked, inside

from vitpos import config
from vitpos.errors import BadInput, Interrupted, NoResources, Unfinished
from vitpos.sweeps import attempts, frozen, sweep
from vitpos.sweeps.launchers import distant, far
from vitpos.sweeps.launchers.base import Task
from vitpos.sweeps.launchers.distant import CANCELLED, ENDED, MEMORY, Distant, Distantly
from vitpos.sweeps.plan import Plan


@dataclass
class Ticket:
    """A job as a queue knows it."""

    folder: Path
    call: Any
    fate: str | None = None


@dataclass
class Acting:
    """A queue in which nothing happens by itself."""

    on: Callable[[Ticket], object] = lambda ticket: None
    jobs: list[Ticket] = field(default_factory=list)
    cancelled: list[bool] = field(default_factory=list)
    refusals: int = 0

    def submit(self, name: str, folder: Path, call: Any) -> Ticket:
        """Take it, or refuse."""
        if self.refusals:
            self.refusals -= 1
            raise NoResources("the queue is full")
        self.jobs.append(Ticket(folder, call))
        self.on(self.jobs[-1])
        return self.jobs[-1]

    def fate(self, ticket: Ticket, *, now: bool) -> str | None:
        """As the test says."""
        return ticket.fate

    def cancel(self, ticket: Ticket, *, kill: bool) -> None:
        """Remember; what waits is over."""
        self.cancelled.append(kill)
        if "host" not in far.told(ticket.folder):
            ticket.fate = CANCELLED

    def complaint(self, ticket: Ticket, folder: Path) -> str:
        """Something."""
        return "no such module"

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that sweeps and jobs see."""
    found = Clock()
    for module in (sweep, attempts, distant):
        monkeypatch.setattr(module, "time", found)
    return found


@pytest.fixture
def queue() -> Acting:
    """An empty one."""
    return Acting()


@pytest.fixture
def job(clock: Clock, queue: Acting, tmp_path: Path) -> Distant:
    """One that may be handed out twice more."""
    return Distant(queue, Task(tmp_path / "plans" / "abc.json", 3, tmp_path / "log", 1, None), 2)


def wait(job: Distant, clock: Clock, seconds: float) -> int | None:
    """Poll it for so long, as a sweep does."""
    end = clock.now + seconds
    while clock.now < end and job.poll() is None:
        clock.sleep(max(0.5, seconds / 100))
    return job.poll()


def begin(queue: Acting, **facts: Any) -> None:
    """The last job has begun."""
    far.tell(queue.jobs[-1].folder, host="there", **facts)


def log(job: Distant) -> str:
    """What was written for people."""
    return job.task.log.read_text()


def test_waits_runs_and_ends(job, queue, clock):
    """Its exit code is that of the member."""
    waited = wait(job, clock, 5), job.waits()
    begin(queue)
    ran = wait(job, clock, 5), job.waits()
    begin(queue, code=6)

    assert (waited, ran, wait(job, clock, 5)) == ((None, True), (None, False), 6)
    assert queue.jobs[0].call[1][2:5] == ["vitpos.sweeps.member", str(job.task.plan), "3"]


@pytest.mark.parametrize("fate", ["PREEMPTED", "TIMEOUT", "NODE_FAIL", ENDED, "NodeDiedError"])
@pytest.mark.parametrize("code", [130, None])
def test_what_lost_its_machine_is_handed_out_again(job, queue, clock, fate, code):
    """Saved or not; after so many times in a row it is given up."""
    codes = []
    for _ in range(3):
        begin(queue, **({} if code is None else {"code": code}))
        queue.jobs[-1].fate = fate
        codes.append(wait(job, clock, 60))
    folders = {ticket.folder for ticket in queue.jobs}

    assert codes == [None, None, code or -signal.SIGKILL]
    assert len(folders) == 3
    assert log(job).count("--- handed out again") == 2


def test_a_job_that_was_worth_it_counts_anew(job, queue, clock):
    """What is preempted every hour comes to its end all the same."""
    for _ in range(10):
        begin(queue)
        wait(job, clock, 3600)
        queue.jobs[-1].fate = "PREEMPTED"
        wait(job, clock, 60)
    begin(queue, code=0)

    assert wait(job, clock, 60) == 0


@pytest.mark.parametrize("begun", [True, False])
def test_what_somebody_cancelled_is_not_handed_out_again(job, queue, clock, begun):
    """It was meant."""
    if begun:
        begin(queue, code=130)
    queue.jobs[0].fate = CANCELLED

    assert wait(job, clock, 60) == (130 if begun else 143)
    assert len(queue.jobs) == 1


def test_a_result_that_a_slow_disk_shows_late_counts(job, queue, clock):
    """The job is over before the file says so."""
    begin(queue)
    queue.jobs[0].fate = ENDED
    clock.after(distant.LATE / 2, lambda: begin(queue, code=0))

    assert wait(job, clock, 60) == 0
    assert len(queue.jobs) == 1


def test_too_little_memory_is_told(job, queue, clock):
    """And not tried again."""
    begin(queue)
    queue.jobs[0].fate = MEMORY

    assert wait(job, clock, 60) == NoResources.code
    assert "error: out of memory" in log(job)


def test_what_cannot_begin_says_why(job, queue, clock):
    """With the words of the job, as the error of the member."""
    queue.jobs[0].fate = ENDED

    assert wait(job, clock, 60) == 1
    assert "error: the job ended before it began: no such module" in log(job)


def test_a_queue_that_refuses_is_asked_again(job, queue, clock):
    """But not the first time, when the options may be wrong."""
    queue.refusals = 1
    begin(queue, code=130)
    queue.jobs[0].fate = "PREEMPTED"
    wait(job, clock, 10)
    refused = len(queue.jobs)
    wait(job, clock, 60)
    queue.refusals = 1

    assert (refused, len(queue.jobs)) == (1, 2)
    with pytest.raises(NoResources):
        Distant(queue, job.task, 2)


def test_a_stop_in_the_queue_takes_it_out(job, queue, clock):
    """It never begins."""
    job.send(signal.SIGTERM)

    assert wait(job, clock, 2) == 143
    assert queue.cancelled == [False]
    assert far.word(queue.jobs[0].folder) == far.END


def test_a_stop_while_it_runs_is_told_to_the_far_end(job, queue, clock):
    """Which has the time that it takes to save; then it is over, and not handed out again."""
    begin(queue)
    wait(job, clock, 2)
    job.send(signal.SIGTERM)
    before = wait(job, clock, 40)
    begin(queue, code=130)

    assert (before, wait(job, clock, 2)) == (None, 130)
    assert (queue.cancelled, len(queue.jobs)) == ([], 1)


def test_what_is_killed_is_over_though_nobody_answers(job, queue, clock):
    """A sweep does not wait forever for a machine that is gone."""
    begin(queue)
    wait(job, clock, 2)
    job.send(signal.SIGKILL)

    assert far.word(queue.jobs[0].folder) == far.DIE
    assert wait(job, clock, 2 * distant.LAST) == -signal.SIGKILL
    assert queue.cancelled == [True]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "fate", "code", "send", "refuse"]),
        st.sampled_from([0, 1, 6, 130, 143, -9]),
        st.sampled_from([None, CANCELLED, MEMORY, ENDED, "NODE_FAIL", "PREEMPTED"]),
        st.floats(0, 600),
    ),
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(EVENTS)
def test_it_is_over_or_in_a_queue(clock, tmp_path, events):
    """Whatever happens in whatever order, nothing is lost, and not more jobs at once than one."""
    shutil.rmtree(tmp_path / "jobs", ignore_errors=True)
    queue = Acting()
    task = Task(tmp_path / "plans" / "abc.json", 0, tmp_path / "log", 1, None)
    job = Distant(queue, task, 2)
    for what, code, fate, seconds in events:
        last = queue.jobs[-1]
        open_ = "code" not in far.told(last.folder)
        if what == "begin" and open_:
            far.tell(last.folder, host="there")
        elif what == "code" and open_:
            far.tell(last.folder, host="there", code=code)
        elif what == "fate":
            last.fate = fate
        elif what == "refuse":
            queue.refusals = 1
        elif what == "send" and job.code is None:
            job.send(signal.SIGTERM)
        wait(job, clock, seconds)
        over = [
            ticket.fate is not None or "code" in far.told(ticket.folder) for ticket in queue.jobs
        ]

        assert all(over[:-1])
    far.tell(queue.jobs[-1].folder, host="there", code=0)
    if job.ticket is None:
        wait(job, clock, 60)
        far.tell(queue.jobs[-1].folder, host="there", code=0)

    assert wait(job, clock, 600) is not None


# In a sweep


@pytest.fixture(scope="module")
def made() -> Plan:
    """Two arms and two seeds, composed once."""
    return checked()


@pytest.fixture
def plan(made: Plan, tmp_path: Path) -> Plan:
    """The same for an empty folder of runs."""
    return inside(made, tmp_path)


def go(plan: Plan, queue: Acting, standing: Any = None, **limits: Any) -> tuple[Seen, Any]:
    """Run it in that queue; what was seen, and the folders or the error."""
    options, _ = config.launching(["launcher=slurm"])
    launcher = Distantly(queue, options, 1, lambda: 3, standing or {})
    seen = Seen()
    try:
        end: Any = sweep.run(
            plan,
            seen,
            "vitpos it",
            options=replace(options, **limits),
            launch=lambda *anything: launcher,
        )
    except (Unfinished, Interrupted) as error:
        end = error
    return seen, end


def performing(plan: Plan, clock: Clock, queued: float = 100.0) -> Callable[[Ticket], object]:
    """Jobs that wait for so long, and run for ten seconds to their end."""

    def perform(ticket: Ticket) -> None:
        def end() -> None:
            if ticket.fate is None and not far.word(ticket.folder):
                leave(plan.members[int(ticket.call[1][4])], "finished")
            code = 130 if far.word(ticket.folder) else 0
            far.tell(ticket.folder, host="there", code=code)

        clock.after(queued, lambda: far.tell(ticket.folder, host="there"))
        clock.after(queued + 10, end)

    return perform


def test_a_sweep_through_a_queue(plan, clock, queue):
    """Members are queued, run and end; what waits in the queue takes no time of theirs."""
    queue.on = performing(plan, clock)
    seen, end = go(plan, queue, member_seconds=30.0, silent_seconds=30.0)

    assert isinstance(end, list)
    assert all(kinds == ["queued", "running", "finished"] for kinds in seen.kinds.values())
    assert all(state.seconds < 20 for state in seen.states.values())
    assert len(queue.jobs) == 4


def test_a_signal_takes_the_rest_out_of_the_queue(plan, clock, queue):
    """And what runs saves."""
    perform = performing(plan, clock, queued=5.0)
    queue.on = lambda ticket: perform(ticket) if len(queue.jobs) == 1 else None
    clock.after(8, lambda: signal.raise_signal(signal.SIGINT))
    _, end = go(plan, queue)

    assert isinstance(end, Interrupted)
    assert (end.code, queue.cancelled, len(queue.jobs)) == (130, [False, False], 3)


def test_jobs_of_a_sweep_that_is_gone_are_taken_over(plan, clock, queue, tmp_path):
    """They are not submitted a second time."""
    queue.on = performing(plan, clock)
    path = frozen.freeze(plan)
    old = Distant(queue, Task(path, 0, tmp_path / "log", 1, None), 1)
    seen, end = go(plan, queue, {0: (old.ticket, old.folder)})

    assert isinstance(end, list)
    assert len(queue.jobs) == 4
    assert {kinds[-1] for kinds in seen.kinds.values()} == {"finished"}


def test_a_job_that_never_begins_ends_the_sweep(plan, clock, queue, monkeypatch):
    """It would be so for all of them; none is left in the queue, and none counts as failed."""

    def never(ticket: Ticket, *, now: bool) -> str | None:
        if ticket.fate is None:
            raise BadInput("never")
        return ticket.fate

    monkeypatch.setattr(queue, "fate", never)
    with pytest.raises(BadInput, match="never"):
        go(plan, queue)

    assert queue.cancelled == [False] * 3
    assert not list((frozen.freeze(plan).parents[1]).glob("*-s?-*"))


def test_threads_are_those_of_the_job(plan):
    """As many as it has CPUs, unless the run says; never more than that."""
    options, _ = config.launching(["launcher=slurm", "launcher.cpus=4"])
    said = Plan(plan.study, tuple(replace(m, run=replace(m.run, threads=6)) for m in plan.members))
    notes: list[str] = []

    assert distant.threads(options, plan, [], notes.append) == 4
    with pytest.raises(BadInput, match=r"threads = 6: launcher\.cpus = 4"):
        distant.threads(options, said, [], notes.append)


def test_what_is_left_of_jobs_that_are_over_is_removed(tmp_path):
    """The others may run still."""
    for name, facts in {"over": {"code": 0}, "runs": {"host": "there"}}.items():
        (tmp_path / name).mkdir()
        far.prepare(tmp_path / name)
        far.tell(tmp_path / name, **facts)
    distant.tidy(tmp_path)
    distant.tidy(tmp_path / "nowhere")

    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
