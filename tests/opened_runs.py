"""Runs opened for their cards, of networks made here: nothing is trained and no folder is read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import networks
import probing
from torch import Tensor

from vitpos.pages.opened import Opened, looked_at
from vitpos.probes.subject import Subject
from vitpos.records import Record

CLASSES = tuple("abcdefghij")
RECORD: dict[str, Any] = {
    "arm": "a",
    "seed": 3,
    "data": {"name": "noise", "digest": "d" * 64, "classes": list(CLASSES)},
    "machine": {"device": "cpu", "precision": "fp32", "versions": {"vitpos": "0.1.0"}, "git": "1+"},
}


def opened(
    names: str,
    *,
    path: Path = Path("nowhere"),
    loud: bool = True,
    images: int = 2,
    changes: dict[str, Any] | None = None,
    **backbone: Any,
) -> Opened:
    """A network of this strategy, with other weights than at its start if `loud`."""
    start = networks.vit(names, **backbone).eval()
    model = networks.vit(names, **backbone).eval()
    subject = probing.given(
        networks.loud(model) if loud else model, probing.noise(24), networks.options(names)
    )
    own = dict(networks.specimens.fitting(names)) | backbone
    run = replace(subject.run, backbone=replace(subject.run.backbone, **own))
    record = Record(path, "finished", RECORD, {"epochs": 2, "steps": 8}, ())
    return looked_at(
        record, 8, "c" * 64, replace(subject, run=run, **(changes or {})), start, CLASSES, images
    )


def given(subject: Subject, start: Any, images: int = 2) -> Opened:
    """A subject as it is."""
    record = Record(Path("nowhere"), "finished", RECORD, {"epochs": 2, "steps": 8}, ())
    return looked_at(record, 8, "c" * 64, subject, start, CLASSES, images)


def numbers(x: Tensor) -> Any:
    """As arrays have them."""
    return x.detach().double().numpy()
