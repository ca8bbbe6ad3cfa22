"""What a dry run says: what is there, what is to do, how long that takes."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import MACHINE, folder
from small_plans import made

from vitpos import checkpoints, config, durable, identities, machine, records
from vitpos.sweeps import estimates, progress
from vitpos.sweeps.estimates import Estimate
from vitpos.sweeps.failures import JOURNAL
from vitpos.sweeps.outlook import Outlook, lines
from vitpos.sweeps.plan import Plan
from vitpos.terminal.screen import Quiet

ARMS = ("embedding=none", "embedding=learned1d")
WORDS = ("dataset=mnist5k", "training=smoke", "precision=fp32", "device=cpu", "threads=1")
SIZES = {"a": (1_000_000, 0), "b": (1_000_128, 128)}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A machine like that of the records."""
    monkeypatch.setattr(machine, "cpu_name", lambda: MACHINE["cpu"])
    estimates.here.cache_clear()
    yield MACHINE
    estimates.here.cache_clear()


def small(place: Path, seeds: int = 2) -> Plan:
    """Two arms of small runs in this folder."""
    of = made(seeds=seeds)
    members = []
    for member in of.members:
        embedding = ARMS[member.arm.name == "b"]
        run = config.compose([*WORDS, embedding])
        run = replace(run, seed=member.seed, name=member.arm.name, study="made", outputs=str(place))
        members.append(replace(member, run=run, identity=identities.identity(run)))
    return Plan(of.study, tuple(members))


def leave(place: Path, arm: int, **options: Any) -> Path:
    """A run of one of these arms, as it would lie there."""
    return folder(place, *WORDS, ARMS[arm], study=options.pop("study", "made"), **options)


def known(place: Path, of: Plan) -> dict[str, Estimate]:
    """What is estimated from what lies there."""
    return estimates.estimates(of, [records.read(path) for path in records.walk(place)])


def looked(place: Path, seeds: int = 2, **options: Any) -> Outlook:
    """What there is, on two slots."""
    of = small(place, seeds)
    return Outlook(of, progress.there(of), SIZES, known(place, of), 2, **options)


def test_an_arm_takes_what_it_took(tmp_path, here):
    """The median of its seeds, in whatever study they ran; the other arm as many operations."""
    for seed in (7, 8, 9):
        leave(tmp_path, 0, seed=seed, study="other")
    found = known(tmp_path, small(tmp_path))

    assert found["a"] == Estimate(60.0, "3 runs of it")
    assert found["b"].source == "3 other runs"
    assert found["b"].seconds > 0


def test_more_operations_take_longer(tmp_path, here):
    """In proportion, if nothing is known of what a process does besides."""
    leave(tmp_path, 0)
    of = small(tmp_path)
    longer = [replace(m, run=replace(m.run, training=replace(m.run.training, epochs=20)))
              for m in of.members]  # fmt: skip
    short, long = known(tmp_path, of), known(tmp_path, Plan(of.study, tuple(longer)))

    assert long["b"].seconds == pytest.approx(10 * short["b"].seconds)


def test_the_journal_tells_what_whole_processes_took(tmp_path, here):
    """With start and evaluations; a run that was begun more than once is not believed."""
    for seed in (7, 8):
        path = leave(tmp_path, 0, seed=seed)
        rows = [{"identity": records.read(path).record["identity"], "seconds": 75.0 + seed}]
        durable.Lines(path.parent / JOURNAL).append(rows[0])
        if seed == 8:
            durable.Lines(path.parent / JOURNAL).append(rows[0])
    found = known(tmp_path, small(tmp_path))

    assert found["a"].seconds == pytest.approx((82 + 60) / 2)


@pytest.mark.parametrize(
    "other", [{"cpu": "Another"}, {"device": "cuda:0", "gpu": "A GPU"}, {"precision": "bf16"}]
)
def test_other_machines_tell_nothing(tmp_path, here, other):
    """Nor another precision."""
    leave(tmp_path, 0, machine=other)

    assert known(tmp_path, small(tmp_path)) == {}


def test_only_finished_runs_tell(tmp_path, here):
    """And damaged records are no obstacle."""
    leave(tmp_path, 0, status="interrupted")
    broken = leave(tmp_path, 0, seed=1)
    (broken / "record.json").write_text('{"attempts": [3], "machine": "x", "data": 1}')
    (broken / "summary.json").write_text('{"status": "finished", "perf": 5}')
    (broken.parent / JOURNAL).write_text("nonsense\nmore\n")

    assert known(tmp_path, small(tmp_path)) == {}


