"""Sweepers that search and launchers of others run members as any sweep does."""

import inspect
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import processes
import pytest
import yaml
from run_folders import call, folder

from vitpos import config, records
from vitpos.errors import BadInput, Unfinished
from vitpos.sweeps import multirun, searches
from vitpos.sweeps.jobs import Batches
from vitpos.sweeps.plan import Plan

FAST = "training=smoke"


class Trained:
    """Stands in for the engine: leaves the folders that members would, and remembers the plans."""

    def __init__(self, *, failing: str = "") -> None:
        self.plans, self.failing = list[Plan](), failing

    def __call__(self, plan: Plan) -> None:
        self.plans.append(plan)
        for member in plan.members:
            own = ("study", "seed", "outputs")
            words = [word for word in member.words if word.partition("=")[0] not in own]
            bad = bool(self.failing) and self.failing in member.arm.name
            folder(Path(member.run.outputs), *words, seed=member.seed, study=member.run.study,
                   status="failed" if bad else "finished")  # fmt: skip
        if self.failing:
            raise Unfinished("some failed")

    @property
    def identities(self) -> list[str]:
        """Of all members so far."""
        return [member.identity for plan in self.plans for member in plan.members]


def go(place: Path, *words: str, seeds: int | None = None, trained: Trained | None = None) -> Any:
    """Have Hydra's own sweeper run these words."""
    trained = trained or Trained()
    multirun.run([FAST, f"outputs={place}", "study=made", *words], seeds, trained)
    return trained


def complaint(work: Callable[[], object]) -> str:
    """All that is said to be wrong."""
    with pytest.raises(BadInput) as caught:
        work()
    return "\n".join(f"{message} ({hint})" for message, hint in caught.value.problems)


