"""Arms side by side: what their runs reached and cost, with everything that did not count named."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vitpos import records
from vitpos.answer import COSTS, LOST, Answer, Row
from vitpos.circumstances import caption, mixed
from vitpos.config import essence, keys, without_seed
from vitpos.errors import BadInput, BadRun
from vitpos.records import Record, part

LOWER_IS_BETTER = ("loss", "seconds", "bytes", "params", "params_embedding", "flops_per_image")
UNFINISHED = ("running", "interrupted")


@dataclass(frozen=True)
class Arm:
    """The runs of one arm, one for each seed."""

    label: str
    identity: str
    runs: tuple[Record, ...]
    metric: str

    @property
    def finished(self) -> list[Record]:
        """Those that count."""
        return [r for r in self.runs if r.status == "finished"]

    @property
    def values(self) -> list[float]:
        """The metric of each finished run that has it."""
        found = (run.number(self.metric) for run in self.finished)
        return [value for value in found if value is not None]

    @property
    def lost(self) -> dict[str, int]:
        """How many runs do not count, by reason."""
        counts = Counter(
            "unfinished" if r.status in UNFINISHED else r.status
            for r in self.runs
            if r.status != "finished"
        )
        without = len(self.finished) - len(self.values)
        return dict(counts) | ({"without": without} if without else {})

    def median(self, name: str) -> float | None:
        """Over the finished runs."""
        found = (run.number(name) for run in self.finished)
        values = [value for value in found if value is not None]
        return statistics.median(values) if values else None


@dataclass(frozen=True)
class Comparison:
    """All arms, the best first, and what one must know to read them."""

    metric: str
    arms: tuple[Arm, ...]
    caption: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def compare(paths: Iterable[Path], metric: str = "test/accuracy") -> Comparison:
    """Compare the runs in these folders; raises `BadInput` for a metric that none of them has."""
    found = [records.read(path) for path in records.find(paths)]
    check(metric, found)
    notes: list[str] = []
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for run in found:
        groups[run.arm, records.arm_identity(run)].append(run)
    labels = label(groups)
    arms = [
        Arm(labels[key], key[1], tuple(once(labels[key], runs, notes)), metric)
        for key, runs in groups.items()
    ]
    arms.sort(key=lambda arm: order(arm, metric))
    damaged = [problem.message for run in found for problem in run.problems]
    counted = [run for arm in arms for run in arm.finished]
    return Comparison(
        metric=metric,
        arms=tuple(arms),
        caption=caption(sum(len(arm.values) for arm in arms), counted),
        warnings=tuple(mixed(counted)),
        notes=(*notes, *damaged),
    )


def answered(found: Comparison) -> Answer:
    """A comparison for `tables`: means alone, compared with no baseline."""
    up = not found.metric.endswith(LOWER_IS_BETTER)
    return Answer(
        question="",
        metric=found.metric,
        direction="up" if up else "down",
        alpha=0.05,
        smallest_effect=0.0,
        looks=1,
        looked=0,
        plan="",
        deviations=(),
        recipe="",
        rows=tuple(map(described, found.arms)),
        caption=tuple(found.caption.split("; ")),
        warnings=found.warnings,
        notes=found.notes,
    )


def described(arm: Arm) -> Row:
    """One arm for `tables`."""
    values, lost = dict[int, float](), dict[str, tuple[int, ...]]()
    for index, run in enumerate(arm.runs):
        seed = index if run.seed is None else run.seed
        value = run.number(arm.metric)
        if run.status == "finished" and value is not None:
            values[seed] = value
        else:
            reason = "unfinished" if run.status in UNFINISHED else run.status
            reason = reason if reason in LOST else "without"
            lost[reason] = (*lost.get(reason, ()), seed)
    names = {name: f"perf/{name}" for name in COSTS[4:]} | {n: f"cost/{n}" for n in COSTS[:4]}
    return Row(
        label=arm.label,
        identity=arm.identity,
        condition="",
        baseline=None,
        values=values,
        lost=lost,
        lost_share={},
        mean=statistics.fmean(values.values()) if values else None,
        interval=None,
        difference=None,
        rank=None,
        costs={name: arm.median(place) for name, place in names.items()},
        recipe="",
        runs=arm.runs,
    )


def check(metric: str, found: Sequence[Record]) -> None:
    """Raise `BadInput` if runs are finished and none of them has this metric."""
    finished = [run for run in found if run.status == "finished"]
    if not finished or any(run.number(metric) is not None for run in finished):
        return
    known = sorted(
        {name for run in finished for name in part(run.summary, "metrics")}
        | {f"{k}/{n}" for run in finished for k in ("cost", "perf") for n in part(run.summary, k)}
    )
    near = get_close_matches(metric, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
    raise BadInput(f"no finished run has the metric {metric}", hint)


def once(label: str, runs: Sequence[Record], notes: list[str]) -> list[Record]:
    """One run for each seed: the latest that is finished, else the latest."""
    by_seed: dict[object, list[Record]] = defaultdict(list)
    for run in runs:
        by_seed[run.path if run.seed is None else run.seed].append(run)
    chosen = []
    for seed, same in by_seed.items():
        same.sort(key=lambda run: (run.status == "finished", run.created, str(run.path)))
        chosen.append(same[-1])
        if len(same) > 1:
            others = ", ".join(f"{run.path.name} ({run.status})" for run in same[:-1])
            notes.append(
                f"{label}, seed {seed}: {len(same)} runs, counted once: {same[-1].path.name},"
                f" not {others}"
            )
    return sorted(chosen, key=lambda run: (run.seed is None, run.seed or 0))


def order(arm: Arm, metric: str) -> tuple[bool, float, str]:
    """The best mean first, arms without a result last."""
    if not arm.values:
        return True, 0.0, arm.label
    mean = statistics.fmean(arm.values)
    return False, mean if metric.endswith(LOWER_IS_BETTER) else -mean, arm.label


def label(groups: Mapping[tuple[str, str], Sequence[Record]]) -> dict[tuple[str, str], str]:
    """A name for each arm; where two have the same, with the values in which they differ."""
    shared = Counter(name for name, _ in groups)
    found = {}
    for name, number in shared.items():
        same = [key for key in groups if key[0] == name]
        if number == 1:
            found[same[0]] = name
            continue
        configs = {key: flat(groups[key][0].path) for key in same}
        differing = differences(list(configs.values()))
        for key, values in configs.items():
            said = [f"{path.rpartition('.')[2]}={values[path]}" for path in differing]
            few = 0 < len(said) <= 3 and bool(values)
            found[key] = f"{name} {' '.join(said)}" if few else f"{name} {key[1][:8] or '?'}"
    return found


def flat(path: Path) -> dict[str, Any]:
    """What matters in a run's config, by dotted path; nothing if it cannot be read."""
    try:
        data = essence(without_seed(records.settings(path)))
        return {name: value_at(data, name) for name in keys(data)}
    except BadRun:
        return {}


def value_at(data: Any, path: str) -> Any:
    """The value at a dotted path."""
    for name in path.split("."):
        data = data[name]
    return data


def differences(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The paths at which not all of these configs hold the same, if they have the same paths."""
    if any(config.keys() != configs[0].keys() for config in configs):
        return []
    return [path for path in configs[0] if len({repr(c[path]) for c in configs}) > 1]
