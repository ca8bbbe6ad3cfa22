"""A sweep brings every member of a plan to its end, whatever happens to some of them."""

import json
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from acting import Act, Acting, Clock, Seen, leave
from run_folders import folder
from small_studies import checked, inside

from vitpos import config, runs
from vitpos.durable import Lines
from vitpos.errors import BadData, Interrupted, NoResources, Paused, Unfinished
from vitpos.runs import RunFolder
from vitpos.sweeps import attempts, claims, failures, frozen, progress, sweep
from vitpos.sweeps.plan import Plan

ORDER = ["a, seed 0", "b, seed 0", "a, seed 1", "b, seed 1"]


@pytest.fixture(scope="module")
def made() -> Plan:
    """Two arms and two seeds, composed once."""
    return checked(then={"image_size": [35]})


@pytest.fixture
def plan(made: Plan, tmp_path: Path) -> Plan:
    """The same for an empty folder of runs."""
    return inside(made, tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that sweeps see."""
    found = Clock()
    monkeypatch.setattr(sweep, "time", found)
    monkeypatch.setattr(attempts, "time", found)
    return found


def go(plan: Plan, acting: Acting, **more: Any) -> tuple[Seen, Any]:
    """Run it; what was seen, and the folders or the error."""
    seen = Seen()
    options = replace(config.launching([])[0], grace_seconds=5.0, **more.pop("limits", {}))
    try:
        end: Any = sweep.run(plan, seen, "vitpos it", options=options, launch=acting, **more)
    except (Unfinished, Interrupted, Paused) as error:
        end = error
    return seen, end


def journal(plan: Plan) -> list[dict[str, Any]]:
    """What was written down of every attempt."""
    return Lines(runs.place(plan.members[0].run).parent / "journal.jsonl").read()


def failure_of(plan: Plan, number: int) -> dict[str, Any]:
    """As its record has it."""
    found = progress.begun(plan.members[number])
    assert found is not None
    assert found.status == "failed"
    return dict(found.record["failure"])


def test_brings_every_member_to_its_end(plan, clock, tmp_path):
    """In the order of the plan, never more at a time than slots; again, nothing is left to do."""
    acting = Acting(clock)
    seen, end = go(plan, acting)
    again = Acting(clock)
    repeated, same = go(plan, again)

    assert acting.titles == ORDER
    assert (acting.most, acting.closed, seen.ended) == (2, True, 1)
    assert end == same == [str(tmp_path / "made")]
    assert all(kinds == ["running", "finished"] for kinds in seen.kinds.values())
    assert {state.value for state in seen.states.values()} == {0.5}
    assert again.titles == []
    assert {state.kind for state in repeated.first.values()} == {"finished"}
    assert [row["code"] for row in journal(plan)] == [0] * 4


@pytest.mark.parametrize(
    ("act", "kind", "detail", "told"),
    [
        (Act(1, says="error: ValueError: no; this is a bug; x"), "error", "ValueError: no", 1),
        (Act(1, folder=False, says="error: no"), "error", "no", 1),
        (Act(3), "error", "exit code 3", 3),
        (Act(-9), "killed", "killed (SIGKILL, out of memory?)", -9),
        (Act(137), "killed", "killed (SIGKILL, out of memory?)", 137),
        (Act(-11), "killed", "killed (SIGSEGV)", -11),
        (Act(5, says="error: out of memory at batch 9"), "memory", "out of memory at batch 9", 5),
        (Act(5, says="error: cannot write x: no space left"), "disk", "cannot write x: ", 5),
        (Act(0, folder=False), "error", "it ended without its result", 0),
        (Act(0, seconds=1e9), "timeout", "not at its end after 60 s", 143),
        (Act(0, seconds=1e9, deaf=True), "timeout", "not at its end after 60 s", -9),
    ],
)  # fmt: skip
def test_a_failure_is_recorded_and_the_others_finish(plan, clock, act, kind, detail, told):
    """In the record of its run, also if it had none; the exit code is 7; only --retry tries it."""
    acting = Acting(clock, {"a, seed 0": [act]})
    seen, end = go(plan, acting, limits={"member_seconds": 60.0})
    found = failure_of(plan, 0)
    again = Acting(clock)
    before, same = go(plan, again)
    retried = Acting(clock)
    _, folders = go(plan, retried, retry=True)

    assert isinstance(end, Unfinished)
    assert end.message.startswith(f"1 of 4 runs failed: a, seed 0: {detail}")
    assert end.hint == "look at them, then vitpos it --retry"
    assert (found["kind"], found["code"]) == (kind, told)
    assert found["detail"].startswith(detail)
    assert seen.kinds["a, seed 0"] == ["running", "failed"]
    assert all(seen.kinds[title] == ["running", "finished"] for title in ORDER[1:])
    assert (again.titles, before.first["a, seed 0"].kind) == ([], "failed")
    assert same.message == end.message
    assert (retried.titles, len(folders)) == (["a, seed 0"], 1)
    assert len({found.path for found in progress.there(plan).values()}) == 4


def test_what_makes_no_step_hangs(plan, clock):
    """For so long, between its first and its last; the compiler before it may take its time."""
    acting = Acting(clock, {title: [Act(seconds=500)] for title in ORDER}, slots=3)

    def tell(number: int, step: int) -> None:
        member = plan.members[number]
        path = claims.place(Path(member.run.outputs), member.identity)
        path.write_text(json.dumps({"step": step, "steps": 450, "rate": 2.5}))

    for seconds in range(50, 500, 50):
        clock.after(seconds, partial(tell, 0, seconds))
    clock.after(200, partial(tell, 1, 7))
    clock.after(200, lambda: tell(2, 450))
    seen, _ = go(plan, acting, limits={"silent_seconds": 90.0})

    assert [seen.kinds[title][-1] for title in ORDER[:3]] == ["finished", "failed", "finished"]
    assert (seen.states["a, seed 0"].step, seen.states["a, seed 0"].steps) == (450, 450)
    assert failure_of(plan, 1)["detail"] == "no step for 90 s"


def test_what_diverged_is_left(plan, clock):
    """It would diverge again with the same bits: only --retry tries it."""
    seen, end = go(plan, Acting(clock, {"b, seed 0": [Act(6)]}))
    again, retried = Acting(clock), Acting(clock, {"b, seed 0": [Act(6)]})
    go(plan, again)
    go(plan, retried, retry=True)

    assert seen.kinds["b, seed 0"] == ["running", "diverged"]
    assert end.message == "1 of 4 runs failed: b, seed 0: diverged"
    assert (again.titles, retried.titles) == ([], ["b, seed 0"])


def test_what_was_interrupted_goes_on(plan, clock):
    """And what was paused, or begun by a process that did not come as far as its record."""
    leave(plan.members[0], "interrupted")
    leave(plan.members[1], "paused")
    RunFolder.create(plan.members[2].run, plan.members[2].words)
    acting = Acting(clock)
    seen, end = go(plan, acting)

    kinds = [state.kind for state in seen.first.values()]
    assert kinds == ["interrupted", "paused", "interrupted", "planned"]
    assert acting.titles == ORDER
    assert len(end) == 1


def test_runs_elsewhere_count(plan, clock, tmp_path):
    """One that was run under another name and study lacks its evaluation only, and is compared."""
    words = ("dataset=mnist5k", "training=smoke")
    before = folder(tmp_path, *words, "embedding=none", study="other")
    acting = Acting(clock)
    seen, end = go(plan, acting)

    assert seen.first["a, seed 0"].detail == "without its evaluations"
    assert seen.states["a, seed 0"].path == before
    assert end == [str(tmp_path / "made")]  # whose plan tells comparisons of the other


def test_a_finished_run_that_cannot_be_evaluated_stays_finished(plan, clock):
    """The failure is told, and is not one of the run."""
    path = leave(plan.members[0], "finished")
    (path / "evaluations.jsonl").unlink()
    _, end = go(plan, Acting(clock, {"a, seed 0": [Act(3, says="error: no such data")]}))

    assert "a, seed 0: no such data" in end.message
    assert json.loads((path / "record.json").read_text())["status"] == "finished"


def test_what_another_process_has_is_looked_at_again(plan, clock):
    """What it finished is not done; what it left is; at the end nothing is missing."""
    held = [claims.claimed(Path(m.run.outputs), m.identity) for m in plan.members[:2]]
    for claim in held:
        claim.__enter__()

    def let_go(number: int) -> None:
        if number == 0:
            leave(plan.members[0], "finished")
        held[number].__exit__(None, None, None)

    clock.after(30, lambda: let_go(0))
    clock.after(60, lambda: let_go(1))
    acting = Acting(clock)
    seen, end = go(plan, acting)

    assert acting.titles == ["a, seed 1", "b, seed 1", "b, seed 0"]
    assert seen.kinds["a, seed 0"] == ["elsewhere", "finished"]
    assert seen.kinds["b, seed 0"] == ["elsewhere", "planned", "running", "finished"]
    assert len(end) == 1


def test_who_comes_second_waits(plan, clock):
    """A member that says that another process was quicker is put back, and is no failure."""
    acting = Acting(clock, {"a, seed 0": [Act(8, seconds=1, folder=False, claim=False)]})
    seen, _ = go(plan, acting)

    assert acting.titles == [*ORDER[:3], ORDER[0], ORDER[3]]
    assert seen.kinds["a, seed 0"] == ["running", "elsewhere", "planned", "running", "finished"]
    assert len(journal(plan)) == 4


def test_a_run_by_hand_is_left_to_it(plan, clock):
    """A run folder in use counts as a claim."""
    made = RunFolder(leave(plan.members[0], "running"))
    lock = made.locked()
    lock.__enter__()

    def ended() -> None:
        leave(plan.members[0], "finished")
        lock.__exit__(None, None, None)

    clock.after(100, ended)
    acting = Acting(clock)
    seen, end = go(plan, acting)

    assert acting.titles == ORDER[1:]
    assert (seen.first["a, seed 0"].kind, seen.kinds["a, seed 0"]) == ("elsewhere", ["finished"])
    assert len(end) == 1


def test_what_another_sweep_finished_meanwhile_is_not_started(plan, clock):
    """Though it was missing when this one began."""
    acting = Acting(clock)
    clock.after(5, lambda: leave(plan.members[3], "finished"))
    go(plan, acting)

    assert acting.titles == ORDER[:3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(plan, clock, number):
    """Those that run save and end, nothing else is started; the hint says how to go on."""
    clock.after(15, lambda: signal.raise_signal(number))
    acting = Acting(clock)
    seen, end = go(plan, acting)

    assert isinstance(end, Interrupted)
    assert (end.code, end.hint) == (128 + number, "vitpos it")
    assert end.message == "stopped with 2 of 4 runs to do; what was begun is saved"
    assert [job.signals for job in acting.jobs] == [[], [], [signal.SIGTERM], [signal.SIGTERM]]
    assert [seen.kinds[title][-1] for title in ORDER] == ["finished"] * 2 + ["interrupted"] * 2


def test_a_second_signal_ends_it_at_once(plan, clock):
    """Also those that do not listen, and none is left behind."""
    acting = Acting(clock, {"a, seed 0": [Act(seconds=1e9, deaf=True)]})
    for seconds in (5, 5.5):
        clock.after(seconds, lambda: signal.raise_signal(signal.SIGINT))
    seen, end = go(plan, acting)

    assert (end.code, end.hint) == (130, "vitpos it")
    assert clock.now < 1010
    assert acting.jobs[0].signals == [signal.SIGTERM, signal.SIGTERM, signal.SIGKILL]
    assert (seen.ended, acting.closed) == (1, True)


def test_one_that_does_not_end_is_killed(plan, clock):
    """After its grace; what it saved before is kept."""
    acting = Acting(clock, {"a, seed 0": [Act(seconds=1e9, deaf=True)]})
    clock.after(5, lambda: signal.raise_signal(signal.SIGTERM))
    seen, end = go(plan, acting)

    assert end.code == 143
    assert acting.jobs[0].signals == [signal.SIGTERM, signal.SIGKILL]
    assert 1010 <= clock.now < 1012
    assert seen.kinds["a, seed 0"] == ["running", "interrupted"]


def test_no_member_is_left_behind_by_an_error(plan, clock, monkeypatch):
    """Whatever goes wrong in the sweep itself."""
    acting = Acting(clock)
    monkeypatch.setattr(Seen, "tick", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        go(plan, acting)

    assert [job.signals for job in acting.jobs] == [[signal.SIGTERM]] * 2
    assert all(job.claim is None for job in acting.jobs)


def test_a_budget_is_kept(plan, clock):
    """What would not end in time is not begun; the rest is for another time."""
    acting = Acting(clock)
    _, end = go(plan, acting, budget=15.0)
    rest = Acting(clock)
    _, folders = go(plan, rest, budget=25.0)

    assert isinstance(end, Paused)
    assert (end.code, end.hint) == (75, "vitpos it")
    assert end.message.startswith("the budget of 15 s is spent with 2 of 4 runs to do")
    assert (acting.titles, rest.titles) == (ORDER[:2], ORDER[2:])
    assert clock.now < 1025
    assert len(folders) == 1


def test_who_retries_is_told_to_retry_what_is_left(plan, clock):
    """What was not reached is still a failure on the disk, which nothing else would try."""
    go(plan, Acting(clock, {title: [Act(1)] for title in ORDER}))
    _, end = go(plan, Acting(clock), retry=True, budget=15.0)
    _, failed = go(plan, Acting(clock, {ORDER[2]: [Act(1)]}), retry=True)

    assert end.hint == "vitpos it --retry"
    assert failed.hint == "look at them, then vitpos it --retry"


def test_what_runs_when_the_budget_is_spent_is_stopped_in_order(plan, clock):
    """And goes on another time."""
    acting = Acting(clock, slots=4)
    seen, end = go(plan, acting, budget=8.0)

    assert end.message.startswith("the budget of 8 s is spent with 4 of 4 runs to do")
    assert {kinds[-1] for kinds in seen.kinds.values()} == {"interrupted"}


def test_what_was_stopped_by_somebody_else_is_told(plan, clock):
    """It is saved, and no failure; the exit code says that something is missing."""
    seen, end = go(plan, Acting(clock, {"a, seed 0": [Act(143)]}))

    assert (end.code, end.message) == (7, "1 of 4 runs were stopped from outside")
    assert seen.kinds["a, seed 0"] == ["running", "interrupted"]


def test_missing_data_is_told_before_anything_runs(plan, clock, tmp_path):
    """Once, and not for every member."""
    other = config.compose_dataset(["dataset=mnist", f"dataset.root={tmp_path}"])
    members = [replace(m, run=replace(m.run, dataset=other)) for m in plan.members]
    acting = Acting(clock)
    with pytest.raises(BadData):
        go(Plan(plan.study, tuple(members)), acting)

    assert acting.titles == []
    assert frozen.plans(tmp_path / "made") == []


def test_a_full_disk_stops_no_sweep(plan, clock, monkeypatch):
    """What cannot be written down is said, and the others go on."""

    def full(*anything: Any) -> None:
        raise NoResources("cannot write it: no space left")

    monkeypatch.setattr(failures, "journal", full)
    seen, end = go(plan, Acting(clock))

    assert len(end) == 1
    assert seen.notes == [f"{title}: cannot write it: no space left" for title in ORDER]