def test_says_what_is_there_and_what_becomes_of_it(tmp_path, here):
    """Where the finished ones lie, what goes on, what failed and why, what is to do."""
    leave(tmp_path, 0, study="other")
    failed = leave(tmp_path, 1, status="failed")
    leave(tmp_path, 0, seed=1, status="interrupted", epochs=1)
    durable.write_json(
        failed / "record.json",
        durable.read_json(failed / "record.json") | {"failure": {"detail": "killed\x1b (SIGKILL)"}},
    )
    said = "\n".join(lines(looked(tmp_path), 200))
    again = "\n".join(lines(looked(tmp_path, retry=True), 200))

    assert f"finished: 1 in {tmp_path}/other" in said
    assert f"interrupted: 1 in {tmp_path}/made: to be gone on with" in said
    assert f"failed: 1 in {tmp_path}/made: tried again only with --retry" in said
    assert f"  {failed.name}: killed\\x1b (SIGKILL)" in said
    assert "2 runs to do: about" in said
    assert "failed: 1 in" in again
    assert "3 runs to do: about" in again


def test_what_was_begun_takes_less(tmp_path, here):
    """One of two epochs is done: half of it is left."""
    leave(tmp_path, 0, seed=7)
    leave(tmp_path, 0, seed=0, status="interrupted", epochs=1)
    [(_, first), *rest] = looked(tmp_path).to_do()

    assert first == 0.5
    assert [share for _, share in rest] == [1.0, 1.0, 1.0]


def test_says_when_nothing_tells_how_long(tmp_path, here):
    """And what could be done about it; nothing at all if all is finished."""
    said = " ".join(lines(looked(tmp_path), 200))

    assert "4 runs to do; nothing tells how long 2 arms would take here --probe" in said

    for arm in (0, 1):
        for seed in (0, 1):
            leave(tmp_path, arm, seed=seed)
    said = lines(looked(tmp_path), 200)

    assert said[-1] == "nothing is left to run"


def test_a_probe_takes_a_few_steps_of_what_is_to_do(tmp_path, here, monkeypatch):
    """Only of arms that would run and of which nothing is known."""
    leave(tmp_path, 0, seed=7)
    of, tried = small(tmp_path), []
    facts = {"seconds_estimated": 33.0}
    monkeypatch.setattr(estimates, "rehearse", lambda run, show: tried.append(run.name) or facts)
    found = estimates.probed(of, {"a", "b"}, {"a": Estimate(1.0, "")}, Quiet(), 1)

    assert tried == ["b"]
    assert found["b"] == Estimate(33.0, "a probe")


def test_checkpoints_are_as_large_as_is_said(tmp_path):
    """Two of each run, of weights and two moments."""
    run = config.compose([*WORDS])
    tensors = {f"{kind}/w": torch.zeros(10_000) for kind in ("model", "exp_avg", "exp_avg_sq")}
    for step in (1, 2, 3):
        checkpoints.save(tmp_path, step, tensors, "x")
    size = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))

    assert estimates.checkpoint_bytes(run, 10_000) == pytest.approx(size, rel=0.01)


NUMBERS = re.compile(r"\d[\d.,]*")


@settings(deadline=None, max_examples=40)
@given(width=st.integers(60, 200), name=st.text("abc-", min_size=1, max_size=30))
def test_lines_fit_and_lose_no_number(width, name):
    """At 60 to 200 columns; words are never broken."""
    of = made(("a", name + "x"))
    arm = replace(of.members[1].arm, overrides={"training.lr": 0.001, "dataset.size": 1234567})
    members = tuple(replace(m, arm=arm) if m.arm.name != "a" else m for m in of.members)
    known = {"a": Estimate(12240.0, "3 runs of it"), arm.name: Estimate(77.0, "1 other run")}
    sizes = {"a": (4_010_000, 0), arm.name: (4_020_000, 6_080)}
    look = Outlook(Plan(of.study, members), {}, sizes, known, 2)
    said, all_of_it = lines(look, width), lines(look, 1000)

    assert max(map(len, said)) <= width
    assert set(NUMBERS.findall(" ".join(said))) <= set(NUMBERS.findall(" ".join(all_of_it)))
    assert "3 h 24 min" in " ".join(said)
    assert "dataset.size=1234567" in " ".join(said)
