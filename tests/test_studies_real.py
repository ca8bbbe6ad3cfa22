"""Studies about what position is for, each from its file to its table, at a tiny size."""

import json
from pathlib import Path

import pytest
from run_folders import call

SMALL = (
    "dataset=mnist5k", "training=smoke", "training.epochs=1", "training.limit=64",
    "training.batch_size=32", "training.checkpoint_seconds=100", "tensorboard=false", "threads=1",
    "device=cpu", "seeds=1",
)  # fmt: skip
NARROW = ("backbone=micro", "backbone.depth=2", "backbone.dim=8", "backbone.heads=2")
STUDIES = {
    "resolution": NARROW,
    "shift": NARROW,
    "transfer": NARROW,
    "tasks": NARROW,
    "patch_size": NARROW,
    "padding_leak": NARROW,
    "pyramid": ("backbone.dim=8",),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_from_its_file_to_its_table(name: str, tmp_path: Path, capsys) -> None:
    """Every arm is in it, measured by what the study is judged by."""
    words = (*SMALL, *STUDIES[name], f"outputs={tmp_path}")
    code, _, errors = call(capsys, "sweep", f"study={name}", *words)
    assert code == 0, errors

    code, said, _ = call(capsys, "compare", tmp_path / name, "--format", "json")
    arms = json.loads(said)["arms"]

    assert code == 0
    assert len(arms) >= 4
    assert {arm["n"] for arm in arms} == {1}
    assert all(run["value"] is not None for arm in arms for run in arm["runs"])
