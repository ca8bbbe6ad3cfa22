"""The commands read what a real run writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import call

from vitpos import identities
from vitpos.runs import RunFolder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of a short run, one without TensorBoard."""
    outputs = tmp_path_factory.mktemp("real")
    words = ["training=smoke", "training.limit=128", "backbone.depth=2", "threads=1"]
    words.append(f"outputs={outputs}")
    return [
        Path(
            subprocess.run(
                [sys.executable, "-m", "vitpos", "train", "--quiet", *words, *extra],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
        )
        for extra in (["seed=0"], ["seed=1", "tensorboard=false"])
    ]


@pytest.mark.slow
def test_seeds_of_a_real_run_are_one_arm(capsys, runs):
    """With the numbers of their summaries, and the identity that the record has."""
    summaries = [json.loads((run / "summary.json").read_text()) for run in runs]
    code, said, _ = call(capsys, "compare", runs[0].parent, "--format", "json")
    found = json.loads(said)
    (arm,) = found["arms"]

    assert code == 0
    assert arm["arm_identity"] == identities.arm_identity(RunFolder(runs[0]).run())
    assert [run["value"] for run in arm["runs"]] == [
        summary["metrics"]["test/accuracy"] for summary in summaries
    ]
    assert arm["params"] == summaries[0]["cost"]["params"]
    assert [w for w in found["warnings"] if not w.startswith("code that is in no commit")] == []
    assert "mnist5k" in found["caption"]


@pytest.mark.slow
def test_a_real_run_is_shown(capsys, runs):
    """Every part of the page is there."""
    code, said, _ = call(capsys, "show", runs[0])
    words = {line.split()[0] for line in said.splitlines() if line}

    assert code == 0
    assert {"run", "status", "result", "val", "cost", "speed", "machine", "data", "typed"} <= words
    assert "finished, 2 of 2 epochs" in said


@pytest.mark.slow
def test_real_runs_are_listed(capsys, runs):
    """By status and accuracy."""
    _, said, _ = call(capsys, "list", "runs", runs[0].parent, "--json")

    assert [(run["path"], run["status"]) for run in json.loads(said)] == [
        (str(run), "finished") for run in runs
    ]
