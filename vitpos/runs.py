"""The folder of a run: write it, read it, know whether it is finished.

::

    outputs/<study>/<arm>-s<seed>-<identity>/
      config.yaml    the run, every value resolved          overrides.txt  what was typed
      record.json    identity, versions, machine, data, attempts, status
      metrics.jsonl  one line per epoch: the truth          timings.jsonl  how long they took
      summary.json   the result                             predictions.npz  per test image
      checkpoints/   positions/   log.txt   events.out.tfevents.*
"""

import datetime
import fcntl
import io
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from vitpos import checks, config, identities, seals
from vitpos.durable import (
    Lines,
    disk_errors,
    make_folder,
    read_json,
    sweep_temporary,
    sync_folder,
    write,
    write_json,
)
from vitpos.errors import BadRun, Locked, Problem
from vitpos.plain_yaml import Document, read_yaml
from vitpos.received import content, enclosed
from vitpos.schema import Run
from vitpos.typed import typed


def silent(text: str) -> None:
    """Nobody is told."""


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
        where = place(run).expanduser().absolute()
        study = where.parent
        with disk_errors(study):
            make_folder(study)
        typed_in = "".join(f"{word}\n" for word in overrides)
        for number in count(1):
            with disk_errors(study):
                folder = cls(new_folder(study, where.name, number))
                sync_folder(study)
            with suppress(Locked), folder.locked():  # else somebody makes it his at this moment
                if is_begun(folder.path):
                    continue
                write(folder.path / "overrides.txt", typed_in.encode())
                write(folder.path / "config.yaml", seals.yaml(config.dump(run)))
                return folder
        raise AssertionError("there is no last number")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of a run that was started before."""
        present(path)
        if not (path / "config.yaml").is_file():
            raise BadRun(f"{path} is not the folder of a run: it has no config.yaml")
        return cls(path)

    def run(self) -> Run:
        """The run as it was composed."""
        path = self.path / "config.yaml"
        if path.is_symlink():  # what is wrong with it is shown, and it may be anybody's
            raise BadRun(f"{path} is a link, not a file", "put a copy there instead")
        document, problems = read_yaml(path), list[Problem]()
        try:
            run = typed(Run, document.data, "", problems.append)
            problems += [] if problems else checks.consistency(run)
        except (
            ArithmeticError,
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:  # of options
            raise BadRun(f"{path} is damaged: {type(error).__name__} {error}") from error
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            message = problems[0].message
            raise BadRun(f"{path}{line_of(message, document)} is damaged: {message}{more}")
        return run

    def typed_in(self) -> list[str]:
        """What was typed; nothing if nobody knows."""
        try:
            text = content(self.path / "overrides.txt", links=False)  # any words, and shown
            return text.decode("utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def record(self) -> dict[str, Any]:
        """Identity, versions, machine, data, attempts and status."""
        path = self.path / "record.json"
        record = read_json(path)
        for name, kind in (("machine", dict), ("data", dict), ("attempts", list)):
            if not isinstance(record.get(name), kind):
                raise BadRun(f"{path} is damaged: no {name}")
        return record

    def is_recorded(self) -> bool:
        """Whether a process came as far as its record; if not, a sweep may have told why."""
        path = self.path / "record.json"
        return path.exists() and read_json(path).get("machine") != {}

    def update(self, **facts: Any) -> None:
        """Change the record."""
        write_json(self.path / "record.json", (self.record() if self.is_recorded() else {}) | facts)

    def summary(self) -> dict[str, Any] | None:
        """The result, once there is one."""
        path = self.path / "summary.json"
        return read_json(path) if path.exists() else None

    def is_over(self) -> bool:
        """Whether the result is there and the record knows of it."""
        ends = (self.path / "summary.json", self.path / "record.json")
        return all(p.exists() and read_json(p).get("status") == "finished" for p in ends)

    def log(self, text: str) -> None:
        """Add a line with the time to log.txt."""
        with disk_errors(self.path), (self.path / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{now()} {text}\n")

    @contextmanager
    def locked(self, note: Callable[[str], None] = silent) -> Iterator[None]:
        """Be the only process that writes here; the lock goes with the process.

        Where there are no locks, that is said by `note`. Raises `BadRun` where what is written
        would go elsewhere.
        """
        enclosed(self.path)
        with disk_errors(self.path / "lock"):
            file = (self.path / "lock").open("a+b", buffering=0)  # closing it writes nothing
        with file:
            if not hold(file, self.path):
                note(f"{self.path} is on a disk without locks: let no other process go on with it")
            with disk_errors(self.path / "lock"):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()} since {now()}\n".encode())
            for folder in (self.path, self.checkpoints, self.path / "positions"):
                sweep_temporary(folder)
            yield

    def save_predictions(self, arrays: Mapping[str, Any]) -> None:
        """What was said of each test image, and what would have been right."""
        import numpy as np  # who only reads runs does without it

        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        write(self.path / "predictions.npz", file.getvalue())


def present(path: Path) -> None:
    """Raise `BadRun` unless there is something of this name that may be looked at."""
    try:
        there = path.exists()
        (path / "config.yaml").exists()
    except OSError as error:
        raise BadRun(f"{path} cannot be read: {error.strerror}") from error
    if not there:
        raise BadRun(f"{path} is not there", "`vitpos list runs` shows what is in outputs")


def place(run: Run) -> Path:
    """Where a run goes, unless something of that name is there already."""
    name = f"{identities.arm(run)}-s{run.seed}-{identities.identity(run)[:8]}"
    return Path(run.outputs) / run.study / name


def new_folder(parent: Path, name: str, number: int = 1) -> Path:
    """A folder that was not there before, or one of a process that was killed before its config."""
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            if not is_begun(path):
                return path
            number += 1
        else:
            return path


def is_begun(path: Path) -> bool:
    """Whether there is more than a process leaves that ends before its config is written."""
    try:
        names = {entry.name for entry in path.iterdir() if not entry.name.endswith(".tmp")}
    except OSError:  # somebody else's, or no folder
        return True
    return not names <= {"lock", "overrides.txt"}


def hold(file: io.FileIO, path: Path, patience: int = 10) -> bool:
    """Take the lock of a run; raises `Locked` if another process keeps it.

    Whether there are locks at all: on a network disk without them it is better to run unguarded
    than not at all.

    Who only looks whether a run is in use holds it for an instant, so it is tried more than once.
    """
    for left in reversed(range(patience)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not left:
                raise Locked(f"{path} is in use by {holder(file)}") from error
            time.sleep(0.02)
        except OSError:
            return False
        else:
            break
    return True


def holder(file: io.FileIO) -> str:
    """Who holds a lock, as it wrote into the file."""
    with suppress(OSError, UnicodeDecodeError):
        file.seek(0)
        return file.read(200).decode().strip() or "another process"
    return "another process"


def line_of(message: str, document: Document) -> str:
    """`:12` for a message that names a key on line 12."""
    names = [word.rstrip(":") for word in message.split()]
    return next((f":{document.lines[name]}" for name in names if name in document.lines), "")


def now() -> str:
    """The time, for people."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
