"""Tuning and early stopping with real runs in processes of their own."""

import shutil
from pathlib import Path

import processes
import pytest
import yaml
from small_studies import BODY

from vitpos import config, frozen, records

TINY = (
    "training.limit=64", "training.batch_size=16", "backbone.depth=1", "backbone.dim=8",
    "backbone.heads=1", "threads=1", "device=cpu", "tensorboard=false",
)  # fmt: skip
pytestmark = pytest.mark.slow


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and configs with a study that is tuned and stops arms early."""
    shutil.copytree(config.folder(), tmp_path / "configs")
    monkeypatch.setenv("VITPOS_CONFIGS", str(tmp_path / "configs"))
    arms = {n: {"embedding": n} for n in ("none", "learned1d", "sincos2d", "rope2d")}
    rule = {"epochs": [1], "keep": 0.4, "metric": "val/accuracy"}
    more = {"tune": {"grid": {"training.lr": [1e-3, 1e-2]}, "seeds": 1}, "stopping": rule}
    body = BODY | {"arms": arms, "baseline": "none", "seeds": 1} | more
    (tmp_path / "configs" / "study" / "made.yaml").write_text(yaml.safe_dump(body))
    return tmp_path / "outputs"


def test_a_study_is_tuned_and_then_run(outputs):
    """What the tuning says to type runs the study with what was chosen; one arm is stopped."""
    epochs = "training.epochs=2"
    chosen = processes.run("tune", "study=made", f"outputs={outputs}", epochs, *TINY)
    (plan,) = frozen.plans(outputs / "made")
    words = chosen.stdout.splitlines()[-1].split()
    done = processes.run(*words[1:])
    table = processes.run("compare", str(outputs / "made"), "--format", "markdown")
    runs = [records.read(path) for path in records.find([outputs / "made"])]
    stopped = [run for run in runs if run.status == "stopped"]

    assert (chosen.returncode, done.returncode, table.returncode) == (0, 0, 0), chosen.stderr
    assert words == ["vitpos", "resume", str(plan)]
    assert "2 trials per arm" in chosen.stdout
    assert sorted(run.status for run in runs) == ["finished"] * 3 + ["stopped"]
    assert [row["epoch"] for row in records.rows(stopped[0].path)] == [1]
    assert "tuned, 2 trials per arm" in table.stdout
    assert "stopped early, not compared" in table.stdout
