"""A member of a frozen plan does what is missing of its run; a sweep goes on with such a plan."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from acting import leave
from run_folders import call
from small_runs import TINY, _quick, few, results, train
from small_studies import checked, inside

from vitpos import config, experiment
from vitpos.durable import Lines
from vitpos.errors import Locked, Paused
from vitpos.records import read
from vitpos.runs import RunFolder
from vitpos.schema import Dataset
from vitpos.sweeps import claims, failures, frozen, member, progress, resuming, stock
from vitpos.sweeps import plan as plans
from vitpos.sweeps.plan import Plan

__all__ = ["_quick"]


@pytest.fixture(scope="module")
def made() -> Plan:
    """Two arms and two seeds of tiny runs, which are evaluated elsewhere."""
    then = {"image_size": [35], "dataset": ["fashion_mnist", "mnist5k"]}
    return checked(plans.settings(TINY), then=then)


@pytest.fixture
def plan(made: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The same for an empty folder of runs; all images are those of the package."""

    def images(dataset: Dataset, report: Any) -> Any:
        return replace(few(replace(dataset, name="mnist5k")), name=dataset.name)

    few(made.members[0].run.dataset)  # composes a config, once
    monkeypatch.setattr("vitpos.evaluate.load", images)
    return inside(made, tmp_path)


def work(path: Path, number: int, *more: str) -> None:
    """Be the process of a member."""
    member.work(member.asked([str(path), str(number), *more]))


def test_runs_and_evaluates_what_was_frozen(plan, tmp_path, monkeypatch):
    """By the plan alone: no config is composed any more. What is there is not done again."""
    path = frozen.freeze(plan)
    monkeypatch.setattr(config, "compose", pytest.fail)
    monkeypatch.setattr(config, "compose_dataset", pytest.fail)
    work(path, 3, "--threads=2")
    found = progress.begun(plan.members[3])
    rows = Lines(found.path / "evaluations.jsonl").read()
    monkeypatch.setattr(experiment, "start", pytest.fail)
    work(path, 3)

    assert (found.status, found.arm, found.seed) == ("finished", "b", 1)
    assert found.record["machine"]["threads"] == 2
    assert [(row["dataset"], row["image_size"]) for row in rows] == [
        ("fashion_mnist", 35), ("mnist5k", 35)]  # fmt: skip
    assert Lines(found.path / "evaluations.jsonl").read() == rows
    assert list((tmp_path / claims.FOLDER).iterdir()) == []


def test_probes_what_was_frozen(made, tmp_path, monkeypatch):
    """After the training, once; until then the member is not finished."""
    study = replace(made.study, then=(), probes=("shuffle", "knockout"))
    members = tuple(replace(m, study=study) for m in made.members)
    plan = inside(Plan(study, members), tmp_path)
    monkeypatch.setattr("vitpos.probes.loading.load", few)
    path = frozen.freeze(plan)
    again = frozen.thaw(path).members[3]
    with monkeypatch.context() as patch:
        patch.setattr(member, "probe", lambda member, path: None)
        work(path, 3)
    found = progress.begun(again)

    assert again.study.probes == ("shuffle", "knockout")
    assert progress.probes(again, found.path) == ["shuffle", "knockout"]
    assert stock.state(again, found).detail == "without its evaluations"
    work(path, 3)
    assert progress.probes(again, found.path) == []
    assert stock.state(again, found).kind == "finished"
    assert found.number("probe/shuffle/drop") is not None


def test_pauses_after_an_epoch_and_goes_on(plan, tmp_path_factory):
    """With the same bits as without the pause; a member that is as far already does nothing."""
    path, whole = frozen.freeze(plan), inside(plan, tmp_path_factory.mktemp("whole"))
    with pytest.raises(Paused):
        work(path, 1, "--until=1")
    found = progress.begun(plan.members[1])
    with pytest.raises(Paused):
        work(path, 1, "--until=1")
    with pytest.raises(Paused):
        work(path, 1, "--until=2")
    half = Lines(found.path / "metrics.jsonl").read()
    work(path, 1, "--until=3")
    work(frozen.freeze(whole), 1)
    again, other = progress.begun(plan.members[1]), progress.begun(whole.members[1])

    assert (found.status, len(half), again.status) == ("paused", 2, "finished")
    assert results(again.path) == results(other.path)
    steps = [attempt["from_step"] for attempt in again.record["attempts"]]
    assert steps == [0, 4, 4, 8]


