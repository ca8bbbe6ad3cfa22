"""`vitpos diff A B` and `vitpos rerun RUN`: what differs, and whether a run can be had again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_folders import call, folder
from small_runs import _quick, train

from vitpos.durable import Lines, write_json

__all__ = ["_quick"]  # few images to evaluate on


def predicted(path: Path, classes: list[int]) -> None:
    """Give a run folder predictions of four images of class 1."""
    labels = np.ones(4, np.int32)
    np.savez(path / "predictions.npz", predicted=np.array(classes, np.int32), labels=labels)


def test_two_arms_differ_in_what_was_asked(tmp_path: Path, capsys: Any) -> None:
    """Config, metrics with their difference, and the images on which only one is right."""
    first = folder(tmp_path, "embedding=none", accuracy=0.5)
    second = folder(tmp_path, "embedding=learned1d", accuracy=0.75, machine={"git": "beef"})
    predicted(first, [1, 1, 0, 0])
    predicted(second, [1, 0, 1, 1])
    code, said, errors = call(capsys, "diff", first, second)

    assert (code, errors) == (0, "")
    assert "two different runs; all 3 epochs have the same numbers" in said
    assert "embedding  none  learned1d" in said
    assert "std" not in said
    assert "git  0123456789ab  beef" in said
    assert "test/accuracy  0.5  0.75  +0.25" in said
    assert "the same class for 1 of 4 test images; only A is right on 1, only B on 2" in said
    assert "seed" not in said


def test_json_has_all_of_it(tmp_path: Path, capsys: Any) -> None:
    """Pairs by dotted name; no predictions is null."""
    first, second = (folder(tmp_path, "embedding=none", seed=seed) for seed in (0, 1))
    found = json.loads(call(capsys, "diff", first, second, "--json")[1])

    assert found["config"] == {"seed": [0, 1]}
    assert found["epochs"] == {"same": 3, "of": [3, 3]}
    assert not found["same_run"]
    assert found["predictions"] is None


def test_tells_the_first_epoch_that_differs(tmp_path: Path, capsys: Any) -> None:
    """Also of the same run done twice."""
    first, second = (folder(tmp_path, "embedding=none") for _ in range(2))
    lines = Lines(second / "metrics.jsonl")
    rows = lines.read()
    rows[1]["val/accuracy"] += 1e-9
    lines.rewrite(rows)

    said = call(capsys, "diff", first, second)[1]
    assert "the same run; numbers differ from epoch 2 on" in said


@pytest.mark.parametrize("which", [0, 1])
def test_what_cannot_be_read_is_told(which: int, tmp_path: Path, capsys: Any) -> None:
    """Whichever of the two it is."""
    paths = [folder(tmp_path, "embedding=none"), tmp_path / "nothing"]
    code, _, errors = call(capsys, "diff", *paths[:: 1 - 2 * which])

    assert code == 4
    assert errors.startswith(f"error: {tmp_path / 'nothing'} is not there")


def test_a_run_can_be_had_again(tmp_path: Path, capsys: Any) -> None:
    """All epochs, the weights, the predictions: the same bits; and nothing is written."""
    path = train(tmp_path, "embedding=learned1d")
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    code, said, errors = call(capsys, "rerun", path)

    assert code == 0, errors
    assert "the same bits: 3 epochs; weights, test metrics and predictions" in said
    assert before == {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_another_number_is_found(tmp_path: Path, capsys: Any) -> None:
    """In an epoch's line at once; the rest is not computed."""
    path = train(tmp_path, "embedding=learned1d")
    lines = Lines(path / "metrics.jsonl")
    rows = lines.read()
    rows[1]["train/loss"] += 1e-12
    lines.rewrite(rows)
    code, said, _ = call(capsys, "rerun", path)
    first = call(capsys, "rerun", path, "--epochs", "1", "--json")

    assert code == 1
    assert "other numbers in epoch 2; the epochs before it are the same" in said
    assert f"train/loss: {rows[1]['train/loss']} then" in said
    assert first[0] == 0
    assert json.loads(first[1])["same"]


def test_other_predictions_are_found(tmp_path: Path, capsys: Any) -> None:
    """After epochs that are all the same."""
    path = train(tmp_path, "embedding=learned1d")
    with np.load(path / "predictions.npz") as file:
        parts = dict(file)
    parts["predicted"][3] += 1
    np.savez(path / "predictions.npz", **parts)
    summary = json.loads((path / "summary.json").read_text())
    summary["metrics"]["test/loss"] += 1
    write_json(path / "summary.json", summary)
    code, said, _ = call(capsys, "rerun", path)

    assert code == 1
    assert "every epoch is the same, but not what came after" in said
    assert "predictions: 1 others" in said
    assert f"test/loss: {summary['metrics']['test/loss']} then" in said


def test_only_a_finished_run_is_done_again(tmp_path: Path, capsys: Any) -> None:
    """What is not, has to go on first; too many epochs are refused."""
    path = folder(tmp_path, "embedding=none", status="interrupted")
    code, _, errors = call(capsys, "rerun", path)
    done = train(tmp_path, "embedding=none")
    many = call(capsys, "rerun", done, "--epochs", "9")

    assert code == 4
    assert f"hint: vitpos resume {path}" in errors
    assert many[0] == 2
    assert "--epochs 9: the run has 3" in many[2]
