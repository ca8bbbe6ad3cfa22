"""Files that once stopped a reader with a traceback; `test_fuzz` found them."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from run_folders import folder

import vitpos
from vitpos import arrays, catalogue, overview
from vitpos.boards import replay
from vitpos.comparing import readings
from vitpos.durable import Lines, read_json, write_json
from vitpos.errors import BadInput, BadRun
from vitpos.records import read
from vitpos.sweeps import frozen


@pytest.mark.parametrize(("time", "said"), [(float("inf"), "inf s"), (10**400, "0 s")])
def test_a_time_without_end_is_shown_as_one(tmp_path: Path, time: float, said: str) -> None:
    """JSON as Python reads it has infinities; a whole number that no float can be is none."""
    path = folder(tmp_path, "training=smoke")
    summary = read_json(path / "summary.json")
    perf = summary["perf"] | {"train_seconds": time, "peak_memory_bytes": time}
    write_json(path / "summary.json", summary | {"perf": perf})

    assert f" {said} of training" in "\n".join(overview.lines(overview.facts(path)))


def test_a_key_with_a_point_in_it_is_a_column(tmp_path: Path) -> None:
    """It is found where it stands, not by its parts."""
    path = folder(tmp_path, "training=smoke")
    (path / "config.yaml").write_text("seed: 1\nbackbone:\n  depth.x: 3\n")

    assert vitpos.load_runs(tmp_path, frame=False)[0]["backbone.depth.x"] == 3


@pytest.mark.parametrize("step", [-1, 10**400, "3"])
def test_a_line_of_no_step_is_told(tmp_path: Path, step: object) -> None:
    """TensorBoard could not show it."""
    path = folder(tmp_path, "training=smoke")
    Lines(path / "timings.jsonl").append({"step": step})
    with pytest.raises(BadRun, match=r"timings\.jsonl`, line \d+, is not a row with a step"):
        replay.rows(path)


def test_a_run_that_was_started_at_no_time_is_as_old_as_its_file(tmp_path: Path) -> None:
    """A number of seconds that no float can be is no time."""
    path = folder(tmp_path, "training=smoke")
    write_json(path / "record.json", read_json(path / "record.json") | {"started": 10**400})

    assert replay.replay(path).started == (path / "config.yaml").stat().st_mtime


@pytest.mark.parametrize("file", ["metrics.jsonl", "timings.jsonl"])
def test_a_line_of_no_epoch_is_a_row(tmp_path: Path, file: str) -> None:
    """Its number may be a list, by which nothing can be found."""
    path = folder(tmp_path, "training=smoke")
    Lines(path / file).append({"epoch": [1], "val/loss": 0.5})
    curves = vitpos.load_curves(tmp_path, frame=False)

    assert len(curves) == len(Lines(path / "metrics.jsonl").read())


def test_an_evaluation_of_no_split_has_no_name(tmp_path: Path) -> None:
    """What nobody can ask for is not offered."""
    path = folder(tmp_path, "training=smoke")
    record = read(path)
    rows = [{"split": split, "image_size": 56, "dataset": "x"} for split in ("test", "no", [1])]
    for row in rows:
        Lines(path / "evaluations.jsonl").append(row | {"step": record.summary.get("steps")})

    assert list(readings.named(record)) == ["test/accuracy@x@56"]
    assert len(vitpos.load_runs(tmp_path, frame=False)) == 1


@pytest.mark.parametrize("said", [3, "x", [1], True])
def test_a_plan_whose_data_sets_are_none(tmp_path: Path, said: object) -> None:
    """They must have names."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"datasets": said}))
    with pytest.raises(BadRun, match=r"plan\.json is damaged: datasets must hold named values"):
        frozen.datasets(path)


def test_an_array_as_python_2_wrote_it(tmp_path: Path) -> None:
    """Numpy reads its header with a warning; ours never had one."""
    packed = io.BytesIO()
    np.save(packed, np.zeros(9))
    odd = packed.getvalue().replace(b"(9,), }", b"(9L,),}")
    with zipfile.ZipFile(tmp_path / "odd.npz", "w") as file:
        file.writestr("a.npy", odd)
    with pytest.raises(BadRun, match=r"odd\.npz is damaged: Reading"):
        arrays.read(tmp_path / "odd.npz")


def test_a_config_with_a_key_that_is_nothing(tmp_path: Path) -> None:
    """As `?` alone makes one; it is shown by its name."""
    path = tmp_path / "odd.yaml"
    path.write_text("# Odd\n?\n_target_: x\nlearned: 3\n")

    assert catalogue.read(path).options == {"None": None, "learned": 3}


def test_a_config_of_brackets_in_brackets(tmp_path: Path) -> None:
    """It is refused before it is read, which takes a second."""
    path = tmp_path / "odd.yaml"
    path.write_text(f"# Odd\na: {'[' * 3000}{']' * 3000}\n")
    with pytest.raises(BadInput, match=r"odd\.yaml cannot be read: more than 500 brackets"):
        catalogue.read(path)
