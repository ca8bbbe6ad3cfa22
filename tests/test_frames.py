"""`vitpos.load_runs` and its sisters: rows for notebooks, with pandas and without."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from run_folders import folder

import vitpos
from vitpos.durable import Lines
from vitpos.errors import BadInput, BadRun
from vitpos.runs import RunFolder

SMOKE = ("training=smoke",)
ROOT = Path(__file__).parents[1]


@pytest.fixture
def outputs(tmp_path):
    """A study of two arms with two seeds each."""
    for seed in range(2):
        folder(tmp_path, *SMOKE, seed=seed, accuracy=0.7, study="s")
        folder(tmp_path, *SMOKE, "embedding=none", seed=seed, accuracy=0.5, study="s")
    return tmp_path


def test_a_run_is_a_row(outputs):
    """With who it is, its config, what it reached, what it cost, where it ran."""
    runs = vitpos.load_runs(outputs)
    one = runs[(runs["embedding"] == "rope2d") & (runs["seed"] == 1)].iloc[0]

    assert isinstance(runs, pd.DataFrame)
    assert len(runs) == 4
    assert (one["study"], one["arm"], one["status"]) == ("s", "mnist5k-rope2d", "finished")
    assert (one["dataset"], one["backbone.depth"], one["embedding.rope2d.theta"]) == (
        "mnist5k",
        4,
        100.0,
    )
    assert (one["test/accuracy"], one["cost/params"]) == (0.7, 203914)
    assert (one["perf/images_per_second"], one["machine.versions.torch"]) == (1001.0, "2.15.0")
    assert len(one["identity"]) == len(one["arm_identity"]) == 64
    assert Path(one["path"]).is_dir()
    assert not [name for name in runs.columns if "._" in name]
    assert runs["seed"].dtype == "Int64"


def test_rows_can_be_grouped_by_any_column(outputs):
    """Lists would be an error there."""
    runs = vitpos.load_runs(outputs)

    assert runs.groupby("dataset.mean", dropna=False).size().sum() == 4
    assert runs.groupby("embedding")["test/accuracy"].mean().to_dict() == {
        "none": 0.5,
        "rope2d": 0.7,
    }


def test_curves_are_a_row_per_epoch(outputs):
    """With how long each took."""
    run = next((outputs / "s").iterdir())
    Lines(run / "timings.jsonl").rewrite([{"epoch": 2, "step": 8, "perf/seconds": 1.5}])
    curves = vitpos.load_curves(str(outputs / "s"))
    own = curves[curves["path"] == str(run)]

    assert len(curves) == 12
    assert own["epoch"].tolist() == [1, 2, 3]
    assert own["val/accuracy"].tolist() == [1 / 8, 2 / 8, 3 / 8]
    assert own["perf/seconds"].dropna().tolist() == [1.5]


def test_evaluations_are_rows_and_columns(outputs):
    """A row each, and of the finished network a column of its run."""
    run = next((outputs / "s").iterdir())
    (run / "summary.json").write_text(
        '{"status": "finished", "steps": 9, "image_size": 28, "metrics": {"test/accuracy": 0.7}}'
    )
    row = {"dataset": "mnist5k", "split": "test", "image_size": 56, "step": 9}
    Lines(run / "evaluations.jsonl").append(row | {"accuracy": 0.25, "loss": 2.0})
    rows = vitpos.load_evaluations([outputs], frame=False)
    found = next(r for r in vitpos.load_runs(outputs, frame=False) if r["path"] == str(run))

    assert [(r["image_size"], r["accuracy"], r["path"]) for r in rows] == [(56, 0.25, str(run))]
    assert (found["test/accuracy@56"], found["test/loss@56"]) == (0.25, 2.0)


@pytest.mark.parametrize(
    ("where", "count"),
    [("embedding=none", 2), (["embedding=rope*", "seed<1"], 1), ([], 4), ("status!=finished", 0)],
)
def test_where_selects(outputs, where, count):
    """As `vitpos compare --where` does."""
    assert len(vitpos.load_runs(outputs, where=where)) == count
    assert len(vitpos.load_curves(outputs, where=where)) == 3 * count


@pytest.mark.parametrize("name", ["config.yaml", "record.json", "summary.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1", b"a: [", b"[]", b"null"])
def test_a_damaged_run_is_a_row(outputs, name, content):
    """That says so; the others are as they were."""
    run = next((outputs / "s").iterdir())
    (run / name).write_bytes(content)
    runs = vitpos.load_runs(outputs, frame=False)
    (broken,) = (row for row in runs if row["path"] == str(run))

    assert len(runs) == 4
    assert str(run / name) in str(broken["problem"])
    assert name == "config.yaml" or broken["status"] == "damaged"
    assert not any(row["problem"] for row in runs if row is not broken)


def test_a_folder_with_one_file_is_a_row(tmp_path):
    """Whatever is missing is missing."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "record.json").write_text('{"machine": [], "data": 3, "seed": "x"}')
    runs = vitpos.load_runs(tmp_path)

    assert runs["status"].tolist() == ["damaged"]
    assert runs["seed"].isna().all()


def test_a_damaged_curve_is_left_out_with_a_warning(outputs):
    """The other runs have theirs."""
    run = next((outputs / "s").iterdir())
    (run / "metrics.jsonl").write_text("{}\n{}\n")
    with pytest.warns(UserWarning, match=r"metrics.jsonl is damaged at line 1: left out"):
        curves = vitpos.load_curves(outputs)

    assert len(curves) == 9


def test_failures_say_why(outputs):
    """As their record does."""
    path = folder(outputs, *SMOKE, seed=7, status="failed", study="s")
    RunFolder(path).update(failure={"kind": "killed", "detail": "by signal 9"})
    runs = vitpos.load_runs(outputs).set_index("seed")

    assert runs.loc[7, ["status", "failure"]].tolist() == ["failed", "killed: by signal 9"]


def test_a_place_without_runs_is_an_error(tmp_path):
    """It was misspelled, most likely."""
    with pytest.raises(BadRun, match="holds no runs"):
        vitpos.load_runs(tmp_path)
    with pytest.raises(BadRun, match="is not there"):
        vitpos.load_runs(tmp_path / "nowhere")


def test_frames_are_there_without_pandas(outputs, monkeypatch):
    """As lists of dicts; `frame=True` insists."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    runs = vitpos.load_runs(outputs)

    assert isinstance(runs, list)
    assert runs == vitpos.load_runs(outputs, frame=False)
    with pytest.raises(BadInput, match="pandas is not installed"):
        vitpos.load_runs(outputs, frame=True)


def test_needs_neither_torch_nor_matplotlib(outputs):
    """Nor pandas, which is not imported until there is something to frame."""
    code = (
        "import sys, vitpos; before = set(sys.modules);"
        f"vitpos.load_runs({str(outputs)!r}, frame=False); vitpos.load_curves({str(outputs)!r});"
        "print({'torch', 'matplotlib', 'hydra'} & set(sys.modules), 'yaml' in before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "set() False\n"


def test_tab_finds_them():
    """Although they are imported only when they are asked for."""
    assert {"load_runs", "load_curves", "load_evaluations"} <= set(dir(vitpos))
    with pytest.raises(AttributeError, match="load_nothing"):
        vitpos.__getattr__("load_nothing")
