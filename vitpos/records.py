"""Runs as they lie on the disk: found in folders, and read without the libraries that made them.

Nothing here raises for a damaged run: it is one of the things a run can be, and is counted as such.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitpos import identities
from vitpos.durable import read_json
from vitpos.errors import BadRun, Problem
from vitpos.probes import results
from vitpos.received import opened
from vitpos.runs import RunFolder, present

STATUSES = (
    *("finished", "running", "paused", "interrupted", "stopped", "failed", "diverged", "damaged"),
)
MARKS = ("config.yaml", "record.json", "summary.json")  # one of them makes a folder that of a run
LONGEST = 500  # letters of the name of an arm
LARGEST = 1e150  # of a number with statistics: its square is one, too


@dataclass(frozen=True)
class Record:
    """What is known of a run without reading its curves."""

    path: Path
    status: str
    record: Mapping[str, Any]
    summary: Mapping[str, Any]
    problems: tuple[Problem, ...]

    @property
    def arm(self) -> str:
        """The name of its arm."""
        return str(self.record.get("arm") or self.path.name)[:LONGEST]

    @property
    def seed(self) -> int | None:
        """Its seed, if it is known."""
        seed = self.record.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def created(self) -> str:
        """When it was started; texts of this form sort by time."""
        return str(self.record.get("created") or "")

    def number(self, name: str) -> float | None:
        """A number by name: `test/accuracy`, `cost/params`, `perf/train_seconds`, `probe/...`."""
        first, _, last = name.partition("/")
        if first == "probe":  # looked for only when it is asked for: most runs have none
            return finite(results.numbers(self.path, self.summary.get("steps")).get(name))
        inside = part(self.summary, first).get(last) if first in ("cost", "perf") else None
        return finite(inside if inside is not None else part(self.summary, "metrics").get(name))


def part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A mapping within another, empty if there is none."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def finite(value: Any) -> float | None:
    """A number that can be averaged, and whose square can; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) <= LARGEST else None


def is_run(path: Path) -> bool:
    """Whether this is the folder of a run, however damaged."""
    return any((path / name).is_file() for name in MARKS)


def find(paths: Iterable[Path]) -> list[Path]:
    """The folders of all runs in these folders, each once, in order; `BadRun` if one has none."""
    found: dict[str, Path] = {}
    for path in paths:
        present(path)
        inside = list(walk(path))
        if not inside:
            raise BadRun(f"{path} holds no runs", "a run is a folder with a config.yaml")
        top, real = os.fspath(path), os.path.realpath(path)  # no links are followed below
        for run in inside:
            found.setdefault(real + os.fspath(run)[len(top) :], run)
    return list(found.values())


def walk(path: Path) -> Iterator[Path]:
    """The runs in a folder and below, the folder itself if it is one; none within a run."""
    waiting = [os.fspath(path)]
    while waiting:
        place, inside = waiting.pop(), list[str]()
        try:
            with os.scandir(place) as content:
                for entry in content:
                    if entry.name in MARKS and not entry.is_dir():
                        yield Path(place)
                        break
                    if entry.name[0] != "." and entry.is_dir(follow_symlinks=False):
                        inside.append(entry.path)
                else:
                    waiting += sorted(inside, reverse=True)
        except OSError:  # what cannot be looked into holds nothing that can be compared
            continue


def read(path: Path) -> Record:
    """The record and the summary of a run; what cannot be read is told in `problems`."""
    problems: list[Problem] = []
    place = os.fspath(path)
    record = document(f"{place}/record.json", problems)
    summary = document(f"{place}/summary.json", problems)
    if not (path / "config.yaml").is_file():
        problems.append(Problem(f"{path / 'config.yaml'} is not there"))
    status = state(path, record, summary)
    if status == "finished" and not summary and not problems:
        problems.append(Problem(f"{path / 'summary.json'} is not there, but the run is finished"))
    return Record(path, "damaged" if problems else status, record, summary, tuple(problems))


def document(path: str, problems: list[Problem]) -> dict[str, Any]:
    """A JSON object; nothing if the file is not there."""
    try:
        return read_json(path)
    except BadRun as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            problems += error.problems
        return {}


def state(path: Path, record: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """How far a run is. A kill leaves a record that says running, but takes the lock away."""
    if summary.get("status") == "finished":
        return "finished"
    said = record.get("status")
    if said in STATUSES and said != "running":
        return str(said)
    return "running" if in_use(path) else "interrupted"


def in_use(path: Path) -> bool:
    """Whether a process holds the lock of a run."""
    try:
        with opened(path / "lock") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def arm_identity(run: Record) -> str:
    """What tells its arm from all others: from the record, else from the config."""
    said = run.record.get("arm_identity")
    if isinstance(said, str):
        return said
    try:
        return identities.fingerprint(identities.without_seed(settings(run.path)))
    except BadRun:
        return ""


def settings(path: Path) -> dict[str, Any]:
    """The config of a run as plain data; raises `BadRun`."""
    return asdict(RunFolder(path).run())


def rows(path: Path) -> list[dict[str, Any]]:
    """A line per epoch; raises `BadRun` if one is damaged, or a finished run has too few."""
    folder = RunFolder(path)
    found, summary = folder.metrics.read(), folder.summary() or {}
    wanted = summary.get("epochs")
    cut = isinstance(wanted, int) and len(found) < wanted and summary.get("status") == "finished"
    if cut and folder.metrics.path.exists():
        raise BadRun(f"{folder.metrics.path} is damaged: {len(found)} of {wanted} epochs")
    return found


def plain(run: Record) -> dict[str, Any]:
    """A run in a list, for programs."""
    return {
        "path": str(run.path),
        "status": run.status,
        "arm": run.arm,
        "seed": run.seed,
        "created": run.created or None,
        "test/accuracy": run.number("test/accuracy"),
    }


def lines(runs: list[Record], top: Path) -> list[str]:
    """A list of runs, for people: status, test accuracy, where."""
    said = []
    for run in runs:
        accuracy = run.number("test/accuracy")
        result = "" if accuracy is None else f"{accuracy:.2%}"
        where = run.path.relative_to(top) if run.path != top else run.path
        said.append(f"{run.status:11}  {result:>7}  {where}")
    return said
