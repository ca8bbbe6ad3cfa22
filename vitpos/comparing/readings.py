"""Which number of a run a comparison is about, and which way it is better.

- of its summary: `test/accuracy`, `val/loss`, `cost/params`, `perf/images_per_second`;
- of a later evaluation: `test/accuracy@48` on images of that size, `val/loss@fashion_mnist` on
  other data, `test/accuracy@fashion_mnist@48` both; the latest one of the finished network counts;
- of a probe: `probe/shuffle/drop`, once `vitpos probe` has measured it;
- of an epoch before the last: `val/accuracy` at `epoch=20`, `images=50000` or `seconds=60`. Test
  images are looked at once, at the end, so that none of their metrics has such a value.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import accumulate
from typing import Any

from vitpos import records
from vitpos.durable import Lines
from vitpos.errors import BadInput, BadRun
from vitpos.hints import command
from vitpos.probes import results
from vitpos.records import Record, finite, part

PROBE = "probe/"
# Of probes, where more is better and where less is; of the rest nobody can say.
BETTER_IN_PROBES = {
    "up": ("accuracy", "consistency", "retention", "auc"),
    "down": ("loss", "error"),
}
LOWER_IS_BETTER = (
    "loss",
    "error",
    "seconds",
    "bytes",
    "params",
    "params_embedding",
    "flops_per_image",
)
SPLITS = {"test": "test", "val": "validation", "train": "train"}
EVALUATED = re.compile(r"(?P<split>test|val|train)/(?P<what>[a-z_]+)(@[\w.-]+){1,2}")
MOMENT = re.compile(r"(?P<unit>epoch|images|seconds)=(?P<count>\d+(\.\d+)?)")
BEFORE_THE_END = ("train/", "val/")


@dataclass(frozen=True)
class Reading:
    """A metric, and when: `moment` is a unit and how many of it, None at the end."""

    metric: str
    moment: tuple[str, float] | None = None

    @property
    def title(self) -> str:
        """The metric, and when."""
        if self.moment is None:
            return self.metric
        return f"{self.metric} at {self.moment[0]}={self.moment[1]:g}"

    @property
    def direction(self) -> str:
        """Where better is: `up` or `down`; `up` where nobody can say."""
        if self.metric.startswith(PROBE):
            return "down" if self.metric.endswith(BETTER_IN_PROBES["down"]) else "up"
        return "down" if self.metric.partition("@")[0].endswith(LOWER_IS_BETTER) else "up"

    @property
    def has_direction(self) -> bool:
        """Whether one way is better: an answer may owe much to position or little."""
        known = tuple(end for ends in BETTER_IN_PROBES.values() for end in ends)
        return not self.metric.startswith(PROBE) or self.metric.endswith(known)

    @property
    def smallest_effect(self) -> float:
        """Half a point of accuracy is of interest, of other metrics nobody can say."""
        return 0.005 if self.metric.partition("@")[0].endswith("accuracy") else 0.0

    @property
    def is_of_test_images(self) -> bool:
        """Whether `predictions.npz` has the answer image by image."""
        return self.metric == "test/accuracy" and self.moment is None

    def of(self, run: Record) -> float | None:
        """The number; None if the run has none, or one that is not finite."""
        if self.moment is not None:
            return finite(row_at(run, *self.moment).get(self.metric))
        if "@" in self.metric:
            return evaluated(run, self.metric)
        return run.number(self.metric)


def reading(metric: str, at: str | None) -> Reading:
    """What `--metric` and `--at` ask for; raises `BadInput` if it is nothing that runs have."""
    if "@" in metric and not EVALUATED.fullmatch(metric):
        raise BadInput(f"metric {metric}: nothing is evaluated so", "test/accuracy@48")
    if at is None:
        return Reading(metric)
    found = MOMENT.fullmatch(at.replace(" ", ""))
    if not found:
        raise BadInput(f"--at {at}: must be a moment", "epoch=20, images=50000 or seconds=60")
    if not metric.startswith(BEFORE_THE_END) or "@" in metric:
        what = (
            "test images are looked at once, at the end"
            if metric.startswith("test/")
            else (f"{metric} is not measured while training")
        )
        raise BadInput(f"--at {at}: {what}", f"--metric val/accuracy --at {at}")
    return Reading(metric, (found["unit"], float(found["count"])))


def row_at(run: Record, unit: str, count: float) -> Mapping[str, Any]:
    """The epoch that a run had last ended when it came there; empty if it never came so far."""
    try:
        rows = records.rows(run.path)
        spent = elapsed(run, rows) if unit == "seconds" else [amount(row, unit) for row in rows]
    except (BadRun, TypeError):  # TypeError: of what is no epoch
        return {}
    if unit == "epoch":
        return next((r for r, e in zip(rows, spent, strict=True) if e == count), {})
    if not any(reached >= count for reached in spent):
        return {}
    return next((r for r, s in zip(rows[::-1], spent[::-1], strict=True) if s <= count), {})


def elapsed(run: Record, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Seconds of training at the end of each epoch; raises `BadRun`."""
    took = {row.get("epoch"): amount(row, "perf/seconds") for row in timings(run)}
    return list(accumulate(took.get(row.get("epoch"), math.nan) for row in rows))


