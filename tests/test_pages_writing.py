"""`vitpos report`: from folders of real, tiny runs to pages."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import small_runs
from explorer_pages import held
from run_folders import call, put
from small_runs import few, train

from vitpos.data.samples import silent
from vitpos.pages import writing
from vitpos.pages.writing import Asked, pages
from vitpos.probes import loading

ONE = ("training.epochs=1", "training.limit=16")
KINDS = {
    "pyramid": ("backbone=pyramid", "backbone.depth=4", "embedding=swin_rpb"),
    "hybrid": ("backbone=hybrid", "backbone.depth=4", "embedding=learned1d"),
    "locate": ("task=locate", "patch.size=14", "embedding=sincos2d"),
    "where": ("task=where", "embedding=learned1d"),
    "shuffle": ("patch.shuffle=true", "embedding=sincos1d"),
    "jigsaw": ("task=jigsaw", "embedding=rope2d"),
    "cls": ("backbone.pool=cls", "backbone.registers=1", "embedding=learned1d+alibi2d"),
}
_quick = small_runs._quick


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages look at the few images that the runs were examined on."""
    monkeypatch.setattr(loading, "load", few)
    monkeypatch.setattr(loading, "LOADED", {})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms, one with two seeds; never to be changed."""
    outputs = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitpos.experiment.load", few)
        patch.setattr("vitpos.machine.commit", lambda: "0123456789ab+")
        for seed in (1, 2):
            train(outputs, *ONE, "embedding=learned1d", f"seed={seed}", "study=s")
        train(outputs, *ONE, "embedding=rope2d", "seed=1", "study=s")
    return outputs / "s"


def made(paths: list[Path], output: Path, **asked: Any) -> dict[str, Any]:
    """What the explorer of these says."""
    pages(paths, Asked(only="explorer", output=output, **asked), silent, print)
    return held(output / "explorer.html")[0]


def test_a_card_for_each_arm(study: Path, tmp_path: Path) -> None:
    """Of the run with the lowest seed, with the results of all."""
    meta = made([study], tmp_path)
    learned, rope = meta["arms"]

    assert [arm["name"] for arm in meta["arms"]] == ["mnist5k-learned1d", "mnist5k-rope2d"]
    assert [arm["frame"] for arm in meta["arms"]] == [0, 0]
    assert learned["provenance"]["seed"] == 1
    assert learned["provenance"]["commit"] == "0123456789ab"
    assert learned["provenance"]["tree"] == "with changes"
    assert len(learned["provenance"]["checkpoint"]) == 64
    assert learned["results"]["seeds"] == [1, 2]
    assert (rope["results"]["n"], rope["results"]["low"]) == (1, None)
    assert learned["attention"]["rung"] == "heads"
    assert meta["left_out"] == []


def test_the_same_runs_are_the_same_bytes(study: Path, tmp_path: Path) -> None:
    """And runs are only read."""
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    for name in ("a", "b"):
        pages([study], Asked(only="explorer", output=tmp_path / name), silent, print)
    one, other = ((tmp_path / name / "explorer.html").read_bytes() for name in ("a", "b"))

    assert one == other
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network_and_task(kind: str, tmp_path: Path) -> None:
    """Has a card, and what it cannot show is said."""
    path = train(tmp_path / "runs", *ONE, *KINDS[kind])
    meta = made([path], tmp_path)
    (arm,), (frame,) = meta["arms"], meta["frames"]
    rows, cols = frame["grid"]
    tokens = rows * cols + len(frame["prefix"])

    assert arm["objects"]
    assert arm["added"]["before"]["shape"] == [2, tokens, frame["dim"]]
    assert arm["attention"]["values"]["shape"][-1] == tokens
    assert arm["kernel"]["values"]["shape"][2:] == [2 * rows - 1, 2 * cols - 1]
    assert len(frame["images"]) == 2
    assert bool(arm["missing"]) == (kind in ("pyramid", "hybrid", "jigsaw"))
    match kind:
        case "pyramid":
            assert [o["grid"] for o in arm["objects"]] == [[4, 4], [2, 2]]
            assert arm["attention"]["layers"] == [0, 1]
        case "hybrid":
            assert arm["attention"]["layers"] == [2, 3]
        case "locate" | "where":
            assert frame["size"] == [56, 56]
            assert len(frame["classes"]) == len(arm["added"]["probabilities"][0])
        case "jigsaw":
            assert arm["added"]["predicted"] is None
        case "cls":
            assert frame["prefix"] == ["CLS", "register 1"]
            assert [o["kind"] for o in arm["objects"]] == ["table", "map"]


def test_what_is_not_finished_is_said(study: Path, tmp_path: Path) -> None:
    """Beside runs that are; a checkpoint that is damaged makes the next seed stand for its arm."""
    copy = tmp_path / "s"
    shutil.copytree(study, copy)
    first, _ = sorted(copy.glob("*learned1d*"))
    for path in (first / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"torn")
    (rope,) = copy.glob("*rope2d*")
    (rope / "summary.json").unlink()
    meta = made([copy], tmp_path)

    assert [arm["provenance"]["seed"] for arm in meta["arms"]] == [2]
    assert len(meta["left_out"]) == 1
    assert "rope2d" in meta["left_out"][0]


def test_a_single_damaged_run_is_one_error(study: Path, tmp_path: Path, capsys: Any) -> None:
    """That names its checkpoint, with the code of run folders, and nothing is written."""
    run = tmp_path / "run"
    shutil.copytree(next(study.glob("*rope2d*")), run)
    for path in (run / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"torn")
    code, _, errors = call(capsys, "report", run)

    assert code == 4
    assert errors.count("error:") == 1
    assert "checkpoint" in errors
    assert not list(run.glob("*.html"))


def test_no_finished_run_is_an_error(tmp_path: Path, capsys: Any) -> None:
    """With what to type next."""
    run = small_runs.compose(tmp_path, *ONE)
    put(run, status="interrupted")
    code, _, errors = call(capsys, "report", tmp_path)

    assert code == 4
    assert "no run is finished" in errors
    assert "vitpos resume" in errors


def test_a_folder_that_cannot_be_written_is_known_at_once(
    study: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is measured."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(writing, "cards", pytest.fail)
    code, _, errors = call(capsys, "report", study, "--output", tmp_path / "file" / "below")

    assert code == 5
    assert "cannot write" in errors


@pytest.mark.parametrize(
    "words",
    [["--only", "explorers"], ["--max-mb", "0"], ["--images", "0"], ["--only", ","]],
    ids=" ".join,
)
def test_what_makes_no_page_is_refused(study: Path, words: list[str], capsys: Any) -> None:
    """With the code of bad input."""
    code, _, errors = call(capsys, "report", study, *words)

    assert code == 2
    assert words[0] in errors


def test_a_name_of_a_stranger_is_only_text(study: Path, tmp_path: Path) -> None:
    """Whatever a folder is called, nothing in the page is markup but its own."""
    odd = tmp_path / "<script>alert(1)<!--"
    shutil.copytree(study, odd)
    pages([odd], Asked(only="explorer"), silent, print)
    text = (odd / "explorer.html").read_text()

    assert "<script>alert" not in text
    assert held(odd / "explorer.html")[0]["title"] == odd.name
