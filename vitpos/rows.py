"""The rows of an answer: each arm with its values, what it lost, and what it cost."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from vitpos.answer import COSTS, LOST, Row
from vitpos.arms import Arm
from vitpos.errors import BadInput
from vitpos.judgement import Judgement, Recipe
from vitpos.pairing import Compared
from vitpos.ranks import ranks
from vitpos.records import Record
from vitpos.statistics import Difference, Interval, exact_share, mean_interval

UNFINISHED = ("running", "interrupted", "paused", "elsewhere", "queued")
RATES = ("failed", "diverged")
NAMES = {
    **{name: f"cost/{name}" for name in ("params", "params_embedding", "flops_per_image")},
    **{n: f"perf/{n}" for n in ("images_per_second", "peak_memory_bytes", "train_seconds")},
}
ORDERS = ("metric", "arm", "n", "rank", "difference", *COSTS)


def rows(
    known: Compared, differences: Mapping[str, Difference], rules: Judgement, recipe: Recipe
) -> list[Row]:
    """A row for each arm."""
    by_key = {arm.key: arm for arm in known.arms}
    bases, against = set(known.matches.against.values()), known.matches.against
    places = ranked(known, differences, rules)
    found = []
    for arm in known.arms:
        values, baseline = known.values[arm.key], against.get(arm.key)
        gone = lost(arm, values)
        other = by_key[baseline] if baseline else arm if arm.key in bases else None
        found.append(
            Row(
                label=known.labels[arm.key],
                identity=arm.identity,
                condition=known.matches.conditions[arm.key],
                baseline=known.labels[baseline] if baseline else None,
                values=values,
                lost=gone,
                lost_share=shares(len(values), gone),
                mean=statistics.fmean(values.values()) if values else None,
                interval=mean_interval(values.values()),
                difference=differences.get(arm.key),
                rank=places.get(arm.key),
                costs=costs(arm, other),
                recipe=recipe.of_arms.get(arm.name, ""),
                runs=tuple(arm.runs.values()),
            )
        )
    return found


def ranked(
    known: Compared, differences: Mapping[str, Difference], rules: Judgement
) -> dict[str, int]:
    """Places within each condition."""
    found, judged = dict[str, int](), known.judged
    for group in known.groups():
        values = {arm.key: judged[arm.key] for arm in group}
        against = {arm: base for arm, base in known.matches.against.items() if arm in values}
        level = rules.alpha / rules.looks
        found |= ranks(values, against, differences, level=level, direction=rules.direction)
    return found


def lost(arm: Arm, values: Mapping[int, float]) -> dict[str, tuple[int, ...]]:
    """The seeds that do not count, by reason."""
    found: dict[str, list[int]] = defaultdict(list)
    for seed, run in arm.runs.items():
        if seed in values:
            continue
        status = "unfinished" if run.status in UNFINISHED else run.status
        if status == "finished":
            status = "without" if seed >= 0 else "damaged"
        found[status if status in LOST else "damaged"].append(seed)
    if arm.missing:
        found["missing"] = sorted(arm.missing)
    return {reason: tuple(found[reason]) for reason in LOST if reason in found}


def shares(count: int, gone: Mapping[str, Sequence[int]]) -> dict[str, Interval]:
    """Exact intervals of the rates of failed and diverged among all runs that came to an end."""
    ended = count + sum(len(gone.get(reason, ())) for reason in (*RATES, "without"))
    return {reason: exact_share(len(gone[reason]), ended) for reason in RATES if gone.get(reason)}


def costs(arm: Arm, baseline: Arm | None) -> dict[str, float | None]:
    """Medians over the finished runs."""
    found = {name: median(arm.finished, NAMES[name]) for name in NAMES}
    other = median(baseline.finished, NAMES["params"]) if baseline is not None else None
    own = found["params"]
    extra = own - other if own is not None and other is not None else None
    return {name: extra if name == "params_extra" else found[name] for name in COSTS}


def median(runs: Sequence[Record], name: str) -> float | None:
    """Of a number of their summaries."""
    known = [value for run in runs if (value := run.number(name)) is not None]
    return statistics.median(known) if known else None


def order(rows: Sequence[Row], by: str, direction: str) -> list[Row]:
    """Conditions stay together; within each the best first, or by what is asked, small to large."""
    if by not in ORDERS:
        near = get_close_matches(by, ORDERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(ORDERS)}"
        raise BadInput(f"--sort {by}: rows have no such order", hint)
    places = {row.condition: place for place, row in reversed(list(enumerate(rows)))}
    sign = -1 if direction == "up" else 1

    def key(row: Row) -> tuple[int, bool, float | int, str]:
        value: float | int | None = 0.0
        if by == "metric":
            value = None if row.mean is None else sign * row.mean
        elif by == "difference":
            mean = row.difference.mean if row.difference is not None else None
            value = None if mean is None else sign * mean
        elif by == "n":
            value = -len(row.values)
        elif by == "rank":
            value = row.rank
        elif by != "arm":
            value = row.costs[by]
        return places[row.condition], value is None, value or 0.0, row.label

    return sorted(rows, key=key)
