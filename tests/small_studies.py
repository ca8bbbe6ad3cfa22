"""Small studies, as their files would hold them, and their plans."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vitpos.sweeps import plan as plans
from vitpos.sweeps import studies
from vitpos.sweeps.plan import Plan

TINY = (
    "training.limit=64", "training.batch_size=16", "backbone.depth=1", "backbone.dim=8",
    "backbone.heads=1", "backbone.dropout=0", "threads=1", "device=cpu", "tensorboard=false",
    "training.checkpoint_seconds=0",
)  # fmt: skip
BODY: dict[str, Any] = {
    "question": "Which?",
    "source": "here",
    "base": {"dataset": "mnist5k", "training": "smoke"},
    "arms": {"a": {"embedding": "none"}, "b": {"embedding": "learned1d"}},
    "baseline": "a",
    "seeds": 2,
    "metric": "test/accuracy",
    "direction": "up",
    "alpha": 0.05,
    "smallest_effect": 0.005,
    "looks": 1,
}


def checked(settings: Mapping[str, Any] | None = None, **changes: Any) -> Plan:
    """Its plan, composed and checked, with some of the file changed; takes a while."""
    found = studies.study("made", BODY | changes, pytest.fail)
    assert found is not None
    return plans.plan(found, settings or {})


def inside(plan: Plan, outputs: Path) -> Plan:
    """The same for another folder of runs."""
    members = [replace(m, run=replace(m.run, outputs=str(outputs))) for m in plan.members]
    return Plan(plan.study, tuple(members))
