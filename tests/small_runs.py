"""What the tests of whole runs share: runs of twelve steps, a show that interrupts, comparisons."""

import functools
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vitpos import checkpoints, config, experiment
from vitpos.data.samples import Data, Report, silent
from vitpos.data.sources import load
from vitpos.errors import Interrupted
from vitpos.runs import RunFolder
from vitpos.schema import Dataset, Run

TINY = (
    "training=smoke", "training.limit=64", "training.batch_size=16", "training.epochs=3",
    "backbone.depth=2", "backbone.dim=16", "backbone.heads=2", "threads=1", "device=cpu",
    "tensorboard=false", "precision=fp32", "training.checkpoint_seconds=0",
)  # fmt: skip
STEPS = 12


class Watch:
    """A show that remembers what it is told, and sends this process a signal when it is time."""

    def __init__(self, *, after: int = 0, at_epoch: int = 0, number: int = signal.SIGINT) -> None:
        self.after, self.at_epoch, self.number = after, at_epoch, number
        self.notes: list[str] = []
        self.steps: list[int] = []

    def note(self, text: str) -> None:
        """Remember."""
        self.notes.append(text)

    def work(self, done: int, total: int, what: str) -> None:
        """Nothing."""

    def begin(self, folder: Path, facts: dict[str, Any]) -> None:
        """Remember where."""
        self.folder = folder

    def step(self, step: int, total: int, rate: float) -> None:
        """Remember; perhaps interrupt."""
        self.steps.append(step)
        if step == self.after:
            signal.raise_signal(self.number)

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Perhaps interrupt."""
        if row["epoch"] == self.at_epoch:
            signal.raise_signal(self.number)

    def end(self, folder: Path, summary: dict[str, Any]) -> None:
        """Nothing."""


@functools.cache
def whole(name: str) -> Data:
    """A data set of the package, read once."""
    return load(config.compose([f"dataset={name}"]).dataset)


def few(dataset: Dataset, report: Report = silent) -> Data:
    """A data set with few images to evaluate on."""
    data = whole(dataset.name)
    parts = {n: getattr(data, n).take(torch.arange(40)) for n in ("validation", "test")}
    return replace(data, **parts)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation on few images, and no question to git."""
    monkeypatch.setattr(experiment, "load", few)
    monkeypatch.setattr("vitpos.machine.commit", lambda: None)


def compose(outputs: Path, *overrides: str) -> Run:
    """A run of twelve steps."""
    return replace(composed(*overrides), outputs=str(outputs))


@functools.cache
def composed(*overrides: str) -> Run:
    """Composing costs more than a run."""
    return config.compose([*TINY, *overrides])


def train(outputs: Path, *overrides: str, show: Watch | None = None) -> Path:
    """Do such a run; its folder, also of one that was interrupted."""
    show = show or Watch()
    try:
        return experiment.start(compose(outputs, *overrides), overrides, show)
    except Interrupted:
        return show.folder


def resume(path: Path, show: Watch | None = None) -> Watch:
    """Go on, perhaps until interrupted again."""
    show = show or Watch()
    try:
        experiment.resume(path, show)
    except Interrupted:
        assert show.after or show.at_epoch
    return show


def results(path: Path) -> dict[str, Any]:
    """All numbers of a finished run, bit for bit."""
    folder = RunFolder(path)
    saved = checkpoints.load(folder.checkpoints, pytest.fail)
    summary = folder.summary()
    assert saved is not None
    assert summary is not None
    step, tensors = saved
    with np.load(path / "predictions.npz") as file:
        predictions = {name: file[name].tobytes() for name in file.files}
    return {
        "step": step,
        "tensors": {n: t.view(torch.uint8).numpy().tobytes() if t.ndim else t.item()
                    for n, t in tensors.items()},
        "metrics.jsonl": (path / "metrics.jsonl").read_bytes(),
        "predictions": predictions,
        "positions": {p.name: p.read_bytes() for p in (path / "positions").glob("*.safetensors")},
        "summary": {n: summary[n] for n in ("status", "metrics", "cost", "steps", "identity")},
    }  # fmt: skip
