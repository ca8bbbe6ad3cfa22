"""Runs of other tasks: what they leave behind, how they go on, how they are evaluated again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import call
from small_runs import Watch, results, resume, train

from vitpos import diff, evaluate, overview
from vitpos.data.samples import silent
from vitpos.errors import BadInput
from vitpos.metrics import Exam
from vitpos.runs import RunFolder
from vitpos.tasks.boxes import boxed, cornered, extent, overlap
from vitpos.tasks.jigsaw import Jigsaw

_quick = small_runs._quick
LOCATE = ("task=locate", "task.clutter=2")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations later see as few images as the runs."""
    monkeypatch.setattr(evaluate, "load", small_runs.few)


def again(path: Path, *words: str) -> dict[str, Any]:
    """`vitpos eval`."""
    return evaluate.evaluate(path, words, silent, pytest.fail)


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitpos.experiment.load", small_runs.few)
        patch.setattr("vitpos.machine.commit", lambda: None)
        return train(tmp_path_factory.mktemp("located"), *LOCATE)


def test_all_that_is_measured_is_written_down(located: Path) -> None:
    """For each epoch, and at the end for the test images too."""
    folder = RunFolder(located)
    [*_, row] = folder.metrics.read()
    measures = ("loss", "accuracy", "iou", "centre_error")
    summary = folder.summary() or {}

    assert {f"{split}/{name}" for split in ("train", "val") for name in measures} <= row.keys()
    assert {f"test/{name}" for name in measures} <= summary["metrics"].keys()
    assert summary["image_size"] == 56
    assert summary["task"] == "locate"
    assert folder.record()["task"]["clutter"] == 2


def test_predictions_agree_with_what_is_told(located: Path) -> None:
    """Which images are right, and where the boxes are."""
    told = (RunFolder(located).summary() or {})["metrics"]
    with np.load(located / "predictions.npz", allow_pickle=False) as file:
        right = np.unpackbits(file["correct"], count=len(file["labels"]))
        boxes, true = (torch.from_numpy(file[name]) for name in ("boxes", "true_boxes"))

    assert right.mean() == pytest.approx(told["test/accuracy"])
    assert float(overlap(boxes, true)[0].mean()) == pytest.approx(told["test/iou"], rel=1e-4)
    apart = (boxes[:, :2] - true[:, :2]).norm(dim=1).mean() * 56
    assert float(apart) == pytest.approx(told["test/centre_error"], rel=1e-4)


@pytest.mark.parametrize("words", [LOCATE, ("task=jigsaw",)])
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path: Path, words: tuple[str, ...]) -> None:
    """From the middle of an epoch, scenes and sums too."""
    whole = results(train(tmp_path / "a", *words))
    path = train(tmp_path / "b", *words, show=Watch(after=6))
    resume(path)

    assert results(path) == whole


def test_an_evaluation_is_the_stored_one(located: Path) -> None:
    """Without any words the numbers of the run come out again."""
    row, told = again(located), (RunFolder(located).summary() or {})["metrics"]

    assert {name: row[name] for name in ("accuracy", "loss", "iou", "centre_error")} == {
        name: told[f"test/{name}"] for name in ("accuracy", "loss", "iou", "centre_error")
    }


