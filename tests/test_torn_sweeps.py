"""Sweeps that are killed at random, and so are their members, end where undisturbed ones do."""

import pytest

from scripts.torture_sweep import NAME, RUNS, differences, outcome, torture
from vitpos import records
from vitpos.durable import read_json, write_json


@pytest.mark.slow
def test_whatever_is_killed_the_end_is_the_same(tmp_path):
    """Tables, curves, weights and predictions are equal; one other number would be seen."""
    said = torture(tmp_path, kills=8, seed=3, epochs=20)
    quiet, *torn = (path / "outputs" / NAME for path in sorted(tmp_path.iterdir()))
    every = [records.read(path) for path in records.find(torn)]
    runs = [run for run in every if run.path.parent == torn[0]]
    expected = outcome(quiet)
    summary = runs[2].path / "summary.json"
    facts = read_json(summary)
    facts["metrics"]["test/accuracy"] += 0.001
    write_json(summary, facts)

    assert said.startswith("8 kills in ")
    assert len(runs) == RUNS
    assert sum(len(run.record["attempts"]) for run in every) > len(every)  # some were begun twice
    assert len(expected) == 6 + RUNS * 5
    assert differences(expected, outcome(torn[0])) == [
        f"{runs[2].path.name}/summary.json", *sorted(name for name in expected if "table." in name)
    ]  # fmt: skip
