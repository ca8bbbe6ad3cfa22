"""What is printed of a run."""

from pathlib import Path

import pytest

from vitpos.terminal import screen
from vitpos.terminal.screen import Plain

FACTS = {
    "embedding": "rope2d", "dataset": "mnist5k", "train_images": 3500, "tokens": 16,
    "params": 203914, "params_embedding": 0, "device": "cpu", "precision": "bf16", "threads": 1,
    "attention": "explicit", "epochs": 2, "steps": 100, "from_step": 0, "seed": 0,
}  # fmt: skip


def test_long_epochs_are_not_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal, a line comes when the last was half a minute ago, with the time left."""
    now = [1000.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    show = Plain()
    show.begin(Path("somewhere"), FACTS)
    for step in range(1, 9):
        now[0] += 10
        show.step(step, 100, 50.0)

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step")]
    assert lines == [
        "step 4/100 · 50 img/s · 16 min 00 s left",
        "step 8/100 · 50 img/s · 15 min 20 s left",
    ]
