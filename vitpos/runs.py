"""The folder of a run: write it, read it, know whether it is finished.

::

    outputs/<study>/<arm>-s<seed>-<identity>/
      config.yaml    the run, every value resolved          overrides.txt  what was typed
      record.json    identity, versions, machine, data, attempts, status
      metrics.jsonl  one line per epoch: the truth          timings.jsonl  how long they took
      summary.json   the result                             predictions.npz  per test image
      checkpoints/   log.txt   events.out.tfevents.*
"""

import datetime
import fcntl
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from vitpos import config
from vitpos.durable import Lines, disk_errors, read_json, sweep_temporary, write, write_json
from vitpos.errors import BadRun, Locked, Problem
from vitpos.schema import Run
from vitpos.typed import typed

LONGEST = 2**16  # bytes of a config


class RunFolder:
    """Files of one run, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = Lines(path / "metrics.jsonl")
        self.timings = Lines(path / "timings.jsonl")
        self.checkpoints = path / "checkpoints"

    @classmethod
    def create(cls, run: Run, overrides: Sequence[str]) -> "RunFolder":
        """A new folder for `run`; its name tells arm, seed and identity."""
        study = Path(run.outputs).expanduser().absolute() / run.study
        name = f"{config.arm(run)}-s{run.seed}-{config.identity(run)[:8]}"
        with disk_errors(study):
            study.mkdir(parents=True, exist_ok=True)
            folder = cls(new_folder(study, name))
            write(folder.path / "config.yaml", config.dump(run).encode())
            write(
                folder.path / "overrides.txt", "".join(f"{word}\n" for word in overrides).encode()
            )
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of a run that was started before."""
        if not path.exists():
            raise BadRun(f"{path} is not there", "`vitpos list runs` shows what is in outputs")
        if not (path / "config.yaml").is_file():
            raise BadRun(f"{path} is not the folder of a run: it has no config.yaml")
        return cls(path)

    def run(self) -> Run:
        """The run as it was composed."""
        path = self.path / "config.yaml"
        problems: list[Problem] = []
        run = typed(Run, read_yaml(path), "", problems.append)
        if problems:
            raise BadRun(f"{path} is damaged: {problems[0].message}")
        return run

    def record(self) -> dict[str, Any]:
        """Identity, versions, machine, data, attempts and status."""
        return read_json(self.path / "record.json")

    def update(self, **facts: Any) -> None:
        """Change the record."""
        path = self.path / "record.json"
        write_json(path, (self.record() if path.exists() else {}) | facts)

    def summary(self) -> dict[str, Any] | None:
        """The result, once there is one."""
        path = self.path / "summary.json"
        return read_json(path) if path.exists() else None

    def log(self, text: str) -> None:
        """Add a line with the time to log.txt."""
        with disk_errors(self.path), (self.path / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{now()} {text}\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process that writes here; the lock goes with the process."""
        with disk_errors(self.path), (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Locked(f"{self.path} is in use by another process") from error
            sweep_temporary(self.path)
            yield

    def save_predictions(self, predicted: Any, labels: Any) -> None:
        """Which class each test image was given, and which it is."""
        import numpy as np  # who only reads runs does without it

        file = io.BytesIO()
        predicted, labels = np.asarray(predicted, np.int32), np.asarray(labels, np.int32)
        np.savez_compressed(
            file, predicted=predicted, labels=labels, correct=np.packbits(predicted == labels)
        )
        write(self.path / "predictions.npz", file.getvalue())


def new_folder(parent: Path, name: str) -> Path:
    """A folder that was not there before, also when others try the same name now."""
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


def read_yaml(path: Path) -> Any:
    """Plain data from a small YAML file without aliases or tags."""
    try:
        content = path.read_bytes()
        if len(content) > LONGEST:
            raise BadRun(f"{path} is damaged: {len(content)} bytes are too many for a config")
        tokens = list(yaml.scan(content.decode("utf-8")))
        if any(isinstance(t, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken) for t in tokens):
            raise BadRun(f"{path} is damaged: it has aliases or tags")
        return yaml.safe_load(content)
    except (OSError, UnicodeDecodeError, RecursionError, ValueError, yaml.YAMLError) as error:
        raise BadRun(f"{path} is damaged: {' '.join(str(error).split())}") from error


def now() -> str:
    """The time, for people."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