def test_another_size_is_another_canvas(
    located: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images stay as large as they are; a jigsaw has no other size."""
    seen = []
    whole = Exam.of

    def listen(self: Exam, model: torch.nn.Module) -> Any:
        seen.append(self.shown(torch.arange(4))[0])
        return whole(self, model)

    monkeypatch.setattr(Exam, "of", listen)
    row = again(located, "image_size=84")

    assert row["image_size"] == 84
    assert 0 <= row["iou"] <= 1
    assert seen[0].shape == (4, 1, 84, 84)
    path = train(tmp_path, "task=jigsaw", "training.epochs=1", "training.warmup_epochs=1")
    with pytest.raises(BadInput, match="answers of task=jigsaw are 16 cells"):
        again(path, "image_size=56")


def test_a_run_is_shown_with_its_task(located: Path, capsys: Any) -> None:
    """`show` and `eval` tell what was asked, and all that was measured."""
    said = "\n".join(overview.lines(overview.facts(located)))
    _, evaluated, _ = call(capsys, "eval", str(located))

    assert "task      locate" in said
    assert "test iou" in said
    assert "centre error" in evaluated
    assert located.name.startswith("mnist5k-locate-rope2d-s0-")


def test_runs_are_compared_by_any_measure(located: Path, tmp_path: Path, capsys: Any) -> None:
    """Of one task; runs of different ones are not, unless one says so."""
    other = train(tmp_path, *LOCATE, "embedding=none")
    words = ("compare", str(located), str(other), "--format", "json")
    code, said, err = call(capsys, *words, "--metric", "test/centre_error")

    assert code == 0, err
    assert json.loads(said)["metric"] == "test/centre_error"
    classified = train(tmp_path, "embedding=none")
    code, _, err = call(capsys, "compare", str(located), str(classified))
    assert code == 2
    assert "--group-by task" in err


def test_answers_token_by_token_are_no_bits_for_images() -> None:
    """A jigsaw keeps all its answers; two runs of it differ by image."""
    task, answers = Jigsaw(28, 7), torch.arange(16).repeat(3, 1)
    wanted = answers.clone()
    wanted[1, 4] = 0

    assert task.kept(answers, wanted).keys() == {"predicted", "labels"}
    measured = task.measured(torch.eye(16)[answers], wanted)
    torch.testing.assert_close(measured, torch.tensor([[1, 15 / 16, 1]]))


def test_differences_count_images(tmp_path: Path) -> None:
    """Also where every token has an answer."""
    paths = []
    for number in range(2):
        said = np.tile(np.arange(4), (5, 1))
        said[0, 0] = number
        paths.append(tmp_path / str(number))
        paths[-1].mkdir()
        RunFolder(paths[-1]).save_predictions(
            {"predicted": said, "labels": np.tile(np.arange(4), (5, 1))}
        )

    assert diff.predictions(paths) == {
        "images": 5, "agree": 4, "only_first_right": 1, "only_second_right": 0,
    }  # fmt: skip


boxes = st.lists(
    st.tuples(*(st.floats(0.05, 0.95),) * 2, *(st.floats(0.01, 0.9),) * 2),
    min_size=1,
    max_size=6,
)


@given(first=boxes, seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_overlaps_are_those_of_torchvision(first: list[tuple[float, ...]], seed: int) -> None:
    """Plain and generalised; a box overlaps itself wholly."""
    ops = pytest.importorskip("torchvision.ops")
    mine = torch.tensor(first)
    random = torch.Generator().manual_seed(seed)
    other = torch.rand(mine.shape, generator=random).clamp_min(0.01)
    iou, giou = overlap(mine, other)
    corners = [cornered(part)[:, [1, 0, 3, 2]] for part in (mine, other)]

    torch.testing.assert_close(iou, ops.box_iou(*corners).diagonal(), atol=1e-5, rtol=1e-4)
    wanted = ops.generalized_box_iou(*corners).diagonal()
    torch.testing.assert_close(giou, wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(overlap(mine, mine)[1], torch.ones(len(mine)), atol=1e-4, rtol=0)
    torch.testing.assert_close(boxed(cornered(mine)), mine, atol=1e-6, rtol=0)


@given(st.integers(0, 5), st.integers(0, 7), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_an_extent_is_all_that_is_bright(top: int, left: int, height: int, width: int) -> None:
    """In any channel; a black image is taken whole."""
    images = torch.zeros(2, 3, 6, 8, dtype=torch.uint8)
    images[0, 1, top : top + height, left : left + width] = 200
    found = extent(images)

    ends = [top, left, min(6, top + height), min(8, left + width)]
    assert found.tolist() == [[float(end) for end in ends], [0.0, 0.0, 6.0, 8.0]]
