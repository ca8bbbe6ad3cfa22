"""`vitpos compare` puts arms side by side and drops nothing without saying so."""

import csv
import io
import json
import re
import shutil
import statistics

import pytest
from run_folders import call, folder

from vitpos import comparison

SMOKE = ("training=smoke",)


def compared(capsys, *words):
    """What programs are told."""
    code, said, _ = call(capsys, "compare", *words, "--format", "json")

    assert code == 0
    return json.loads(said)


def test_means_over_seeds(capsys, tmp_path):
    """An arm is a row: n, mean, lowest and highest of its seeds, and medians of speeds."""
    accuracies = [0.5, 0.75, 0.875]
    for seed, accuracy in enumerate(accuracies):
        folder(tmp_path, *SMOKE, seed=seed, accuracy=accuracy)
    (arm,) = compared(capsys, tmp_path)["arms"]

    assert arm["n"] == 3
    assert arm["mean"] == pytest.approx(statistics.mean(accuracies))
    assert (arm["lowest"], arm["highest"]) == (0.5, 0.875)
    assert (arm["params"], arm["flops_per_image"]) == (203914, 6655232)
    assert (arm["images_per_second"], arm["train_seconds"]) == (1001.0, 60.0)
    assert [run["value"] for run in arm["runs"]] == accuracies


@pytest.mark.parametrize(
    ("metric", "first"), [("test/accuracy", "mnist5k-none"), ("test/loss", "mnist5k-none")]
)
def test_the_best_comes_first(capsys, tmp_path, metric, first):
    """High accuracies are good, low losses are."""
    folder(tmp_path, *SMOKE, accuracy=0.25)
    folder(tmp_path, *SMOKE, "embedding=none", accuracy=0.75)
    found = compared(capsys, tmp_path, "--metric", metric)

    assert found["arms"][0]["arm"] == first


def test_arms_are_told_apart_by_their_values(capsys, tmp_path):
    """Two arms of one name are two rows, named by what differs; seeds and names do not differ."""
    folder(tmp_path, *SMOKE, seed=0)
    folder(tmp_path, *SMOKE, "patch.size=4", seed=1)
    folder(tmp_path, *SMOKE, "patch.size=4", "device=cpu", "notes=again", seed=2)
    found = compared(capsys, tmp_path)

    assert {(arm["arm"], arm["n"]) for arm in found["arms"]} == {
        ("mnist5k-rope2d size=7", 1),
        ("mnist5k-rope2d size=4", 2),
    }


def test_arms_of_older_records_are_found(capsys, tmp_path):
    """A record without `arm_identity` gets it from its config: the same as a new one has."""
    old, _ = folder(tmp_path, *SMOKE, seed=0), folder(tmp_path, *SMOKE, seed=1)
    record = json.loads((old / "record.json").read_text())
    del record["arm_identity"]
    (old / "record.json").write_text(json.dumps(record))

    assert [arm["n"] for arm in compared(capsys, tmp_path)["arms"]] == [2]


def test_studies_are_put_together(capsys, tmp_path):
    """Seeds of one arm in several folders are one row, and a folder given twice counts once."""
    folder(tmp_path, *SMOKE, study="a", seed=0)
    folder(tmp_path, *SMOKE, study="b", seed=1)
    found = compared(capsys, tmp_path / "a", tmp_path / "b", tmp_path)

    assert [arm["n"] for arm in found["arms"]] == [2]
    assert found["notes"] == []


def test_the_same_seed_counts_once(capsys, tmp_path):
    """Of finished runs of one arm and seed the latest counts, and a note names the others."""
    folder(tmp_path, *SMOKE, accuracy=0.25, created="2026-11-22 03:00:00 UTC")
    folder(tmp_path, *SMOKE, accuracy=0.5, created="2026-11-23 03:00:00 UTC")
    folder(tmp_path, *SMOKE, status="failed", created="2026-11-24 03:00:00 UTC")
    found = compared(capsys, tmp_path)

    assert [(arm["n"], arm["mean"], arm["failed"]) for arm in found["arms"]] == [(1, 0.5, 0)]
    assert "3 runs, counted once" in found["notes"][0]
    assert "(failed)" in found["notes"][0]


def test_runs_that_do_not_count_are_counted(capsys, tmp_path):
    """Failed, diverged, unfinished and damaged runs each have a column."""
    folder(tmp_path, *SMOKE, seed=0)
    for seed, status in enumerate(["failed", "diverged", "running", "interrupted"], start=1):
        folder(tmp_path, *SMOKE, seed=seed, status=status)
    (folder(tmp_path, *SMOKE, seed=5) / "summary.json").write_text("{")
    found = compared(capsys, tmp_path)
    (arm,) = found["arms"]
    _, said, _ = call(capsys, "compare", tmp_path)

    assert [arm[reason] for reason in ("n", "failed", "diverged", "unfinished", "damaged")] == [
        *(1, 1, 1, 2, 1)
    ]
    assert "summary.json is damaged" in " ".join(found["notes"])
    assert all(word in said for word in ("failed", "diverged", "unfinished", "damaged"))


