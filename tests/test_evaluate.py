"""Evaluating a finished run again."""

import json
from pathlib import Path

import pytest
import small_runs
from small_runs import _quick

from vitpos import evaluate as module
from vitpos.errors import BadInput, BadRun
from vitpos.evaluate import evaluate
from vitpos.runs import RunFolder

__all__ = ["_quick"]


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few images that the runs here are trained and tested on."""
    monkeypatch.setattr(module, "load", small_runs.few)


@pytest.fixture(params=["training.ema=0.0", "training.ema=0.9"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A finished run, without and with averaged weights."""
    return small_runs.train(tmp_path, request.param)


def again(path: Path, *words: str) -> dict:
    """Evaluate without any note."""
    return evaluate(path, words, small_runs.silent, pytest.fail)


def test_gives_the_stored_result_again(path: Path) -> None:
    """Without any word, accuracy and loss are those of the summary, to the last bit."""
    stored = (RunFolder(path).summary() or {})["metrics"]

    row = again(path)

    assert row["accuracy"] == stored["test/accuracy"]
    assert row["loss"] == stored["test/loss"]


def test_evaluates_validation_images_as_training_did(path: Path) -> None:
    """The validation split gives what the last epoch measured."""
    stored = (RunFolder(path).summary() or {})["metrics"]

    row = again(path, "split=validation")

    assert (row["accuracy"], row["loss"]) == (stored["val/accuracy"], stored["val/loss"])


def test_evaluates_larger_images(path: Path) -> None:
    """Another image size is another grid, and another result."""
    row = again(path, "image_size=56")

    assert row["image_size"] == 56
    assert row["loss"] != again(path)["loss"]


def test_keeps_each_evaluation(path: Path) -> None:
    """Each one is a line of the run's folder."""
    again(path)
    again(path, "split=train")

    lines = (path / "evaluations.jsonl").read_text().splitlines()
    assert [json.loads(line)["split"] for line in lines] == ["test", "train"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["image_size=50"], "multiple of patches of 7"),
        (["image_size=-7"], "multiple of patches of 7"),
        (["image_size=big"], "multiple of patches of 7"),
        (["split=tset"], "must be one of train, validation, test"),
        (["training.lr=1"], "training.lr does not belong to an evaluation"),
        (["dataset=cifar10"], "3 channels"),
        (["dataset.size=32"], "dataset.size does not belong"),
        (["dataset=minst"], "no such dataset"),
    ],
)
def test_refuses_what_cannot_be(tmp_path: Path, words: list[str], said: str) -> None:
    """One line says what is wrong."""
    path = small_runs.train(tmp_path)

    with pytest.raises(BadInput, match=said):
        again(path, *words)


def test_says_that_there_is_nothing_to_evaluate(tmp_path: Path) -> None:
    """A run that was interrupted before its first checkpoint is to be resumed first."""
    path = small_runs.train(tmp_path)
    for file in (path / "checkpoints").iterdir():
        file.unlink()

    with pytest.raises(BadRun, match="no checkpoint yet"):
        again(path)
