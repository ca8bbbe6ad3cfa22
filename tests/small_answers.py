"""Answers as a comparison gives them, with numbers that are easy to check and quick to make."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitpos.comparing.answer import Answer, Row
from vitpos.records import Record
from vitpos.statistics import Difference, Interval, Verdict

QUANTILES = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # of t, 97.5 %
COST = {
    "params": 203914.0,
    "params_embedding": 0.0,
    "params_extra": 0.0,
    "flops_per_image": 6655232.0,
    "images_per_second": 2000.0,
    "peak_memory_bytes": 849346560.0,
    "train_seconds": 91.25,
}
OUTPUTS = Path("/srv/ada/outputs/digits")


def around(values: Sequence[float], wider: float = 1.0) -> Interval | None:
    """A t interval of a mean, or one that is wider."""
    if len(values) < 2:
        return None
    half = wider * QUANTILES[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return Interval(mean - half, mean + half)


def difference(
    values: Mapping[int, float], others: Mapping[int, float], said: Verdict
) -> Difference:
    """Pairs of two arms; what needs more than a few lines is made up."""
    seeds = tuple(sorted(values.keys() & others.keys()))
    found = [values[seed] - others[seed] for seed in seeds]
    sd = statistics.stdev(found) if len(found) > 1 else None
    known = said is not Verdict.FEW and sd is not None
    certain = said in (Verdict.BETTER, Verdict.WORSE)
    return Difference(
        seeds=seeds,
        mean=statistics.fmean(found) if found else None,
        sd=sd,
        interval=around(found) if known else None,
        simultaneous=around(found, 1.25) if known else None,
        p=(0.0021 if certain else 0.3052) if known else None,
        holm=(0.0042 if certain else 0.3052) if known else None,
        effect=1.75 if known else None,
        wins=sum(((value > 0) + (value == 0) / 2 for value in found), start=0.0),
        share=Interval(0.4782, 1.0) if known else None,
        correlation=0.22 if known else None,
        correlation_interval=Interval(-0.82, 0.92) if known else None,
        detectable=2 * sd if known and sd else None,
        detectable_range=Interval(1.2 * sd, 5.75 * sd) if known and sd else None,
        needed=14 if known else None,
        sign_flip=None,
        new_images=around(found, 1.5) if known else None,
        verdict=said,
    )


def row(
    label: str,
    values: Mapping[int, float],
    against: Row | None = None,
    said: Verdict = Verdict.UNRESOLVED,
    **others: Any,
) -> Row:
    """An arm; with `against` it is compared with that one."""
    found = list(values.values())
    known = {
        "label": label,
        "identity": f"{label:f<16.16}",
        "condition": "",
        "baseline": None if against is None else against.label,
        "values": values,
        "lost": {},
        "lost_share": {},
        "mean": statistics.fmean(found) if found else None,
        "interval": around(found) if len(found) > 2 else None,
        "difference": None if against is None else difference(values, against.values, said),
        "rank": None,
        "costs": COST,
        "recipe": "",
        "runs": tuple(record(label, seed, "finished") for seed in values),
    }
    return Row(**(known | others))


def record(label: str, seed: int, status: str) -> Record:
    """A run."""
    return Record(OUTPUTS / f"{label}-s{seed}".replace("/", "_"), status, {"seed": seed}, {}, ())


def answer(*rows: Row, **others: Any) -> Answer:
    """A study of these arms."""
    known: dict[str, Any] = {
        "question": "",
        "metric": "test/accuracy",
        "direction": "up",
        "alpha": 0.05,
        "smallest_effect": 0.005,
        "looks": 1,
        "looked": 1,
        "plan": "9f2c8d1a0b3e" + "0" * 52,
        "deviations": (),
        "recipe": "fixed recipe",
        "rows": rows,
        "caption": ("15 runs", "3 epochs", "Abacus 2000 (cpu, fp32, 1 thread)", "2026-11-22"),
        "warnings": (),
        "notes": (),
    }
    return Answer(**(known | others))


def seeds(*values: float) -> dict[int, float]:
    """Values of the seeds from 0 on."""
    return dict(enumerate(values))


def golden() -> Answer:
    """Three arms of five seeds: a baseline, one that is better, one of which four runs count."""
    learned = row("learned1d", seeds(0.8405, 0.8467, 0.8412, 0.8440, 0.8431), rank=2)
    rope = row(
        "rope2d",
        seeds(0.8550, 0.8571, 0.8519, 0.8557, 0.8513),
        learned,
        Verdict.BETTER,
        rank=1,
        costs=COST | {"params": 202890.0, "params_extra": -1024.0, "images_per_second": 1854.4},
        recipe="tuned, 5 trials: lr 0.003 is at the edge of its grid",
    )
    sincos = row(
        "sincos2d",
        {0: 0.8461, 1: 0.8432, 2: 0.8480, 4: 0.8435},
        learned,
        rank=2,
        lost={"diverged": (3,)},
        lost_share={"diverged": Interval(0.00505, 0.71642)},
    )
    return answer(
        rope,
        learned,
        sincos,
        question="Do rotary embeddings beat a learned table on digits?",
        notes=("sincos2d, seed 3: 2 runs, counted once: /srv/ada/outputs/digits/sincos2d-s3",),
    )
