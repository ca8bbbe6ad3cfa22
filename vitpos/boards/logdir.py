"""A throw-away folder in which TensorBoard finds exactly the runs that are asked for.

::

    <study>/<arm>/s<seed>    a run: links to its event files, beside a small one of ours
    <study>/<arm>/mean       the mean over its finished runs, with 95 % t intervals
    (root)                   the columns of the HPARAMS table, charts with bands, how to read them

Our small file is read first, and readers keep the first message of a kind. So all runs name the
same columns, those in which these arms differ, whatever stands in their own files. In the folder of
a run nothing is written.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vitpos import records, snapshots
from vitpos.boards import board, columns, curves, events, placing, positions, probed, replay
from vitpos.boards.columns import Column, Value
from vitpos.boards.curves import Curve
from vitpos.boards.guide import guide
from vitpos.boards.placing import Group
from vitpos.errors import BadRun
from vitpos.plain_yaml import read_plain
from vitpos.records import Record
from vitpos.statistics import mean_interval

START = 1.0  # when all runs began, so that the page lists them by name and not by age
OURS = "events.out.tfevents.0000000000.vitpos"
MEAN = "mean"
FINAL = "test/accuracy"
FEW = 50  # arms of which the projector shows a run
LOW, HIGH, FINISHED = "arm/test accuracy low", "arm/test accuracy high", "arm/finished runs"
METRICS = {  # of the HPARAMS table, which shows the first five unless asked
    FINAL: board.COLUMNS[FINAL],
    LOW: "95 % from",
    HIGH: "95 % to",
    FINISHED: "finished runs",
    **board.COLUMNS,
}


class Logdir:
    """The folder, and what is in it so far. The columns are those of the first time."""

    def __init__(self, top: Path, say: Callable[[str], None]) -> None:
        self.top, self.say = top, say
        self.columns: list[Column] = []
        self.head = b""  # what every run's file of ours begins with
        self.groups: dict[str, Group] = {}  # by name, as they were found last
        self.configs: dict[placing.Key, Mapping[str, Value]] = {}
        self.names: dict[placing.Key, str] = {}  # of arms, which they keep
        self.values: dict[str, Mapping[str, Value]] = {}  # configs by the name of a group
        self.places: dict[Path, Path] = {}  # of runs, by their own folders
        self.rebuilt: set[Path] = set()
        self.projected: set[str] = set()  # groups of which a run is in the projector
        self.refused: set[Path] = set()
        self.told: dict[str, list[Path]] = {}  # the runs that a row counts, by name of its group
        self.averaged: dict[str, list[Path]] = {}  # the runs that a mean is of

    def show(self, groups: Sequence[Group]) -> None:
        """Show these runs, or what has changed in them; raises `BadRun` if there is nothing."""
        for group in groups:
            if group.key not in self.configs:
                self.configs[group.key] = config(group)
        named = placing.told_apart(groups, self.configs, self.names)
        self.groups = {group.name: group for group in named}
        for before, group in zip(groups, named, strict=True):
            self.values[group.name] = self.configs[before.key]
        if not self.head:
            self.root()
        for group in self.groups.values():
            self.group(group)
        if not self.places:
            raise BadRun("none of these runs can be shown", "`vitpos show RUN` says what is wrong")

    def average(self) -> None:
        """Write the mean of each arm of which other runs are finished than the last time."""
        for name, group in self.groups.items():
            finished = [run.path for run in group.finished]
            if finished != self.averaged.get(name, []):
                self.averaged[name] = finished
                self.mean(group)

    def root(self) -> None:
        """What holds for all runs."""
        self.columns = columns.varying(list(self.configs.values()))
        runs = [run for group in self.groups.values() for run in group.runs]
        table = events.experiment(self.columns, METRICS | probed.columns(runs))
        about = [
            events.margins({f"{name}, mean of seeds": band(name) for name in curves.METRICS}),
            events.markdown("about", guide(list(self.groups.values()))),
        ]
        self.head = events.packed([events.header(START), events.summary(START, 0, [table])])
        text = events.packed([events.summary(START, 0, about)])
        (self.top / OURS).write_bytes(self.head + text)

    def group(self, group: Group) -> None:
        """The runs of an arm, and what their row tells of them all."""
        finished = [run.path for run in group.finished]
        changed = finished != self.told.get(group.name, [])
        self.told[group.name] = finished
        told = events.packed([events.summary(START, len(finished), facts(group))])
        for run in group.runs:
            new = run.path not in self.places
            place = self.places.get(run.path) or self.place(group, run)
            if place is None:
                continue
            if run.path not in self.rebuilt:
                link(run.path, place)
            if new or changed:
                with (place / OURS).open("ab") as file:
                    file.write(told)

    def place(self, group: Group, run: Record) -> Path | None:
        """Make a place for a run; None if there is nothing in it that could be shown."""
        wanted = self.top / group.study / group.arm / placing.seed(run)
        place = placing.free(wanted)
        place.mkdir(parents=True)
        if not events.files(run.path) and not self.rebuild(run, place):
            place.rmdir()
            return None
        row = group.name if place == wanted else f"{group.name}/{place.name}"
        started = run.record.get("started")
        began = started if isinstance(started, int | float) and math.isfinite(started) else START
        session = events.session(row, began, columns.shown(self.values[group.name], self.columns))
        said = [events.scalar(*number) for number in probed.numbers(run).items()]
        step = int(records.finite(run.summary.get("steps")) or 0)
        told = [events.summary(START, 0, [session]), events.summary(START, step, said)]
        own = events.packed(told if said else told[:1])
        (place / OURS).write_bytes(self.head + own)
        self.places[run.path] = place
        if len(self.projected) < FEW and group.name not in self.projected:
            self.project(group, run, place)
        return place

    def project(self, group: Group, run: Record, place: Path) -> None:
        """Give the projector the newest position table of a run, if it has one."""
        found = snapshots.read(run.path).snapshots
        if found:
            positions.project(found[-1], place)
            self.projected.add(group.name)

    def rebuild(self, run: Record, place: Path) -> bool:
        """Make event files for a run that has none, as far as it is now; whether there are any."""
        try:
            board.rebuild(run.path, into=place)
        except BadRun as error:
            if run.status != "running" and run.path not in self.refused:
                self.say(f"note: not shown: {error}")
                self.refused.add(run.path)
            return False
        self.rebuilt.add(run.path)
        return True

    def mean(self, group: Group) -> None:
        """The mean run of an arm; told again from its first step on if it was told before."""
        rows = [rows for run in group.finished if (rows := self.rows(run))]
        last = max((int(row["step"]) for own in rows for row in own[-1:]), default=0)
        ends = [[{"step": last, **end(run)}] for run in group.finished]
        names = *curves.ENDS, *probed.columns(group.finished)
        found = [*curves.curves(rows), *curves.curves(ends, names)]
        if not found:
            return
        place = self.top / group.study / group.arm / MEAN
        if not place.exists():
            place.mkdir(parents=True)
            events.append(place / OURS, [events.header(START)])
        now = time.time()
        told = [events.summary(now, step, values) for step, values in by_step(found)]
        events.append(place / OURS, [events.again(now, 0), *told])

    def rows(self, run: Record) -> list[dict[str, float | int]]:
        """A row per epoch; none, and a note, if they cannot be read."""
        try:
            return replay.rows(run.path, ("metrics.jsonl",))
        except BadRun as error:
            self.say(f"note: not in the mean: {error}")
            return []


def config(group: Group) -> dict[str, Value]:
    """The config of an arm by dotted path, from the first of its runs that can be read."""
    for run in group.runs:
        try:
            data = read_plain(run.path / "config.yaml")
        except BadRun:
            continue
        if isinstance(data, dict):
            return columns.flat(data)
    return {}


def link(run: Path, place: Path) -> None:
    """Link the event files of a run that are new, and forget those that are gone."""
    there = {path.name: path for path in events.files(run)}
    linked = {path.name: path for path in events.files(place) if path.is_symlink()}
    for name in linked.keys() - there.keys():
        linked[name].unlink()  # what a run that is continued says of its end; readers stop at it
    for name in there.keys() - linked.keys():
        if there[name].is_file():
            (place / name).symlink_to(there[name].absolute())


def facts(group: Group) -> list[events.Message]:
    """What a row tells of its arm beside means: how many runs count, and the interval."""
    values = [value for run in group.finished if (value := run.number(FINAL)) is not None]
    interval = mean_interval(values)
    limits = [] if interval is None else [(LOW, interval.low), (HIGH, interval.high)]
    return [events.scalar(tag, value) for tag, value in ((FINISHED, len(group.finished)), *limits)]


def end(run: Record) -> dict[str, float]:
    """What a run reached at its end."""
    found = {name: run.number(name) for name in curves.ENDS}
    return {name: value for name, value in found.items() if value is not None} | probed.numbers(run)


def by_step(found: Sequence[Curve]) -> list[tuple[int, list[events.Message]]]:
    """The scalars of these curves at each step.

    A mean stands under the name of its metric, beside the runs' own, and once more in its band: a
    chart with bands complains of runs that have only one of its three tags.
    """
    steps: dict[int, list[events.Message]] = defaultdict(list)
    for curve in found:
        middle, lower, upper = band(curve.metric)
        for step, mean, low, high in curve.points:
            said = [(curve.metric, mean)]
            if low is not None and high is not None:
                said += [(middle, mean), (lower, low), (upper, high)]
            steps[step] += [events.scalar(tag, value) for tag, value in said]
    return sorted(steps.items())


def band(metric: str) -> tuple[str, str, str]:
    """The tags of a mean and of both ends of its interval."""
    return f"interval/{metric}/mean", f"interval/{metric}/low", f"interval/{metric}/high"