def test_leaves_a_run_to_who_has_it(plan, tmp_path):
    """Whether it has the claim or the folder."""
    path, first = frozen.freeze(plan), plan.members[0]
    with claims.claimed(tmp_path, first.identity), pytest.raises(Locked):
        work(path, 0)
    folder = RunFolder(leave(first, "running"))
    with folder.locked(), pytest.raises(Locked):
        work(path, 0)


@pytest.mark.parametrize("code", [1, 4])
def test_begins_anew_only_where_the_folder_is_the_reason(plan, code):
    """What failed goes on in its folder, unless that could not be read."""
    first = plan.members[0]
    with pytest.raises(Paused):
        work(frozen.freeze(plan), 0, "--until=2")
    before = progress.begun(first).path
    failures.record(first, before, failures.Failure("error", "it", code))
    work(frozen.freeze(plan), 0)
    after = progress.begun(first)

    assert after.status == "finished"
    assert (after.path == before) == (code == 1)
    assert after.record["attempts"][-1]["from_step"] == (8 if code == 1 else 0)
    assert after.record.get("failure") is None
    assert read(before).status == ("finished" if code == 1 else "failed")


def test_a_failure_before_the_folder_goes_on_as_if_new(plan):
    """Its record only says why; nothing is told of another machine."""
    first = plan.members[0]
    path = failures.record(first, None, failures.Failure("error", "it", 1))
    before = read(path)
    work(frozen.freeze(plan), 0)
    after = read(path)

    assert (before.status, before.arm, before.seed) == ("failed", "a", 0)
    assert before.record["identity"] == first.identity
    assert after.status == "finished"
    assert "resumed_exactly" not in after.record


def test_a_sweep_goes_on_by_its_folder(plan, tmp_path, capsys):
    """With its one plan that is not finished, which words other than a launcher's do not change."""
    folder = tmp_path / "made"
    first = frozen.freeze(plan)
    smaller = Plan(replace(plan.study, seeds=(0,)), plan.members[:2])
    second = frozen.freeze(smaller)
    code, _, errors = call(capsys, "resume", folder)
    wrong, _, told = call(capsys, "resume", first, "seeds=3")
    for one in smaller.members:
        leave(one, "finished")
        Lines(progress.begun(one).path / "evaluations.jsonl").append(
            {"dataset": "mnist5k", "split": "test", "image_size": 35, "accuracy": 0.5}
        )
    chosen, _ = resuming.plan(folder, ["launcher.slots_per_device=1"])
    done, said, _ = call(capsys, "resume", second)

    assert code == wrong == 2
    assert "has 2 plans that are not finished" in errors
    assert str(first) in errors
    assert str(second) in errors
    assert "error: seeds=3: a sweep goes on as it was planned" in told
    assert frozen.digest(chosen) == frozen.digest(plan)
    assert done == 0
    assert said.splitlines()[-1] == f"vitpos compare {folder}"


def test_a_run_is_told_of_no_launcher(tmp_path, capsys):
    """It goes on as it was."""
    path = train(tmp_path)
    code, _, errors = call(capsys, "resume", path, "launcher.slots_per_device=2")

    assert code == 2
    assert f"hint: vitpos resume {path}" in errors


def test_a_plan_that_was_changed_is_refused(plan, capsys):
    """In a line that names it."""
    path = frozen.freeze(plan)
    data = json.loads(path.read_text())
    data["seeds"] = [7]
    del data["crc32"]
    path.write_text(json.dumps(data))
    code, _, errors = call(capsys, "resume", path)

    assert code == 4
    assert f"{path} is damaged: it is not what was frozen" in errors
