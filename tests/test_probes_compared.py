"""Numbers of probes in comparisons and notebooks."""

from pathlib import Path
from typing import Any

import pytest
import run_folders
from run_folders import call

from vitpos import frames
from vitpos.comparing import comparison
from vitpos.comparing.comparison import Asked, compare
from vitpos.comparing.readings import reading
from vitpos.errors import BadInput
from vitpos.probes import results


def probed(outputs: Path, arm: str, seed: int, **numbers: float) -> Path:
    """A run that was probed."""
    path = run_folders.folder(outputs, f"embedding={arm}", seed=seed)
    named = {f"probe/shuffle/{name}": value for name, value in numbers.items()}
    weights = {"step": 12, "sha256": "0" * 64}
    results.add(path, "shuffle", {"weights": weights, "numbers": named}, {})
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two arms with three seeds each."""
    for seed in range(3):
        probed(tmp_path, "none", seed, drop=0.001 * seed, accuracy=0.9)
        probed(tmp_path, "rope2d", seed, drop=0.6 + 0.01 * seed, accuracy=0.95 + 0.01 * seed)
    return tmp_path / "runs"


def test_are_compared_as_accuracy_is(study: Path) -> None:
    """Means over seeds, intervals, paired differences, verdicts."""
    answer = compare([study], Asked(metric="probe/shuffle/drop"))
    rows = {row.label: row for row in answer.rows}
    best = rows["mnist5k-rope2d"]

    assert list(best.values) == [0, 1, 2]
    assert best.mean == pytest.approx(0.61)
    assert best.interval is not None
    assert best.difference is not None
    assert best.difference.verdict == "better"


@pytest.mark.parametrize(
    ("metric", "way", "known"),
    [
        ("probe/resolution/resize56/accuracy", "up", True),
        ("probe/resolution/canvas_auc", "up", True),
        ("probe/translation/zeros/shift7/consistency", "up", True),
        ("probe/shuffle/drop", "up", False),
        ("probe/knockout/layer0/drop", "up", False),
        ("test/loss", "down", True),
    ],
)
def test_a_direction_is_known_where_it_makes_sense(metric: str, way: str, known: bool) -> None:
    """More accuracy is better; to owe more to position is not."""
    asked = reading(metric, None)

    assert (asked.direction, asked.has_direction) == (way, known)


def test_who_compares_says_which_way_is_better(study: Path) -> None:
    """Else a warning says that nobody did."""
    silent = compare([study], Asked(metric="probe/shuffle/drop"))
    down = compare([study], Asked(metric="probe/shuffle/drop", direction="down"))

    assert any("--direction" in warning for warning in silent.warnings)
    assert not any("--direction" in warning for warning in down.warnings)
    assert down.direction == "down"
    with pytest.raises(BadInput, match="up or down"):
        compare([study], Asked(direction="sideways"))


def test_a_usual_comparison_reads_nothing_of_probes(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand runs are compared without opening one more file each."""
    monkeypatch.setattr(results, "read", lambda path: pytest.fail(f"{path} was read"))

    assert comparison.compare([study]).rows


def test_an_unknown_number_says_what_there_is(study: Path, tmp_path: Path) -> None:
    """The nearest, all of the probe, or how to measure one."""
    run_folders.folder(tmp_path, "embedding=peg", study="bare")

    with pytest.raises(BadInput, match="no finished run has probe/shuffle/dorp") as typo:
        compare([study], Asked(metric="probe/shuffle/dorp"))
    with pytest.raises(BadInput, match="was probed") as bare:
        compare([tmp_path / "bare"], Asked(metric="probe/shuffle/drop"))

    assert "did you mean probe/shuffle/drop" in typo.value.hint
    assert "vitpos probe" in bare.value.hint


def test_numbers_of_other_weights_do_not_count(study: Path) -> None:
    """Those of a network that was trained further since."""
    path = next(study.glob("*none-s0*"))
    entry: dict[str, Any] = results.read(path)["shuffle"]
    results.add(path, "shuffle", entry | {"weights": {"step": 11, "sha256": ""}}, {})

    answer = compare([study], Asked(metric="probe/shuffle/drop"))

    assert {len(row.values) for row in answer.rows} == {2, 3}


@pytest.mark.parametrize("form", ["rich", "markdown", "latex", "html", "csv", "json"])
def test_every_format_has_them(study: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As of any other metric."""
    words = ("--metric", "probe/shuffle/drop", "--format", form)
    code, said, errors = call(capsys, "compare", study, *words)

    assert code == 0, errors
    assert "shuffle" in said


def test_notebooks_have_columns(study: Path) -> None:
    """One for each number of the runs that were probed."""
    rows = frames.load_runs(study, frame=False)

    assert {row["probe/shuffle/accuracy"] for row in rows} >= {0.9, 0.95}
