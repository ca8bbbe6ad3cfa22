"""Runs as rows, for notebooks: pandas frames where pandas is installed, else lists of dicts.

::

    import vitpos

    runs = vitpos.load_runs("outputs/mnist5k")             # a row per run
    runs.groupby("embedding")["test/accuracy"].describe()
    curves = vitpos.load_curves("outputs/mnist5k")         # a row per run and epoch
    curves.pivot_table("val/accuracy", "epoch", "arm").plot()
    sizes = vitpos.load_evaluations("outputs/mnist5k")     # a row per `vitpos eval`

Neither torch nor matplotlib is imported. A damaged run is a row that says so, and never an error.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from vitpos import records
from vitpos.comparing import conditions, readings
from vitpos.durable import Lines
from vitpos.errors import BadInput, BadRun
from vitpos.plain_yaml import read_plain
from vitpos.probes import results
from vitpos.records import Record, finite, part
from vitpos.runs import RunFolder

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
Words = str | Iterable[str]
Row = dict[str, Any]

SAID = ("study", "name", "seed", "outputs")  # of the config: the run itself says what became of it


def load_runs(paths: Paths = "outputs", where: Words = (), frame: bool | None = None) -> Any:
    """All runs in these folders, a row each.

    Columns: path, study, arm, seed, status, created, identity, arm_identity, problem and failure
    (why it is damaged, why it failed); the config (`dataset.name`, `embedding`, `backbone.depth`,
    `embedding.rope2d.theta`); metrics as `vitpos compare --metric` names them (`test/accuracy`,
    `cost/params`, `perf/train_seconds`), of other sizes too (`test/accuracy@56`), of probes
    (`probe/shuffle/drop`); `machine.*` and `data.*`. What a run does not have is missing.

    `where` selects as `vitpos compare --where` does: `["embedding=rope*", "seed<3"]`.
    `frame=False` gives a list of dicts although pandas is installed, `frame=True` raises `BadInput`
    if it is not. Raises `BadRun` for a path that is not there or holds no runs.
    """
    return framed([run_row(run) for run in chosen(paths, where)], frame)


def load_curves(paths: Paths = "outputs", where: Words = (), frame: bool | None = None) -> Any:
    """All epochs of these runs, a row each: path, study, arm, seed, status, then what was measured.

    That is epoch, step, images, `train/loss`, `val/accuracy` and so on, and of the speed
    `perf/images_per_second` and `perf/seconds`. A run whose file is damaged is left out with a
    warning. Otherwise as `load_runs`.
    """
    return framed(each(chosen(paths, where), epochs), frame)


def load_evaluations(paths: Paths = "outputs", where: Words = (), frame: bool | None = None) -> Any:
    """All that `vitpos eval` found of these runs, a row each.

    Columns: path, study, arm, seed, status, then dataset, split, image_size, images, step,
    accuracy, loss, precision, at. Otherwise as `load_curves`.
    """
    return framed(each(chosen(paths, where), evaluations), frame)


def chosen(paths: Paths, where: Words) -> list[Record]:
    """The runs in these folders that `where` selects."""
    several = [paths] if isinstance(paths, str | PathLike) else list(paths)
    found = [records.read(path) for path in records.find(Path(fspath(path)) for path in several)]
    wanted = conditions.conditions([where] if isinstance(where, str) else where)
    configs = conditions.Configs()
    subjects = [configs.subject(run.arm, str(run.path), run) for run in found]
    held = conditions.chosen(subjects, wanted)
    return [run for run, holds in zip(found, held, strict=True) if holds]


def framed(rows: list[Row], frame: bool | None) -> Any:
    """A frame if pandas is there and nobody wants a list."""
    if frame is False:
        return rows
    try:
        import pandas as pd
    except ImportError as error:
        if frame:
            raise BadInput("pandas is not installed", "pip install pandas") from error
        return rows
    table = pd.DataFrame(rows, columns=columns(rows))
    return table.astype({"seed": "Int64"}) if rows else table


def columns(rows: Iterable[Row]) -> list[str]:
    """All keys as they first occur, but those of a group side by side."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    groups = list(dict.fromkeys(map(group, names)))
    return sorted(names, key=lambda name: groups.index(group(name)))


