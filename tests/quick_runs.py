"""Folders of runs written in no time: what a comparison reads, and nothing else."""

import hashlib
import json
from pathlib import Path
from typing import Any

from run_folders import CREATED, MACHINE

LONGEST = 400  # of a summary
CONFIG = """\
dataset: {{name: mnist5k, root: null}}
embedding:
  {embedding}:
    _target_: vitpos.embeddings.base.None
    {theta}
backbone: {{depth: {depth}, dim: 64}}
training: {{betas: [0.9, 0.99]}}
seed: {seed}
notes: ''
"""


def quick(
    outputs: Path,
    arm: str,
    seed: int,
    value: float,
    *,
    embedding: str = "rope2d",
    status: str = "finished",
    machine: dict[str, Any] | None = None,
    epochs: int = 3,
    digest: str = "f" * 64,
    params: int = 100,
    again: bool = False,
    **more: Any,
) -> Path:
    """A run that ended so; `again` in place of one that is there."""
    path = outputs / f"{arm}-s{seed}"
    path.mkdir(parents=True, exist_ok=again)
    rotary = embedding == "rope2d"
    theta, depth = ("theta: 100.0", 2) if rotary else ("x: 1", 4)
    config = CONFIG.format(embedding=embedding, seed=seed, theta=theta, depth=depth)
    (path / "config.yaml").write_text(config)
    (path / "record.json").write_text(
        json.dumps(
            {
                "identity": digest_of(arm, seed),
                "arm": arm,
                "arm_identity": digest_of(arm),
                "embedding": [embedding],
                "seed": seed,
                "created": CREATED,
                "machine": MACHINE | (machine or {}),
                "data": {"name": "mnist5k", "digest": digest, "test": 9},
                "status": status,
            }
            | more
        )
    )
    if status == "finished":
        reached(path, value, epochs, params)
    elif again:
        (path / "summary.json").unlink(missing_ok=True)
    return path


def reached(path: Path, value: float, epochs: int = 3, params: int = 100) -> None:
    """Let a run have come to this accuracy."""
    summary = {
        "status": "finished",
        "epochs": epochs,
        "steps": 12,
        "image_size": 28,
        "metrics": {"test/accuracy": value, "test/loss": 1 - value, "val/accuracy": value},
        "cost": {"params": params},
    }
    file = path / "summary.json"
    with file.open("r+b" if file.exists() else "xb") as place:  # to cut a file short takes long
        place.write(json.dumps(summary).ljust(LONGEST).encode())


def digest_of(*what: object) -> str:
    """As many digits as an identity has."""
    return hashlib.sha256(repr(what).encode()).hexdigest()