def amount(row: Mapping[str, Any], name: str) -> float:
    """A number of a line; NaN if it has none."""
    found = finite(row.get(name))
    return math.nan if found is None else found


def timings(run: Record) -> list[dict[str, Any]]:
    """How long its epochs took; raises `BadRun`."""
    return Lines(run.path / "timings.jsonl").read()


def evaluations(run: Record) -> list[dict[str, Any]]:
    """Those of the finished network, the latest first; none if they cannot be read."""
    try:
        rows = Lines(run.path / "evaluations.jsonl").read()
    except BadRun:
        return []
    return [row for row in rows[::-1] if row.get("step") == run.summary.get("steps")]


def evaluated(run: Record, metric: str) -> float | None:
    """The number of the latest evaluation of this name; of the run's own images, its summary's."""
    name, *where = metric.split("@")
    split, _, what = name.partition("/")
    own = {"dataset": part(run.record, "data").get("name"), "image_size": own_size(run)}
    wanted = own | {("image_size" if w.isdecimal() else "dataset"): size_or(w) for w in where}
    for row in evaluations(run):
        if row.get("split") == SPLITS[split] and wanted.items() <= row.items():
            return finite(row.get(what))
    return run.number(name) if wanted == own and own["dataset"] else None


def own_size(run: Record) -> Any:
    """Pixels of the images that it was trained on."""
    return run.summary.get("image_size")


def size_or(word: str) -> int | str:
    """A number of pixels, or a name."""
    return int(word) if word.isdecimal() else word


def check(what: Reading, runs: Sequence[Record]) -> None:
    """Raise `BadInput` if runs are finished and none of them has this number."""
    finished = [run for run in runs if run.status == "finished"]
    if not finished or any(what.of(run) is not None for run in finished):
        return
    if what.moment is not None:
        unit, count = what.moment
        raise BadInput(f"no finished run has {what.metric} at {unit}={count:g}", "an earlier one")
    if what.metric.startswith(PROBE):
        raise unmeasured(what.metric, finished)
    if "@" in what.metric:
        found = sorted({name for run in finished for name in named(run)})
        hint = f"there is {', '.join(found[:8])}" if found else "`vitpos eval RUN image_size=48`"
        raise BadInput(f"no finished run was evaluated for {what.metric}", hint)
    known = sorted(
        {name for run in finished for name in part(run.summary, "metrics")}
        | {f"{k}/{n}" for run in finished for k in ("cost", "perf") for n in part(run.summary, k)}
    )
    near = get_close_matches(what.metric, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
    raise BadInput(f"no finished run has the metric {what.metric}", hint)


def unmeasured(metric: str, finished: Sequence[Record]) -> BadInput:
    """What to say of a number that no probe found, or that nobody probed for."""
    known = sorted({n for r in finished for n in results.numbers(r.path, r.summary.get("steps"))})
    if not known:
        hint = command("probe", finished[0].path.parent)
        return BadInput(f"no finished run was probed for {metric}", hint)
    near = get_close_matches(metric, known, n=3)
    own = metric.rpartition("/")[0]
    near = near or [name for name in known if name.startswith(own)][:6]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(known[:6])} ..."
    return BadInput(f"no finished run has {metric}", hint)


def named(run: Record) -> Iterator[str]:
    """What its evaluations are asked for by."""
    short = {long: name for name, long in SPLITS.items()}
    for row in evaluations(run):
        own = row.get("dataset") == part(run.record, "data").get("name")
        data = "" if own else f"@{row.get('dataset')}"
        size = "" if row.get("image_size") == own_size(run) else f"@{row.get('image_size')}"
        split = short.get(str(row.get("split")))
        if split and (data or size):
            yield f"{split}/accuracy{data}{size}"