def group(name: str) -> str:
    """What a column belongs to: `embedding.rope2d.theta` to `embedding`."""
    return name.partition("/")[0].partition(".")[0]


def run_row(run: Record) -> Row:
    """All that is known of a run but its curves."""
    problems = [problem.message for problem in run.problems]
    settings: Row = {}
    try:
        settings = of_config(run)
    except BadRun as error:
        problems.append(error.message)
    failure = part(run.record, "failure")
    told = [str(failure[key]) for key in ("kind", "detail") if failure.get(key)]
    row = names(run) | {
        "created": run.created or None,
        "identity": run.record.get("identity"),
        "arm_identity": run.record.get("arm_identity"),
        "problem": "; ".join(dict.fromkeys(problems)) or None,
        "failure": ": ".join(told) or None,
    }
    for cells in (measures(run), facts(run, "machine"), facts(run, "data")):
        settings |= dict(cells)
    return row | settings


def names(run: Record) -> Row:
    """What tells a run from all others."""
    return {
        "path": str(run.path),
        "study": run.path.absolute().parent.name,
        "arm": run.arm,
        "seed": run.seed,
        "status": run.status,
    }


def of_config(run: Record) -> Row:
    """Its config by dotted keys, `dataset` and `embedding` by name; raises `BadRun`."""
    path = run.path / "config.yaml"
    data = read_plain(path)
    if not isinstance(data, dict):
        raise BadRun(f"{path} is damaged: it holds no values")
    found = conditions.flat(data)
    return {key: cell(value) for key, value in found.items() if key not in SAID}


def measures(run: Record) -> Iterator[tuple[str, float | None]]:
    """The numbers of a summary, of probes and of evaluations, by the names that they have."""
    for what, group in (("", "metrics"), ("cost/", "cost"), ("perf/", "perf")):
        for name in part(run.summary, group):
            yield f"{what}{name}", run.number(f"{what}{name}")
    yield from results.numbers(run.path, run.summary.get("steps")).items()
    for name in readings.named(run):
        for also in (name, name.replace("/accuracy", "/loss", 1)):
            yield also, readings.evaluated(run, also)


def facts(run: Record, what: str) -> Iterator[tuple[str, Any]]:
    """What the record says of the machine or of the data."""
    for path, value in flat(dict(part(run.record, what))):
        if path != "classes":  # a thousand names
            yield f"{what}.{path}", value


def flat(data: Row, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of groups within groups by dotted path; lists as tuples, which can be grouped."""
    for name, value in data.items():
        here = f"{path}.{name}" if path else str(name)
        if isinstance(value, dict):
            yield from flat(value, here)
        else:
            yield here, cell(value)


def each(runs: list[Record], rows: Callable[[Record], list[Row]]) -> list[Row]:
    """The rows of all runs, each with the name of its run; a warning for what cannot be read."""
    found = []
    for run in runs:
        try:
            found += [names(run) | row for row in rows(run)]
        except BadRun as error:
            warnings.warn(f"{error.message}: left out", stacklevel=3)
    return found


def epochs(run: Record) -> list[Row]:
    """A row per epoch: what was measured, and how fast it was."""
    folder = RunFolder(run.path)
    timings = {finite(row.get("epoch")): row for row in folder.timings.read()}
    return [timings.get(finite(row.get("epoch")), {}) | row for row in records.rows(run.path)]


def cell(value: Any) -> Any:
    """A list as a tuple, by which rows can be grouped."""
    return tuple(map(cell, value)) if isinstance(value, list) else value


def evaluations(run: Record) -> list[Row]:
    """All evaluations of a run; raises `BadRun` if one before the last is damaged."""
    return Lines(run.path / "evaluations.jsonl").read()
