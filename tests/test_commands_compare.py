"""`vitpos compare` puts arms side by side and drops nothing without saying so."""

import json
import math
import shutil
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quick_runs import quick
from run_folders import call, folder

from vitpos import durable
from vitpos.comparing.answer import Answer, Row
from vitpos.comparing.comparison import Asked, compare
from vitpos.durable import Lines, read_json, write_json
from vitpos.errors import BadInput
from vitpos.statistics import Difference, Verdict

SMOKE = ("training=smoke",)


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that need not outlive a power cut."""
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)


def asked(*paths: Path, **words: Any) -> Answer:
    """What is found in these folders."""
    return compare(paths, Asked(**words))


def by_label(found: Answer) -> dict[str, Row]:
    """Its rows."""
    return {row.label: row for row in found.rows}


def two_arms(outputs: Path, seeds: int = 5) -> None:
    """`none`, and an arm that is better by half a point or so."""
    for seed in range(seeds):
        quick(outputs, "none", seed, 0.5 + seed / 100, embedding="none")
        quick(outputs, "better", seed, 0.6 + seed / 100 + seed % 2 / 1000, params=120)


def test_means_over_seeds(tmp_path):
    """An arm is a row: its values by seed, their mean, its t interval, and medians of costs."""
    accuracies = [0.5, 0.75, 0.875]
    for seed, accuracy in enumerate(accuracies):
        folder(tmp_path, *SMOKE, seed=seed, accuracy=accuracy)
    (row,) = asked(tmp_path).rows

    assert row.values == dict(enumerate(accuracies))
    assert row.mean == pytest.approx(statistics.mean(accuracies))
    assert row.interval is not None
    assert row.interval.low == pytest.approx(
        row.mean - 4.302653 * statistics.stdev(accuracies) / 3**0.5
    )
    assert (row.costs["params"], row.costs["flops_per_image"]) == (203914, 6655232)
    assert (row.costs["images_per_second"], row.costs["train_seconds"]) == (1001.0, 60.0)
    assert (row.baseline, row.difference, row.rank) == (None, None, 1)


def test_the_arm_without_position_is_the_baseline(tmp_path):
    """The others are compared with it seed by seed, and outrank it if they are better."""
    two_arms(tmp_path)
    found = asked(tmp_path)
    rows = by_label(found)

    assert found.baselines == {("", "none")}
    assert rows["better"].baseline == "none"
    assert rows["better"].difference is not None
    assert rows["better"].difference.verdict is Verdict.BETTER
    assert rows["better"].difference.seeds == (0, 1, 2, 3, 4)
    assert (rows["better"].rank, rows["none"].rank) == (1, 2)
    assert (found.alpha, found.smallest_effect, found.looks, found.looked) == (0.05, 0.005, 1, 0)
    assert found.is_exploratory
    assert (rows["none"].costs["params_extra"], rows["better"].costs["params_extra"]) == (0, 20)


@pytest.mark.parametrize("baseline", ["better", "embedding=rope2d", "embedding=rope*,seed=0"])
def test_the_baseline_can_be_chosen(tmp_path, baseline):
    """By its label, or by what its config has."""
    two_arms(tmp_path)
    words = {"baseline": baseline.removesuffix(",seed=0")}

    assert asked(tmp_path, **words).baselines == {("", "better")}


@pytest.mark.parametrize(
    ("baseline", "hint"), [("bettr", "did you mean better?"), ("embedding=peg", "one of")]
)
def test_a_baseline_must_be_there(tmp_path, baseline, hint):
    """One that is not is an error with the nearest."""
    two_arms(tmp_path)
    with pytest.raises(BadInput, match="no such arm") as error:
        asked(tmp_path, baseline=baseline)

    assert hint in error.value.hint


def test_without_a_baseline_nothing_is_compared(tmp_path):
    """Neither none of the arms nor two of them are chosen; a note says how to ask."""
    two_arms(tmp_path)
    for seed in range(5):
        quick(tmp_path, "other", seed, 0.1 * seed, embedding="none")
    found = asked(tmp_path)

    assert found.baselines == frozenset()
    assert all(row.difference is None for row in found.rows)
    assert all(row.interval is not None for row in found.rows)
    assert "--baseline" in found.notes[0]


@pytest.mark.parametrize(
    ("metric", "direction", "first"),
    [
        ("test/accuracy", "up", "better"),
        ("test/loss", "down", "better"),
        ("cost/params", "down", "none"),
    ],
)
def test_the_best_comes_first(tmp_path, metric, direction, first):
    """High accuracies are good, low losses and few parameters are."""
    two_arms(tmp_path)
    found = asked(tmp_path, metric=metric)

    assert found.direction == direction
    assert found.rows[0].label == first


def test_arms_that_are_not_told_apart_share_a_rank(tmp_path):
    """Two are alike, and both outrank the third; one value alone has no rank."""
    for seed in range(6):
        quick(tmp_path, "a", seed, 0.8 + seed % 3 / 100)
        quick(tmp_path, "b", seed, 0.8 + (seed + 1) % 3 / 100)
        quick(tmp_path, "c", seed, 0.1 + seed / 1000)
    quick(tmp_path, "d", 0, 0.05)
    ranks = {row.label: row.rank for row in asked(tmp_path).rows}

    assert ranks == {"a": 1, "b": 1, "c": 3, "d": None}


def test_rows_are_sorted_as_asked(tmp_path):
    """By name, by a cost, by the number of runs; another order is an error."""
    two_arms(tmp_path)
    quick(tmp_path, "none", 9, 0.9, embedding="none")

    assert [row.label for row in asked(tmp_path, sort="arm").rows] == ["better", "none"]
    assert [row.label for row in asked(tmp_path, sort="params").rows] == ["none", "better"]
    assert [row.label for row in asked(tmp_path, sort="n").rows] == ["none", "better"]
    with pytest.raises(BadInput, match="no such order"):
        asked(tmp_path, sort="name")


def test_arms_are_told_apart_by_their_values(tmp_path):
    """Two arms of one name are two rows, named by what differs; seeds and names do not differ."""
    folder(tmp_path, *SMOKE, seed=0)
    folder(tmp_path, *SMOKE, "patch.size=4", seed=1)
    folder(tmp_path, *SMOKE, "patch.size=4", "device=cpu", "notes=again", seed=2)
    found = asked(tmp_path)

    assert {row.label: len(row.values) for row in found.rows} == {
        "mnist5k-rope2d size=7": 1,
        "mnist5k-rope2d size=4": 2,
    }


def test_one_configuration_is_one_arm(tmp_path):
    """Whatever it is called: a seed of it counts once, by the name that most runs have."""
    for seed in range(3):
        folder(tmp_path, *SMOKE, seed=seed)
    folder(tmp_path, *SMOKE, "name=again", seed=0)
    found = asked(tmp_path)

    assert [(row.label, len(row.values)) for row in found.rows] == [("mnist5k-rope2d", 3)]
    assert any("the same configuration" in note for note in found.notes)


def test_a_copied_folder_is_no_other_run(tmp_path):
    """Not even where its record calls it an arm of its own."""
    path = folder(tmp_path, *SMOKE)
    shutil.copytree(path, tmp_path / "runs" / "copy")
    other = read_json(path / "record.json") | {"arm": "other", "arm_identity": "0" * 64}
    write_json(tmp_path / "runs" / "copy" / "record.json", other)
    found = asked(tmp_path)

    assert sum(len(row.values) for row in found.rows) == 1
    assert any("copy of a run" in note for note in found.notes)


def test_arms_of_older_records_are_found(tmp_path):
    """A record without `arm_identity` gets it from its config: the same as a new one has."""
    old, _ = folder(tmp_path, *SMOKE, seed=0), folder(tmp_path, *SMOKE, seed=1)
    record = read_json(old / "record.json")
    del record["arm_identity"]
    write_json(old / "record.json", record)

    assert [len(row.values) for row in asked(tmp_path).rows] == [2]


def test_studies_are_put_together(tmp_path):
    """Seeds of one arm in several folders are one row, and a folder given twice counts once."""
    folder(tmp_path, *SMOKE, study="a", seed=0)
    folder(tmp_path, *SMOKE, study="b", seed=1)
    found = asked(tmp_path / "a", tmp_path / "b", tmp_path)

    assert [len(row.values) for row in found.rows] == [2]
    assert found.notes == ()


def test_the_same_seed_counts_once(tmp_path):
    """Of finished runs of one arm and seed the latest counts, and a note names the others."""
    folder(tmp_path, *SMOKE, accuracy=0.25, created="2026-11-22 03:00:00 UTC")
    folder(tmp_path, *SMOKE, accuracy=0.5, created="2026-11-23 03:00:00 UTC")
    folder(tmp_path, *SMOKE, status="failed", created="2026-11-24 03:00:00 UTC")
    found = asked(tmp_path)

    assert [(row.values, row.lost) for row in found.rows] == [({0: 0.5}, {})]
    assert "3 runs, counted once" in found.notes[0]
    assert "(failed)" in found.notes[0]


def test_runs_that_do_not_count_are_named(tmp_path):
    """By reason and seed, with the exact intervals of the rates of failing and diverging."""
    folder(tmp_path, *SMOKE, seed=0)
    for seed, status in enumerate(["failed", "diverged", "running", "interrupted"], start=1):
        folder(tmp_path, *SMOKE, seed=seed, status=status)
    (folder(tmp_path, *SMOKE, seed=5) / "summary.json").write_text("{")
    folder(tmp_path, *SMOKE, seed=6, accuracy=float("nan"))
    found = asked(tmp_path)
    (row,) = found.rows

    assert row.values == {0: 0.5}
    assert row.lost == {
        "failed": (1,),
        "diverged": (2,),
        "unfinished": (3, 4),
        "damaged": (5,),
        "without": (6,),
    }
    assert row.lost_share["failed"] == pytest.approx((0.0063, 0.8059), abs=1e-4)  # 1 of 4
    assert any("summary.json is damaged" in note for note in found.notes)


def test_divergences_are_a_warning(tmp_path):
    """What is said of an arm that diverges holds if it does not; also if its baseline does."""
    two_arms(tmp_path)
    before = asked(tmp_path).warnings
    quick(tmp_path, "none", 7, 0.1, embedding="none", status="diverged")
    after = asked(tmp_path).warnings

    assert before == ()
    assert "conditional on not diverging: better" in after[0]


@pytest.mark.parametrize("lost", ["record.json", "config.yaml", "both"])
def test_a_damaged_run_stays_in_its_arm(tmp_path, lost):
    """What it was is read from its record, its config or the name of its folder."""
    folder(tmp_path, *SMOKE, seed=0)
    path = folder(tmp_path, *SMOKE, seed=3)
    for name in ("record.json", "config.yaml") if lost == "both" else (lost,):
        (path / name).write_text("")
    if lost == "config.yaml":
        (path / "config.yaml").unlink()
    (row,) = asked(tmp_path).rows

    assert (row.label, row.lost) == ("mnist5k-rope2d", {"damaged": (3,)})


def test_a_run_that_says_nothing_is_a_row(tmp_path):
    """It has an arm and a seed that nobody knows, and is not lost."""
    path = folder(tmp_path, *SMOKE)
    other = path.rename(path.with_name("mine"))
    for name in ("record.json", "config.yaml"):
        (other / name).write_text("")
    (row,) = asked(tmp_path).rows

    assert (row.label, row.values, row.lost) == ("mine", {}, {"damaged": (-1,)})


@pytest.mark.parametrize(
    ("word", "left"),
    [
        ("dataset=mnist5k", {"none": 5, "better": 5}),
        ("embedding=rope2d", {"better": 5}),
        ("embedding=n*", {"none": 5}),
        ("arm=b?tter", {"better": 5}),
        ("seed<3", {"none": 3, "better": 3}),
        ("seed >= 3", {"none": 2, "better": 2}),
        ("backbone.depth==2.0", {"better": 5}),
        ("backbone.depth>1", {"none": 5, "better": 5}),
        ("embedding.rope2d.theta=100", {"better": 5}),
        ("embedding.rope2d.theta!=100", {"none": 5}),
        ("embedding.rope2d.theta>1", {"better": 5}),
        ("training.betas=[0.9,0.99]", {"none": 5, "better": 5}),
        ("notes=", {"none": 5, "better": 5}),
    ],
)
def test_runs_are_chosen_by_config(tmp_path, word, left):
    """Keys of the config and of the run, by value, pattern and order."""
    two_arms(tmp_path)
    found = asked(tmp_path, where=[word])

    assert {row.label: len(row.values) for row in found.rows} == left


@pytest.mark.parametrize(
    ("word", "said", "hint"),
    [
        ("backbone.dpth=4", "no run has the key backbone.dpth", "backbone.depth"),
        ("depth", "is no condition", "backbone.depth>4"),
        ("embedding>rope2d", "which has no order", "use = or !="),
        ("test/accuracy>0.5", "no run has the key", ""),
        ("dataset!=mnist5k", "no run is meant by --where 'dataset!=mnist5k'", ""),
        ("backbone.dim!=64", "no run is meant", ""),
        ("status=failed", "no run is meant", ""),
    ],
)
def test_an_impossible_condition_is_an_error(tmp_path, word, said, hint):
    """One line that says what is wrong; results are no keys, and one run at least is meant."""
    two_arms(tmp_path)
    with pytest.raises(BadInput) as error:
        asked(tmp_path, where=[word])

    assert said in error.value.message
    assert hint in error.value.hint


def test_conditions_are_compared_within(tmp_path):
    """Each value of a key has its own baseline; data that differ between them are no reproach."""
    for size in ("4", "7"):
        for name in ("none", "rope2d"):
            folder(
                tmp_path, *SMOKE, f"embedding={name}", f"patch.size={size}", f"name={name}{size}"
            )
    found = asked(tmp_path, group_by=["patch.size"])

    assert {(row.condition, row.label, row.baseline) for row in found.rows} == {
        ("patch.size=4", "none4", None),
        ("patch.size=4", "rope2d4", "none4"),
        ("patch.size=7", "none7", None),
        ("patch.size=7", "rope2d7", "none7"),
    }
    with pytest.raises(BadInput, match="not the same for all runs"):
        asked(tmp_path, group_by=["seed"])
    with pytest.raises(BadInput, match=r"patch\.sze"):
        asked(tmp_path, group_by=["patch.sze"])


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        ({"machine": {"cpu": "Difference Engine"}}, "hardware", "Difference Engine"),
        ({"machine": {"precision": "bf16"}}, "hardware", "bf16"),
        ({"machine": {"git": "fedcba987654"}}, "code", "fedcba987654"),
        ({"epochs": 2}, "epochs", "2 epochs"),
        ({"digest": "e" * 64}, "data", "e" * 12),
    ],
)
def test_mixed_runs_are_refused_unless_allowed(tmp_path, change, name, says):
    """The error tells who has what, and what to type; allowed, it is a warning."""
    two_arms(tmp_path)
    quick(tmp_path, "better", 7, 0.6, **change)
    with pytest.raises(BadInput) as error:
        asked(tmp_path)
    warnings = asked(tmp_path, allow=[f"mixed-{name}"]).warnings

    assert says in error.value.message
    assert f"--allow mixed-{name}" in error.value.hint
    assert [w.partition(":")[0] for w in warnings] == [f"mixed {name}"]
    assert asked(tmp_path, allow=["mixed"]).warnings == warnings
    with pytest.raises(BadInput, match="no such permission"):
        asked(tmp_path, allow=["mixed-cod"])


def test_other_threads_are_told_and_not_refused(tmp_path):
    """A run alone may have more of them than the members of a sweep."""
    two_arms(tmp_path)
    quick(tmp_path, "better", 7, 0.6, machine={"threads": 2})
    [warning] = asked(tmp_path).warnings

    assert warning.startswith("mixed threads: speeds are not to be compared: 1 thread (")
    assert "2 threads (better)" in warning


def test_equal_gpus_are_not_mixed_hardware(tmp_path):
    """Which of them a run had does not matter, nor how many threads fed it."""
    for seed, device in enumerate(["cuda:0", "cuda:1", "cuda:2"]):
        machine = {"device": device, "gpu": "G", "threads": seed}
        quick(tmp_path, "a", seed, 0.5, machine=machine)

    assert asked(tmp_path).warnings == ()


def test_what_is_not_quite_known_is_a_warning(tmp_path):
    """Code that is in no commit, and runs that were resumed elsewhere."""
    for seed in range(3):
        quick(tmp_path, "a", seed, 0.5, machine={"git": "0123456789ab+"}, resumed_exactly=False)
    warnings = asked(tmp_path).warnings

    assert ["no commit" in warnings[0], "not bit for bit" in warnings[1]] == [True, True]


def test_other_evaluations_are_metrics(tmp_path):
    """`@48` is the latest evaluation of the finished network on images of that size."""
    paths = [quick(tmp_path, "a", seed, 0.5) for seed in range(3)]
    for seed, path in enumerate(paths):
        for value, change in (
            (0.1, {"step": 7}),
            (0.2, {}),
            (0.3 + seed, {}),
            (0.4, {"dataset": "fashion_mnist", "image_size": 28}),
            (0.5, {"split": "validation"}),
        ):
            row = {"dataset": "mnist5k", "split": "test", "image_size": 48, "step": 12}
            Lines(path / "evaluations.jsonl").append(row | {"accuracy": value} | change)

    def values(metric: str) -> list[float]:
        return list(asked(tmp_path, metric=metric).rows[0].values.values())

    assert values("test/accuracy@48") == [0.3, 1.3, 2.3]
    assert values("val/accuracy@48") == [0.5] * 3
    assert values("test/accuracy@fashion_mnist") == [0.4] * 3
    assert values("test/accuracy@28") == [0.5] * 3
    with pytest.raises(BadInput, match="was evaluated for test/accuracy@32") as error:
        values("test/accuracy@32")
    assert "test/accuracy@48" in error.value.hint


@pytest.mark.parametrize(
    ("at", "value"),
    [("epoch=2", 0.25), ("images=90", 0.25), ("images=120", 0.375), ("seconds=25", 0.25)],
)
def test_runs_are_compared_at_an_earlier_moment(tmp_path, at, value):
    """The epoch they had last ended when they came there."""
    folder(tmp_path, *SMOKE)
    found = asked(tmp_path, metric="val/accuracy", at=at)

    assert found.metric.startswith("val/accuracy at ")
    assert found.rows[0].values == {0: value}


@pytest.mark.parametrize(
    ("metric", "at", "says"),
    [
        (None, "epoch=2", "test images are looked at once"),
        ("cost/params", "epoch=2", "not measured while training"),
        ("val/accuracy", "epoch=two", "must be a moment"),
        ("val/accuracy", "epoch=4", "no finished run has"),
        ("val/accuracy", "seconds=31", "no finished run has"),
    ],
)
def test_an_impossible_moment_is_an_error(tmp_path, metric, at, says):
    """Test metrics have none but the end."""
    folder(tmp_path, *SMOKE)
    with pytest.raises(BadInput, match=says):
        asked(tmp_path, metric=metric, at=at)


def test_the_caption_tells_the_circumstances(tmp_path):
    """How many runs, and where they come from."""
    folder(tmp_path, *SMOKE)

    assert asked(tmp_path).caption == (
        "1 run",
        "3 epochs",
        "mnist5k",
        "Abacus 2000 (cpu, fp32, 1 thread)",
        "commit 0123456789ab, torch 2.15.0",
        "2026-11-22",
    )


def test_names_the_nearest_metric(tmp_path):
    """A metric that no finished run has is a usage error."""
    folder(tmp_path, *SMOKE)
    with pytest.raises(BadInput) as error:
        asked(tmp_path, metric="test/acuracy")

    assert error.value.hint == "did you mean test/accuracy?"


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_place_without_runs_is_an_error(capsys, tmp_path, name):
    """One that is not there, or holds none, even beside one that does."""
    folder(tmp_path / "full", *SMOKE)
    (tmp_path / "empty").mkdir()
    code, _, errors = call(capsys, "compare", tmp_path / "full", tmp_path / name)

    assert code == 4
    assert str(tmp_path / name) in errors


def test_options_reach_the_comparison(capsys, tmp_path):
    """The whole command line at once."""
    two_arms(tmp_path)
    words = ["--metric", "val/accuracy", "--where", "seed<4", "--where", "arm=*", "--sort", "arm"]
    words += [
        "--baseline",
        "better",
        "--allow",
        "mixed",
        "--group-by",
        "dataset",
        "--format",
        "json",
    ]
    code, said, _ = call(capsys, "compare", tmp_path, *words)
    found = json.loads(said)

    assert code == 0
    assert found["metric"] == "val/accuracy"
    assert [(arm["arm"], arm["n"], arm["condition"]) for arm in found["arms"]] == [
        ("better", 4, "dataset=mnist5k"),
        ("none", 4, "dataset=mnist5k"),
    ]


def test_looks_below_links_but_not_into_runs(tmp_path):
    """A linked study is one; folders within a run are not searched."""
    path = folder(tmp_path / "real", *SMOKE)
    shutil.copytree(path, path / "checkpoints" / "copy")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert [len(row.runs) for row in asked(tmp_path / "link").rows] == [1]


def predictions(path: Path, correct: list[int]) -> None:
    """Which of nine test images are right."""
    right = np.array(correct, np.int32)
    packed = np.packbits(right.astype(bool))
    np.savez_compressed(path / "predictions.npz", predicted=right, labels=right | 1, correct=packed)


def test_new_images_are_taken_from_predictions(tmp_path):
    """An interval for other images too; where some are damaged, there is none."""
    paths = {}
    for seed in range(4):
        for arm, right in (("none", 3 + seed % 2), ("better", 6 + seed % 3)):
            paths[arm, seed] = quick(tmp_path, arm, seed, right / 9, embedding=arm)
            predictions(paths[arm, seed], [1] * right + [0] * (9 - right))
    whole = by_label(asked(tmp_path))["better"].difference
    (paths["none", 2] / "predictions.npz").write_bytes(b"PK\3\4 and so on")
    (paths["none", 1] / "predictions.npz").unlink()
    predictions(paths["none", 3], [1] * 9)
    found = asked(tmp_path)
    damaged = by_label(found)["better"].difference

    assert whole is not None
    assert whole.new_images is not None
    assert damaged is not None
    assert damaged.new_images is None
    assert damaged.interval == whole.interval
    assert len([note for note in found.notes if "predictions.npz" in note]) == 1


VALUES = st.dictionaries(st.integers(0, 9), st.floats(0, 1, width=32), max_size=10)


def alone(found: Difference | None) -> Difference | None:
    """What of a comparison does not depend on the p values of the others."""
    return None if found is None else replace(found, holm=None, verdict=Verdict.FEW)


@settings(deadline=None, max_examples=25)
@given(arms=st.tuples(VALUES, VALUES, VALUES), failed=st.integers(0, 9))
def test_pairs_are_made_by_seed(tmp_path_factory, arms, failed):
    """Whatever seeds there are, and a failed run changes nothing of others but Holm's p."""
    outputs = tmp_path_factory.mktemp("runs")
    for name, values in zip(("none", "a", "b"), arms, strict=True):
        for seed, value in values.items():
            quick(outputs, name, seed, value, embedding=name)
    quick(outputs, "none", 20, 0.5, embedding="none")
    before = by_label(asked(outputs))
    for name, values in zip(("a", "b"), arms[1:], strict=True):
        said = before[name].difference if values else None
        pairs = [s for s in sorted(values) if s in arms[0]]
        if said is not None:
            assert said.seeds == tuple(pairs)
            mean = sum(values[s] - arms[0][s] for s in pairs) / len(pairs) if pairs else math.nan
            assert said.mean == (pytest.approx(mean, abs=1e-9) if pairs else None)
    quick(outputs, "a", failed, 0.5, embedding="a", status="failed", again=True)
    after = by_label(asked(outputs))

    if arms[2] and arms[1]:
        assert alone(after["b"].difference) == alone(before["b"].difference)
    if arms[1]:
        kept = {s: v for s, v in arms[1].items() if s != failed}
        assert after["a"].values == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