def test_hydras_private_names_are_as_we_use_them() -> None:
    """If this fails, a new version of Hydra wants `vitpos/multirun.py` to be adapted."""
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.override_parser.types import Override
    from hydra.core.plugins import Plugins

    def names(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    assert names(Hydra.create_main_hydra2)[:2] == ["task_name", "config_search_path"]
    assert names(Hydra.multirun)[:4] == ["self", "config_name", "task_function", "overrides"]
    assert names(create_config_search_path)[:1] == ["search_path_dir"]
    assert names(Plugins.register) == ["self", "clazz"]
    assert all(
        hasattr(Override, name)
        for name in ("sweep_string_iterator", "get_value_element_as_str", "is_interval_sweep")
    )


def test_hydras_basic_sweeper_makes_the_runs_of_the_grid(tmp_path: Path) -> None:
    """The same identities, in one plan, whichever of the two is typed."""
    from vitpos.sweeps import grids

    words = ("embedding=none,learned1d+peg", "training.lr=1e-3,2e-3", "seed=0..1")
    trained = go(tmp_path, "hydra/sweeper=basic", *words)
    usual = grids.asked([FAST, *words])

    [plan] = trained.plans
    assert set(trained.identities) == {member.identity for member in usual.members}
    assert [member.seed for member in plan.members] == [0] * 4 + [1] * 4
    assert {m.arm.name for m in plan.members} == {m.arm.name for m in usual.members}


def test_batches_are_plans_of_their_own(tmp_path: Path) -> None:
    """Whatever seeds they have, no run is planned twice."""
    words = ("hydra/sweeper=basic", "hydra.sweeper.max_batch_size=3", "embedding=none,peg")
    trained = go(tmp_path, *words, "seed=0..2")

    assert len(trained.identities) == len(set(trained.identities)) == 6
    assert len(trained.plans) >= 2


def test_each_job_may_have_several_seeds(tmp_path: Path) -> None:
    """`--seeds N`: its value is their mean."""
    trained = go(tmp_path, "hydra/sweeper=basic", "embedding=none,peg", seeds=3)

    assert [m.seed for m in trained.plans[0].members] == [0, 0, 1, 1, 2, 2]


def test_a_job_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    """At the end, with the reason; the batches after it are run."""
    trained = Trained(failing="none")
    words = ("hydra/sweeper=basic", "hydra.sweeper.max_batch_size=1", "embedding=none,peg,cape")
    with pytest.raises(Unfinished, match="1 of 3 jobs have no result: none, seed 0"):
        go(tmp_path, *words, trained=trained)

    assert len(trained.plans) == 3


def test_a_job_that_cannot_be_composed_fails_by_itself(tmp_path: Path) -> None:
    """As a sweeper that searches would want it."""
    trained = Trained()
    with pytest.raises(Unfinished, match="not divisible"):
        go(tmp_path, "hydra/sweeper=basic", "backbone.heads=2,5", trained=trained)

    assert [member.arm.name for member in trained.plans[0].members] == ["heads2"]


def test_a_search_gets_values_and_reasons(tmp_path: Path) -> None:
    """The mean of the metric on validation, or the error; other sweepers get NaN."""
    words = ["hydra/sweeper=optuna", "embedding=none,peg", FAST, f"outputs={tmp_path}"]
    asked = searches.read(words, 2)
    jobs = multirun.jobs_of(asked)
    trained = Trained(failing="peg")
    batch = [[FAST, "embedding=none"], [FAST, "embedding=peg"], [FAST, "embedding=none"]]
    first, second, third = Batches(jobs, trained, searching=True).together(batch)
    [_, nan, _] = Batches(jobs, Trained(failing="peg"), searching=False).together(batch)

    assert first == third == 0.375
    assert isinstance(second, Unfinished)
    assert math.isnan(nan)
    assert len(trained.identities) == 4
    assert jobs.design.metric == "val/accuracy"


def test_what_a_file_tells_hydra_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callbacks, defaults and targets in a file of somebody else's are not even seen."""
    configs, proof = tmp_path / "configs", tmp_path / "proof"
    shutil.copytree(config.folder(), configs)
    evil = {"_target_": "builtins.open", "file": str(proof), "mode": "w"}
    acts = {"hydra": {"callbacks": {"evil": evil}}}
    for name in ("none", "peg"):
        path = configs / "embedding" / f"{name}.yaml"
        data = yaml.safe_load(path.read_text())
        path.write_text("# @package _global_\n" + yaml.safe_dump({"embedding": data} | acts))
    train = configs / "train.yaml"
    train.write_text(train.read_text() + yaml.safe_dump(acts))
    monkeypatch.setenv("VITPOS_CONFIGS", str(configs))
    trained = go(tmp_path / "outputs", "hydra/sweeper=basic", "embedding=none,peg")
    searches.lay_out(tmp_path / "made", searches.read(["embedding=none,peg"], None))
    made = "".join(path.read_text() for path in (tmp_path / "made").rglob("*.yaml"))

    assert len(trained.identities) == 2
    assert not proof.exists()
    assert not any(word in made for word in ("hydra", "_target_", "callbacks", "@package"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hydra/sweeper=optunaa", "embedding=none,peg"], "there is no hydra/sweeper/optunaa"),
        (["hydra/launcher=slurmy", "embedding=none,peg"], "there is no hydra/launcher/slurmy"),
        (["hydra.searchpath=[file:///tmp]", "embedding=none,peg"], "files of others"),
        (["hydra/sweeper=optuna", "embedding=none,peg", "metric=test/accuracy"], "nothing is chos"),
        (["hydra/sweeper=optuna", "embedding=none,peg", "seed=0,1"], "seed is not searched for"),
        (["hydra/sweeper=optuna", "embedding=none"], "every key has one value"),
        (["hydra/sweeper=basic", "embedding=none,peg", "training.lrr=1"], "unknown key training.l"),
        (["hydra/sweeper=basic", "training.lr=interval(1,2)"], "does not support sweep type"),
        (["hydra/sweeper=basic", "hydra.sweeper.speed=1", "seed=0,1"], "hydra: "),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, words: list[str], said: str) -> None:
    """In a line or two, before anything is run."""
    trained = Trained()

    assert said in complaint(lambda: go(tmp_path, *words, trained=trained))
    assert not trained.plans


def test_words_for_hydra_need_a_sweep(capsys: Any) -> None:
    """One run has neither sweeper nor launcher."""
    code, _, errors = call(capsys, "train", "hydra/sweeper=optuna", "embedding=none")

    assert code == 2
    assert "vitpos sweep" in errors


def really(*words: str) -> "subprocess.CompletedProcess[str]":
    """`vitpos ...`, with the warnings of the libraries that others wrote."""
    place = {"PYTHONPATH": str(Path(multirun.__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", processes.MAIN, *words],
        capture_output=True, text=True, timeout=300, env=os.environ | place, check=False,
    )  # fmt: skip


SMALL = [word for word in processes.TINY if not word.startswith("embedding")]


@pytest.mark.slow
def test_optuna_searches_for_real(tmp_path: Path) -> None:
    """By validation, upwards; typed again it makes the same jobs, which are there already."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = (
        "sweep", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "embedding=none,learned1d",
        "training.lr=interval(1e-4,1e-2)", f"outputs={tmp_path}", "study=found", *SMALL,
        "training.epochs=1", "training.limit=64",
    )  # fmt: skip
    first = really(*words)
    runs = records.find([tmp_path])
    best = yaml.safe_load((tmp_path / "found" / "hydra" / "optimization_results.yaml").read_text())
    values = [json.loads((p / "summary.json").read_text())["metrics"] for p in runs]
    again = really(*words)

    assert first.returncode == again.returncode == 0, first.stderr
    assert len(runs) == 2
    assert best["best_value"] == max(found["val/accuracy"] for found in values)
    assert again.stdout.count("there already") == 2
    assert records.find([tmp_path]) == runs


@pytest.mark.slow
def test_joblib_launches_for_real(tmp_path: Path) -> None:
    """A launcher of others runs members with our identities: again, nothing is left to do."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = (
        "train", "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2",
        "embedding=none,learned1d",
        f"outputs={tmp_path}", *SMALL, "training.epochs=1", "training.limit=64",
    )  # fmt: skip
    first = really(*words)
    runs = records.find([tmp_path])
    before = [(path / "record.json").read_bytes() for path in runs]
    again = really(*words)

    assert first.returncode == again.returncode == 0, first.stderr
    assert len(runs) == 2
    assert [(path / "record.json").read_bytes() for path in records.find([tmp_path])] == before
