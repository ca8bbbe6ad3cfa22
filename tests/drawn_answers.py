"""Answers as a comparison gives them, with runs that hold what pictures read, without training."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from run_folders import MACHINE

from vitpos import seals
from vitpos.comparing.answer import Answer, Row
from vitpos.records import Record
from vitpos.statistics import Difference, family, mean_interval

SIZE, STEPS = 28, 40


def run(
    folder: Path,
    arm: str,
    seed: int,
    value: float | None,
    *,
    epochs: int = 10,
    status: str = "finished",
    sizes: Mapping[int, float] | None = None,
    dataset: str = "mnist5k",
    seconds: float = 60.0,
) -> Record:
    """A run whose curve rises to `value`; with evaluations at other sizes."""
    path = folder / f"{len(list(folder.glob('*')))}-s{seed}"
    path.mkdir(parents=True)
    end = value or 0.5
    each = range(1, epochs + 1)
    evaluated = {"dataset": dataset, "split": "test", "step": STEPS}
    files = {
        "metrics": [
            {"epoch": e, "images": 100 * e, "val/accuracy": end * (1 - 0.5**e)} for e in each
        ],
        "timings": [{"epoch": e, "perf/seconds": 2.0 + seed} for e in each],
        "evaluations": [
            evaluated | {"image_size": size, "accuracy": accuracy}
            for size, accuracy in (sizes or {}).items()
        ],
    }
    for name, rows in files.items():
        (path / f"{name}.jsonl").write_bytes(b"".join(map(seals.line, rows)))
    summary: dict[str, Any] = {}
    if status == "finished":
        summary = {
            "image_size": SIZE,
            "steps": STEPS,
            "epochs": epochs,
            "metrics": {"test/accuracy": value} if value is not None else {},
            "perf": {"train_seconds": seconds + seed, "peak_memory_bytes": 2**29},
        }
    data = {"name": dataset}
    record = {"arm": arm, "seed": seed, "machine": MACHINE, "data": data}
    return Record(path, status, record, summary, ())


def row(
    runs: Sequence[Record],
    label: str,
    baseline: str | None,
    *,
    condition: str = "",
    params: float | None = 1000.0,
    difference: Difference | None = None,
) -> Row:
    """An arm of these runs."""
    values = values_of(runs)
    lost: dict[str, tuple[int, ...]] = {}
    for one in runs:
        if one.status != "finished":
            lost[one.status] = (*lost.get(one.status, ()), one.seed or 0)
    seconds = [one.number("perf/train_seconds") or 0 for one in runs]
    costs = {"params": params, "train_seconds": statistics.median(seconds)}
    return Row(
        label=label,
        identity=label,
        condition=condition,
        baseline=baseline,
        values=values,
        lost=lost,
        lost_share={},
        mean=statistics.fmean(values.values()) if values else None,
        interval=mean_interval(values.values()),
        difference=difference,
        rank=None,
        costs=costs,
        recipe="",
        runs=tuple(runs),
    )


def values_of(runs: Sequence[Record]) -> dict[int, float]:
    """The test accuracy of each finished run that has one."""
    found = {one.seed or 0: one.number("test/accuracy") for one in runs}
    return {seed: value for seed, value in found.items() if value is not None}


def answer(rows: Sequence[Row], **changes: Any) -> Answer:
    """What was compared, the best first."""
    ordered = sorted(rows, key=lambda row: -(row.mean or 0))
    facts: dict[str, Any] = {
        "question": "",
        "metric": "test/accuracy",
        "direction": "up",
        "alpha": 0.05,
        "smallest_effect": 0.005,
        "looks": 1,
        "looked": 1,
        "plan": "",
        "deviations": (),
        "recipe": "fixed recipe",
        "caption": (),
        "warnings": (),
        "notes": (),
    }
    return Answer(rows=tuple(ordered), **facts | changes)


def small(
    folder: Path, arms: Mapping[str, Sequence[float]], baseline: str | None = None, **of_run: Any
) -> Answer:
    """Arms by their test accuracies, one a seed, compared with the baseline."""
    folder = folder / "study"
    runs = {
        arm: [run(folder, arm, seed, value, **of_run) for seed, value in enumerate(values)]
        for arm, values in arms.items()
    }
    against = {arm: baseline for arm in arms if arm != baseline} if baseline else {}
    found = family(
        {arm: values_of(runs[arm]) for arm in arms},
        against,
        alpha=0.05,
        smallest_effect=0.005,
        direction="up",
    )
    return answer(
        [
            row(runs[arm], arm, against.get(arm), params=1000.0 + place, difference=found.get(arm))
            for place, arm in enumerate(arms)
        ]
    )
