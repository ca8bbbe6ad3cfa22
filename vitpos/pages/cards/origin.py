"""Where the numbers of a card come from, what the arm reached, and what it cost."""

from typing import Any

from vitpos.comparing.answer import COSTS
from vitpos.pages.gathering import Shown
from vitpos.pages.opened import Opened
from vitpos.records import part

OF_COST = (
    "params",
    "params_embedding",
    "flops_per_image",
    "images_per_second",
    "train_seconds",
)


def provenance(one: Opened) -> dict[str, Any]:
    """The run, the weights, the code, the data."""
    record = one.record
    machine = part(record.record, "machine")
    commit = str(machine.get("git") or "")
    tree = "" if not commit else "with changes" if commit.endswith("+") else "clean"
    return {
        "run": record.path.resolve().name,
        "seed": record.seed,
        "step": one.step,
        "epochs": record.summary.get("epochs"),
        "commit": commit.rstrip("+") or None,
        "tree": tree or None,
        "digest": part(record.record, "data").get("digest"),
        "checkpoint": one.sha256 or None,
        "vitpos": part(machine, "versions").get("vitpos"),
        "device": machine.get("gpu") or machine.get("cpu") or machine.get("device"),
        "precision": machine.get("precision"),
    }


def results(arm: Shown, metric: str) -> dict[str, Any]:
    """What all finished runs of the arm reached, and where the mean lies: 95 % t interval."""
    row = arm.row
    seeds = sorted(row.values)
    return {
        "metric": metric,
        "seeds": seeds,
        "values": [row.values[seed] for seed in seeds],
        "mean": row.mean,
        "low": row.interval.low if row.interval else None,
        "high": row.interval.high if row.interval else None,
        "n": len(seeds),
    }


def cost(arm: Shown) -> dict[str, float | None]:
    """Means over the runs of the arm."""
    return {name: arm.row.costs.get(name) for name in OF_COST if name in COSTS}
