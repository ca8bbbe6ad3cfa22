"""Every arm is tuned alike, on validation, with seeds that the study does not use."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import acting
import pytest
import run_folders
from acting import Act, Acting, Clock, Seen
from run_folders import call
from small_studies import BODY

from vitpos import durable
from vitpos.comparing import comparison
from vitpos.comparing.reporting import planned, tuned
from vitpos.errors import BadInput, Paused, Unfinished
from vitpos.sweeps import attempts, frozen, progress, studies, sweep, tuning
from vitpos.sweeps.studies import Study


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the names of folders are here, no line is broken."""
    monkeypatch.setenv("COLUMNS", "300")


GRID = {"tune": {"grid": {"training.lr": [0.001, "2e-3", 0.004]}, "seeds": 2}}
BEST = {"none": 0.002, "learned1d": 0.004}  # learning rates


def small(**changes: Any) -> Study:
    """A study of two arms with a grid."""
    found = studies.study("made", BODY | GRID | changes, pytest.fail)
    assert found is not None
    return found


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder, a study of that name and a clock; trials are the better the nearer to BEST."""
    clock = Clock()
    for module in (sweep, attempts):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)
    monkeypatch.setattr("vitpos.sweeps.plan.read", lambda name, asked: small())
    monkeypatch.setattr(acting, "summary", result)
    monkeypatch.chdir(tmp_path)
    return clock


def result(run: Any, *facts: Any, test: float = 0.5) -> dict[str, Any]:
    """What a trial says at its end."""
    found = run_folders.summary(run, *facts)
    if found["metrics"]:
        far = abs(run.training.lr - BEST[next(iter(run.embedding))])
        found["metrics"] |= {"val/accuracy": 0.9 - 100 * far, "test/accuracy": test}
    return found


def asked(tmp_path: Any, *words: str, seeds: int | None = None) -> tuning.Asked:
    """What is tuned in this folder."""
    return tuning.asked(["study=made", f"outputs={tmp_path}", *words], seeds)


def go(launch: Acting, **more: Any) -> Callable[[Any], None]:
    """Run the trials there."""
    return lambda plan: sweep.run(plan, Seen(), "vitpos it", launch=launch, **more) and None


def test_every_arm_has_the_same_grid(world, tmp_path):
    """As many trials, with seeds far from those of the study, judged on validation."""
    trials = asked(tmp_path).trials
    names = [arm.name for arm in trials.study.arms]

    assert names == [f"{arm}-lr{rate}" for arm in "ab" for rate in (0.001, 0.002, 0.004)]
    assert trials.study.seeds == (1_000_000, 1_000_001)
    assert {m.seed for m in trials.members}.isdisjoint(range(1000))
    assert trials.study.design.metric == "val/accuracy"
    assert [m.run.training.lr for m in trials.members[:3]] == [0.001, 0.002, 0.004]
    assert {m.run.study for m in trials.members} == {"made-tuning"}
    assert {arm.baseline for arm in trials.study.arms} == {None}


def test_words_win_over_the_file(world, tmp_path):
    """Several values are an axis, one is one where the file has an axis, all others of all arms."""
    found = asked(
        tmp_path, "training.lr=1e-3", "training.weight_decay=0,0.1", "training.epochs=2", seeds=1
    )

    assert found.grid == {"training.lr": (0.001,), "training.weight_decay": (0, 0.1)}
    assert len(found.trials.members) == 4
    assert {m.run.training.epochs for m in found.trials.members} == {2}
    assert {m.run.training.lr for m in found.trials.members} == {0.001}


def test_loss_is_tuned_by_loss(monkeypatch, tmp_path):
    """On validation, less is better."""
    study = small(metric="test/loss", direction="down")
    monkeypatch.setattr("vitpos.sweeps.plan.read", lambda name, asked: study)
    design = asked(tmp_path).trials.study.design

    assert (design.metric, design.direction) == ("val/loss", "down")


def test_the_chosen_values_are_those_of_the_study(world, tmp_path):
    """They are frozen in its plan, with the trials and what lay at the edge; compare says so."""
    found = tuning.tune(asked(tmp_path), go(Acting(world)))
    plan = frozen.thaw(found.plan)
    sweep.run(plan, Seen(), "vitpos it", launch=Acting(world))
    answer = comparison.compare([tmp_path / "made"])

    assert [m.run.training.lr for m in plan.members] == [0.002, 0.004] * 2
    assert {m.seed for m in plan.members} == {0, 1}
    assert plan.study.tuned["chosen"] == {
        "a": {"training.lr": 0.002, "edge": False},
        "b": {"training.lr": 0.004, "edge": True},
    }
    assert plan.study.tuned["seeds"] == [1_000_000, 1_000_001]
    assert plan.study.tuned["plan"] == frozen.digest(found.asked.trials)
    assert answer.recipe == "tuned, 6 trials per arm"
    assert answer.deviations == ()
    assert {row.label: row.recipe for row in answer.rows} == {
        "a": "training.lr=0.002",
        "b": "training.lr=0.004, at the edge of the grid",
    }
    assert "12 trials of the tuning, 6 per arm" in " ".join(tuned(planned([tmp_path / "made"])))


def test_how_it_was_tuned_belongs_to_the_plan(world, tmp_path):
    """An untuned sweep of the same values is another plan, and an edited file is none."""
    found = tuning.tune(asked(tmp_path, seeds=1), go(Acting(world)))
    data = json.loads(found.plan.read_text())
    plan = frozen.thaw(found.plan)
    data["tuned"]["trials"] = 300
    del data["crc32"]
    found.plan.write_text(json.dumps(data))

    assert plan.study.tune is None
    assert frozen.digest(plan) == data["digest"]
    with pytest.raises(frozen.BadRun, match="it is not what was frozen"):
        frozen.thaw(found.plan)


@pytest.mark.parametrize("test", [0.0, 0.99])
def test_the_test_is_never_looked_at(world, tmp_path, monkeypatch, test):
    """Whatever the trials reached there, the plan is the same."""
    monkeypatch.setattr(acting, "summary", partial(result, test=test))
    found = tuning.tune(asked(tmp_path, seeds=1), go(Acting(world)))

    assert [choice.number for choice in found.choices] == [1, 2]
    assert "test" not in " ".join(tuning.report(found, 100)).replace(str(tmp_path), "")


def test_what_was_lost_is_worst_and_named(world, tmp_path):
    """A trial that diverged is a result; one that failed is told with the exit code of sweeps."""
    acts = {
        "b-lr0.004, seed 1000000": [Act(6)],
        "a-lr0.002, seed 1000001": [Act(1, says="error: no")],
    }
    found = tuning.tune(asked(tmp_path), go(Acting(world, acts)))
    again = tuning.tune(asked(tmp_path), go(Acting(world), retry=True))

    assert [dict(choice.values) for choice in found.choices] == [
        {"training.lr": 0.001},
        {"training.lr": 0.002},
    ]
    assert found.lost == ("b-lr0.004, seed 1000000: diverged", "a-lr0.002, seed 1000001: no")
    assert "counted as worst: b-lr0.004, seed 1000000: diverged" in tuning.report(found, 100)
    with pytest.raises(Unfinished, match="1 of 12 trials failed"):
        tuning.complain(found, "vitpos it")
    assert again.lost == ()
    assert [choice.number for choice in again.choices] == [1, 2]


def test_an_arm_without_a_result_is_an_error(world, tmp_path):
    """Nothing is frozen then."""
    acts = {f"b-lr{rate}, seed 1000000": [Act(6)] for rate in ("0.001", "0.002", "0.004")}
    with pytest.raises(Unfinished, match="not one trial finished: b"):
        tuning.tune(asked(tmp_path, seeds=1), go(Acting(world, acts)))

    assert frozen.plans(tmp_path / "made") == []


def test_a_tuning_that_is_cut_short_chooses_nothing(world, tmp_path):
    """It goes on where it was, and then chooses."""
    first, rest = Acting(world), Acting(world)
    with pytest.raises(Paused):
        tuning.tune(asked(tmp_path, seeds=1), go(first, budget=25.0))
    left = frozen.plans(tmp_path / "made")
    tuning.tune(asked(tmp_path, seeds=1), go(rest))

    assert left == []
    assert sorted(first.titles + rest.titles) == sorted(
        m.title for m in asked(tmp_path, seeds=1).trials.members
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["embedding=none,rope2d"], "tune.grid.embedding is nothing to be tuned"),
        (["seed=0,1"], "tune.grid.seed is nothing to be tuned"),
        (["training.lr=1e-3,0.001"], "tune.grid.training.lr: 0.001 twice"),
        (["training.lr=0,1e-3"], "training.lr = 0.0: must be above 0"),
        (["training.lrr=1,2"], "unknown key training.lrr"),
        (["training.lr=range(1,9999)"], "39,992 trials: a sweep has at most 10,000"),
    ],
)
def test_says_what_is_wrong(world, tmp_path, words, said):
    """Before anything runs."""
    with pytest.raises(BadInput) as caught:
        asked(tmp_path, *words)

    assert said in "\n".join(problem.message for problem in caught.value.problems)


def test_what_is_wrong_with_the_study_is_told_before_its_tuning(world, tmp_path, monkeypatch):
    """Not when all trials are done."""
    monkeypatch.setattr(
        "vitpos.sweeps.plan.read", lambda name, asked: small(then={"image_size": [30]})
    )
    with pytest.raises(BadInput, match="not a multiple of patches"):
        asked(tmp_path)


@pytest.mark.parametrize(
    ("tune", "said"),
    [
        (3, "tune = 3: must hold a grid"),
        ({"seeds": 2}, "must hold a grid"),
        ({"grid": {"training.lr": 0.1}}, "tune.grid.training.lr = 0.1: must be a list of values"),
        ({"grid": {"training.lr": [1]}, "seeds": 0}, "tune.seeds = 0: must be 1 to 1000"),
        ({"grid": {"training.lr": [1]}, "seed": 2}, "unknown key tune.seed"),
        ({"grid": {"study": ["x"]}}, "tune.grid.study is nothing to be tuned"),
    ],
)
def test_says_what_is_wrong_in_a_file(tune, said):
    """With the key."""
    problems: list[Any] = []
    studies.study("made", BODY | {"tune": tune}, problems.append)

    assert any(said in problem.message for problem in problems), problems


def test_a_study_without_a_grid_needs_words(world, tmp_path, monkeypatch):
    """The hint says which."""
    monkeypatch.setattr("vitpos.sweeps.plan.read", lambda name, asked: small(tune=None))
    with pytest.raises(BadInput, match="made has nothing to tune"):
        asked(tmp_path)

    assert len(asked(tmp_path, "training.lr=1e-3,2e-3", seeds=1).trials.members) == 4


def test_the_command_chooses_and_says_what_is_next(world, tmp_path, capsys):
    """Of trials that are all there; `--dry-run` tells them beforehand."""
    before = call(capsys, "tune", "study=made", f"outputs={tmp_path}", "--dry-run")
    for member in asked(tmp_path).trials.members:
        acting.leave(member, "finished")
    code, said, errors = call(capsys, "tune", "study=made", f"outputs={tmp_path}")
    quiet = call(capsys, "tune", "study=made", f"outputs={tmp_path}", "--quiet")
    (path,) = frozen.plans(tmp_path / "made")

    assert before[0] == 0
    assert "6 arms x 2 seeds = 12 runs" in before[1]
    assert (code, errors) == (0, "")
    assert said.splitlines()[-1] == progress.typed(["resume", str(path)])
    assert "val/accuracy %, mean of 2 seeds from 1000000 on; 6 trials per arm" in said
    assert "b                    60.00   70.00  90.00*  training.lr=0.004, at the edge" in said
    assert quiet == (0, f"{path}\n", "")