def test_an_arm_without_a_result_is_a_row(capsys, tmp_path):
    """Last, with a dash."""
    folder(tmp_path, *SMOKE, status="diverged")
    folder(tmp_path, *SMOKE, "embedding=none", accuracy=0.125)
    _, said, _ = call(capsys, "compare", tmp_path, "--format", "markdown")

    assert re.findall(r"\| (mnist5k-\w+) \| (\d)[^|]*\|[^|]*\| (\S+) \| (.*?) \|", said) == [
        ("mnist5k-none", "1", "12.50", "not compared"),
        ("mnist5k-rope2d", "0", "-", "no result: diverged"),
    ]


def test_a_record_that_cannot_be_read_is_not_lost(capsys, tmp_path):
    """Without a record the arm is unknown: the folder's name stands for it."""
    path = folder(tmp_path, *SMOKE)
    (path / "record.json").write_text("")
    found = compared(capsys, tmp_path)

    assert [(arm["arm"], arm["n"], arm["damaged"]) for arm in found["arms"]] == [(path.name, 0, 1)]


def test_a_value_that_is_no_number_is_not_averaged(capsys, tmp_path):
    """NaN is counted as a run without the metric."""
    folder(tmp_path, *SMOKE, seed=0, accuracy=float("nan"))
    folder(tmp_path, *SMOKE, seed=1, accuracy=0.5)
    (arm,) = compared(capsys, tmp_path)["arms"]

    assert (arm["n"], arm["mean"], arm["without"]) == (1, 0.5, 1)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"machine": {"cpu": "Difference Engine"}}, "mixed machines"),
        ({"machine": {"threads": 2}}, "mixed machines"),
        ({"machine": {"git": "fedcba987654"}}, "mixed commits"),
        ({"epochs": 2}, "mixed epochs"),
    ],
)
def test_warns_of_mixed_circumstances(capsys, tmp_path, change, warning):
    """Other machines, commits or lengths are said; the same ones are not."""
    folder(tmp_path, *SMOKE, seed=0)
    folder(tmp_path, *SMOKE, seed=1)
    before = compared(capsys, tmp_path)["warnings"]
    folder(tmp_path, *SMOKE, seed=2, **change)
    after = compared(capsys, tmp_path)["warnings"]

    assert before == []
    assert len(after) == 1
    assert after[0].startswith(warning)


def test_warns_of_other_images(capsys, tmp_path):
    """Data sets of one name with different digests."""
    folder(tmp_path, *SMOKE, seed=0)
    path = folder(tmp_path, *SMOKE, seed=1) / "record.json"
    path.write_text(path.read_text().replace("f" * 64, "e" * 64))

    assert compared(capsys, tmp_path)["warnings"][0].startswith("mixed images")


def test_the_caption_tells_the_circumstances(capsys, tmp_path):
    """How many runs, what the numbers are, and where they come from."""
    folder(tmp_path, *SMOKE)

    assert compared(capsys, tmp_path)["caption"] == (
        "1 run; mean and range, no intervals; 3 epochs; mnist5k;"
        " Abacus 2000 (cpu, fp32, 1 thread); commit 0123456789ab; 2026-11-22"
    )


def test_names_the_nearest_metric(capsys, tmp_path):
    """A metric that no finished run has is a usage error."""
    folder(tmp_path, *SMOKE)
    code, _, errors = call(capsys, "compare", tmp_path, "--metric", "test/acuracy")

    assert code == 2
    assert "did you mean test/accuracy?" in errors


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_place_without_runs_is_an_error(capsys, tmp_path, name):
    """One that is not there, or holds none, even beside one that does."""
    folder(tmp_path / "full", *SMOKE)
    (tmp_path / "empty").mkdir()
    code, _, errors = call(capsys, "compare", tmp_path / "full", tmp_path / name)

    assert code == 4
    assert str(tmp_path / name) in errors


def test_csv_can_be_read_back(capsys, tmp_path):
    """A line per arm with numbers in full; the caption is not in it."""
    folder(tmp_path, *SMOKE, accuracy=1 / 3)
    code, said, errors = call(capsys, "compare", tmp_path, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(said))

    assert code == 0
    assert float(row["mean"]) == 1 / 3
    assert row["params"] == "203914"
    assert "no intervals" in errors


def test_markdown_is_a_table(capsys, tmp_path):
    """As many cells in each line."""
    folder(tmp_path, *SMOKE)
    folder(tmp_path, *SMOKE, "embedding=none", seed=1, status="failed")
    _, said, _ = call(capsys, "compare", tmp_path, "--format", "markdown")
    table = [line for line in said.splitlines() if line.startswith("|")]

    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1


def test_looks_below_links_but_not_into_runs(tmp_path):
    """A linked study is one; folders within a run are not searched."""
    path = folder(tmp_path / "real", *SMOKE)
    shutil.copytree(path, path / "checkpoints" / "copy")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert [arm.finished[0].path.name for arm in comparison.compare([tmp_path / "link"]).arms] == [
        path.name
    ]
