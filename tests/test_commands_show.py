"""`vitpos show` tells what can be read of a run, whatever became of it."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_folders import call, composed, folder

from vitpos import config, overview, records
from vitpos.runs import RunFolder
from vitpos.terminal.sparks import sparkline


def test_shows_a_finished_run(capsys, tmp_path):
    """Result, cost, speed, machine, data and what was typed."""
    path = folder(tmp_path, "training=smoke", "embedding=none", accuracy=0.8125)
    code, said, _ = call(capsys, "show", path)

    assert code == 0
    for word in ("81.25%", "203,914 parameters", "Abacus 2000", "sha256 ffffffffffff"):
        assert word in said
    assert "typed     training=smoke embedding=none seed=0" in said
    assert "vitpos compare" in said


def test_shows_it_to_programs(capsys, tmp_path):
    """The same as JSON."""
    path = folder(tmp_path, "training=smoke", accuracy=0.8125)
    _, said, _ = call(capsys, "show", path, "--json")
    facts = json.loads(said)

    assert facts["status"] == "finished"
    assert facts["metrics"]["test/accuracy"] == 0.8125
    assert facts["val/accuracy"] == [0.125, 0.25, 0.375]
    assert facts["machine"]["cpu"] == "Abacus 2000"
    assert facts["problems"] == []


def test_a_record_without_its_process_is_interrupted(capsys, tmp_path):
    """A kill leaves a record that says running; the lock tells that it is not."""
    path = folder(tmp_path, "training=smoke", status="running", epochs=1)
    code, said, _ = call(capsys, "show", path)

    assert code == 0
    assert "interrupted, 1 of 2 epochs" in said
    assert f"vitpos resume {path}" in said


def test_a_run_at_work_is_running(tmp_path):
    """While a process holds the lock."""
    path = folder(tmp_path, "training=smoke", status="running")

    with RunFolder(path).locked():
        assert records.read(path).status == "running"
    assert records.read(path).status == "interrupted"


def test_looking_does_not_lock(tmp_path):
    """After a look, a process can take the lock."""
    path = folder(tmp_path, "training=smoke", status="running")
    with RunFolder(path).locked():
        pass
    records.read(path)

    with RunFolder(path).locked():
        assert records.in_use(path)


@pytest.mark.parametrize("status", ["diverged", "failed", "interrupted"])
def test_shows_how_it_ended(capsys, tmp_path, status):
    """Runs without a result are shown as far as they came."""
    path = folder(tmp_path, "training=smoke", status=status, epochs=1)
    code, said, _ = call(capsys, "show", path)

    assert code == 0
    assert f"status    {status}, 1 of 2 epochs" in said
    assert "val accuracy 12.50%" in said


def test_a_run_that_died_at_once_is_shown(capsys, tmp_path):
    """A config and nothing else is an interrupted run without an epoch."""
    path = folder(tmp_path, "training=smoke", status="running", epochs=0)
    for name in ("record.json", "metrics.jsonl", "overrides.txt"):
        (path / name).unlink()
    code, said, _ = call(capsys, "show", path)

    assert code == 0
    assert "interrupted, 0 of 2 epochs" in said


def spoil(path, name, content):
    """Damage a file of a run: cut it off, replace it, or take it away."""
    if content is None:
        (path / name).unlink()
    else:
        (path / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record.json", b"{"),
        ("record.json", b"\xff\xfe"),
        ("summary.json", b"[]"),
        ("summary.json", None),
        ("config.yaml", None),
        ("config.yaml", b"a: &x [*x]"),
        ("config.yaml", b"5"),
        ("metrics.jsonl", b'{"epoch": 1}\n{"epoch": 2}\n'),
        ("metrics.jsonl", None),
    ],
)
def test_damage_is_named(capsys, tmp_path, name, content):
    """The rest is shown; the file that is damaged is an error with the code for run folders."""
    path = folder(tmp_path, "training=smoke")
    spoil(path, name, content)
    code, said, errors = call(capsys, "show", path)

    assert code == 4
    assert str(path / name) in errors
    assert "error:" in errors
    assert "damaged" in said


def test_damage_is_told_to_programs(capsys, tmp_path):
    """JSON is whole, with the problems in it, and the code is that for run folders."""
    path = folder(tmp_path, "training=smoke")
    spoil(path, "record.json", b"{")
    code, said, _ = call(capsys, "show", path, "--json")

    assert code == 4
    assert json.loads(said)["problems"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["status", "metrics", "cost", "perf", "machine", "data", "attempts", "params"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["status", "metrics", "cost", "perf"]), ANYTHING),
    st.dictionaries(
        st.sampled_from(["status", "machine", "data", "attempts", "seed", "arm", "created"]),
        ANYTHING,
    ),
)
def test_any_json_can_be_shown(tmp_path_factory, summary, record):
    """Values of the wrong kind in a record never end in a traceback."""
    path = tmp_path_factory.mktemp("odd") / "run"
    path.mkdir()
    (path / "config.yaml").write_text(config.dump(composed("training=smoke")))
    (path / "summary.json").write_text(json.dumps(summary))
    (path / "record.json").write_text(json.dumps(record))
    said = "\n".join(overview.lines(overview.facts(path)))
    shutil.rmtree(path)

    assert said.startswith("run ")


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_other_paths_are_no_runs(capsys, tmp_path, name):
    """What is not the folder of a run is said so."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    code, said, errors = call(capsys, "show", tmp_path / name)

    assert (code, said) == (4, "")
    assert str(tmp_path / name) in errors


@given(st.lists(st.floats(0, 1), max_size=200))
def test_a_sparkline_keeps_the_order(values):
    """As long as the curve, 40 at most; higher bars for higher values."""
    drawn = sparkline(values)

    assert len(drawn) == min(len(values), 40)
    if 0 < len(values) <= 40:
        pairs = sorted(zip(values, drawn, strict=True))
        assert [bar for _, bar in pairs] == sorted(drawn)


def test_a_sparkline_spans_its_range():
    """The lowest value is the lowest bar, the highest the highest; NaN is a cross."""
    assert sparkline([0.0, 1.0, 0.5, float("nan")]) == "▁█▅✕"
