"""Folders of runs as the project's own writers leave them, without the training."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vitpos import cli, config, identities, outcome
from vitpos.durable import write_json
from vitpos.runs import RunFolder
from vitpos.schema import Run

MACHINE = {
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
    "attention": "sdpa",
    "gpu": None,
    "cpu": "Abacus 2000",
    "cores": 2,
    "python": "3.11.7",
    "versions": {"vitpos": "0.1.0", "torch": "2.15.0"},
    "git": "0123456789ab",
}
CREATED = "2026-11-22 03:17:16 UTC"


@cache
def composed(*words: str) -> Run:
    """A run, composed once."""
    return config.compose([*words])


def folder(
    outputs: Path,
    *words: str,
    seed: int = 0,
    study: str = "runs",
    **facts: Any,
) -> Path:
    """The folder of a run that ended as `put` is told."""
    run = replace(composed(*words), seed=seed, study=study, outputs=str(outputs))
    return put(run, [*words, f"seed={seed}"], **facts)


def put(
    run: Run,
    words: Sequence[str] = (),
    *,
    status: str = "finished",
    accuracy: float = 0.5,
    created: str = CREATED,
    machine: dict[str, Any] | None = None,
    epochs: int = 3,
    digest: str = "f" * 64,
) -> Path:
    """The folder of a run that ended so, with `epochs` lines of metrics."""
    made = RunFolder.create(run, words)
    made.update(
        format=1,
        identity=identities.identity(run),
        arm=identities.arm(run),
        arm_identity=identities.arm_identity(run),
        embedding=list(run.embedding),
        seed=run.seed,
        created=created,
        machine=MACHINE | (machine or {}),
        data={
            "name": run.dataset.name,
            "digest": digest,
            "train": 35,
            "validation": 5,
            "test": 9,
        },
        attempts=[{"started": created, "from_step": 0, "status": status}],
        status=status,
    )
    made.metrics.rewrite(
        [
            {"epoch": e, "step": 4 * e, "images": 40 * e, "val/accuracy": e / 8}
            for e in range(1, epochs + 1)
        ]
    )
    made.timings.rewrite(
        [{"epoch": e, "step": 4 * e, "perf/seconds": 10.0} for e in range(1, epochs + 1)]
    )
    if status in ("finished", "diverged"):
        write_json(made.path / "summary.json", summary(run, status, accuracy, epochs))
    return made.path


def summary(run: Run, status: str, accuracy: float, epochs: int) -> dict[str, Any]:
    """What such a run says at its end."""
    cost = {"params": 203914, "params_embedding": 0, "flops_per_image": 6655232, "tokens": 16}
    if status == "diverged":
        return {"status": status, "step": 7, "metrics": {}, "cost": cost}
    return {
        "status": status,
        "seed": run.seed,
        "epochs": epochs,
        "steps": 4 * epochs,
        "image_size": run.dataset.size,
        "metrics": {"test/accuracy": accuracy, "test/loss": 1 - accuracy, "val/accuracy": 0.375},
        "cost": cost,
        "perf": {
            "images_per_second": 1000.0 + run.seed,
            "train_seconds": 60.0,
            "peak_memory_bytes": 2**29,
        },
    }


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Type `vitpos ...`: exit code, output, errors."""
    code = outcome.of(lambda: cli.app(args=[str(word) for word in words], prog_name="vitpos"))
    output, errors = capsys.readouterr()
    return code, output, errors