FIELDS = (
    "identity",
    "arm",
    "arm_identity",
    "embedding",
    "seed",
    "created",
    "machine",
    "data",
    "status",
)
PARTS = ("status", "epochs", "steps", "image_size", "metrics", "cost", "perf")


@settings(deadline=None, max_examples=60)
@given(
    record=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
    summary=st.dictionaries(st.sampled_from(PARTS), JSON, max_size=3),
    reached=JSON | st.floats(1e140, 1e160),
)
def test_whatever_a_record_says_there_is_a_table(tmp_path_factory, record, summary, reached):
    """Fields that are anything are a damaged run or none that counts, never a crash."""
    outputs = tmp_path_factory.mktemp("runs")
    two_arms(outputs, seeds=3)
    path = quick(outputs, "better", 7, 0.5)
    for name, change in (("record.json", record), ("summary.json", summary)):
        data = json.loads((path / name).read_text()) | change
        if name == "summary.json" and "metrics" not in change:
            data["metrics"]["test/accuracy"] = reached
        (path / name).write_text(json.dumps(data))
    found = asked(outputs, allow=["mixed"], where=["seed<100", "arm=*"], group_by=["dataset"])

    assert by_label(found)["none"].values == pytest.approx({0: 0.5, 1: 0.51, 2: 0.52})
