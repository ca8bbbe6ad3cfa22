"""The numbers of a line: what each seed went through, their mean, and how sure it is."""

import re
import statistics as plain
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from vitpos import records
from vitpos.comparing import readings
from vitpos.comparing.answer import Row
from vitpos.errors import BadRun
from vitpos.probes import results
from vitpos.records import Record, part
from vitpos.runs import RunFolder
from vitpos.statistics import Interval, mean_interval

Points = Mapping[float, tuple[float, float]]  # x and y at each step that runs have in common


@dataclass(frozen=True)
class Trace:
    """One run."""

    seed: int | None
    points: Points
    counts: bool  # it is finished: its arm's mean is made of it


@dataclass(frozen=True)
class Line:
    """One arm: the mean of its finished runs wherever all of them have a value."""

    label: str
    traces: tuple[Trace, ...]
    x: tuple[float, ...]
    mean: tuple[float, ...]
    bands: tuple[Interval | None, ...]  # pointwise, 95 %; None for fewer than three seeds

    @property
    def n(self) -> int:
        """Of how many seeds the mean is."""
        return sum(trace.counts for trace in self.traces)

    @property
    def has_band(self) -> bool:
        """Whether there are enough seeds for one."""
        return any(band is not None for band in self.bands)


def line(label: str, traces: Iterable[Trace]) -> Line | None:
    """The line of an arm; None if none of its runs has a point.

    Where one seed has no value there is no mean: it would jump as runs come and go.
    """
    traces = tuple(trace for trace in traces if trace.points)
    if not traces:
        return None
    counted = [trace.points for trace in traces if trace.counts]
    shared = sorted(set.intersection(*map(set, counted))) if counted else []
    x = tuple(plain.fmean(points[step][0] for points in counted) for step in shared)
    values = [[points[step][1] for points in counted] for step in shared]
    means = tuple(map(plain.fmean, values))
    return Line(label, traces, x, means, tuple(map(mean_interval, values)))


def curve(row: Row, label: str, metric: str, against: str) -> Line | None:
    """A metric of the training against epochs, images seen or seconds of training."""
    return line(label, (trace(run, metric, against) for run in row.runs))


def trace(run: Record, metric: str, against: str) -> Trace:
    """One run's curve; without points if it has none, or is too damaged to be read."""
    folder = RunFolder(run.path)
    try:
        rows = records.rows(run.path)
        timings = folder.timings.read() if against == "seconds" else []
    except BadRun:
        rows = timings = []
    ticks = [row for row in timings if records.finite(row.get("perf/seconds")) is not None]
    passed = accumulate(float(row["perf/seconds"]) for row in ticks)
    clock = {row.get("epoch"): seconds for row, seconds in zip(ticks, passed, strict=True)}
    points = {}
    for row in rows:
        at = {"epochs": row.get("epoch"), "images": row.get("images")}
        epoch, x = (
            records.finite(row.get("epoch")),
            records.finite(at.get(against, clock.get(row.get("epoch")))),
        )
        y = records.finite(row.get(metric))
        if epoch is not None and x is not None and y is not None:
            points[epoch] = (x, y)
    return Trace(run.seed, points, run.status == "finished")


def resolution(row: Row, label: str, metric: str) -> Line | None:
    """A test metric against image size; None if there is no size but that of the training."""
    traces = []
    for run in row.runs:
        found = sizes(run, metric) if run.status == "finished" else {}
        points = {float(size): (float(size), value) for size, value in found.items()}
        traces.append(Trace(run.seed, points, counts=True))
    made = line(label, traces)
    return made if made and len({x for t in made.traces for x in t.points}) > 1 else None


def probed(row: Row, label: str, protocol: str) -> Line | None:
    """Accuracy by a protocol of the probe `resolution`, against pixels; None if none was probed."""
    name = re.compile(rf"probe/resolution/{protocol}(\d+)/accuracy")
    traces = []
    for run in row.runs:
        finished = run.status == "finished"
        told = results.numbers(run.path, run.summary.get("steps")) if finished else {}
        found = {int(m[1]): y for key, y in told.items() if (m := name.fullmatch(key))}
        points = {float(size): (float(size), value) for size, value in sorted(found.items())}
        traces.append(Trace(run.seed, points, counts=True))
    return line(label, traces)


def sizes(run: Record, metric: str) -> dict[int, float]:
    """A metric by image size, on the images that it learned from; its own size among them.

    An evaluation counts if it is of the network as it was in the end; of several, the latest.
    """
    split, _, name = metric.partition("/")
    data, found = part(run.record, "data").get("name"), dict[int, float]()
    for row in readings.evaluations(run):  # the latest first
        size, value = row.get("image_size"), records.finite(row.get(name))
        ours = row.get("split") == readings.SPLITS.get(split) and row.get("dataset") == data
        if ours and isinstance(size, int) and value is not None:
            found.setdefault(size, value)
    own, size = run.number(metric), readings.own_size(run)
    return found | ({size: own} if own is not None and isinstance(size, int) else {})
