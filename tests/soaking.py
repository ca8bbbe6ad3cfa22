"""A sweep of many tiny runs on a terminal of its own, and all that must come of it.

What disturbs it is in `storms`; what it must not leave behind is in `traces`.
"""

import errno
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vitpos
from vitpos import config, records, tables
from vitpos.comparing import comparison
from vitpos.durable import Lines, read_json

NAME = "soak"
STUDY = """\
question: Does a sweep come to the same end whatever happens on the way?
source: here
base:
  dataset: mnist5k
  training: smoke
  training.limit: 64
  training.batch_size: 16
  training.epochs: 6
  training.checkpoint_seconds: 0
  backbone.depth: 1
  backbone.dim: 8
  backbone.heads: 1
  backbone.dropout: 0.1
  precision: fp32
  threads: 1
  device: cpu
arms:
  none: {{embedding: none}}
  learned1d: {{embedding: learned1d}}
  rope2d: {{embedding: rope2d}}
  sincos2d: {{embedding: sincos2d}}
baseline: none
then: {{image_size: [35]}}
seeds: {seeds}
metric: test/accuracy
direction: up
alpha: 0.05
smallest_effect: 0.005
looks: 1
"""
ARMS = 4
# It has the terminal that its input is, as a program has that a shell starts.
START = """
import fcntl, signal, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from vitpos.cli import main
main()
"""
LONGEST = 1800.0  # seconds that a sweep may take


class Spoilt(AssertionError):
    """Something is not as it would be undisturbed."""


@dataclass
class Place:
    """A folder for one time that the study is run."""

    folder: Path
    seeds: int

    def __post_init__(self) -> None:
        # of its own, so that whoever edits or commits meanwhile changes nothing
        shutil.copytree(Path(vitpos.__file__).parent, self.folder / "vitpos")
        shutil.copytree(config.folder(), self.folder / "configs")
        text = STUDY.format(seeds=self.seeds)
        (self.folder / "configs" / "study" / f"{NAME}.yaml").write_text(text)
        (self.folder / "tmp").mkdir()
        self.outputs.mkdir()

    @property
    def outputs(self) -> Path:
        """Where the runs lie."""
        return self.folder / "outputs"

    @property
    def study(self) -> Path:
        """Where those of the study do."""
        return self.outputs / NAME

    @property
    def count(self) -> int:
        """How many there shall be."""
        return self.seeds * ARMS

    def words(self, *, resume: bool) -> list[str]:
        """What is typed to begin, or to go on."""
        if resume:
            return ["resume", str(self.study), "--retry", "launcher.lanes=1"]
        asked = [f"study={NAME}", f"outputs={self.outputs}", "launcher.lanes=1", "--yes"]
        return ["sweep", *asked, "--retry"]

    def start(self, *, resume: bool = False) -> "Terminal":
        """Type it."""
        return Terminal.of(self.words(resume=resume), self.folder)

    def journal(self) -> list[dict[str, Any]]:
        """A line for every attempt that a sweep saw the end of."""
        return Lines(self.study / "journal.jsonl").read()

    def ended(self) -> int:
        """How many lines it has so far."""
        with suppress(OSError):
            return (self.study / "journal.jsonl").read_bytes().count(b"\n")
        return 0


@dataclass
class Terminal:
    """A sweep on a terminal; whoever waits for it has to `drain` what it draws there."""

    process: "subprocess.Popen[bytes]"
    screen: int | None  # the other end
    said: bytearray = field(default_factory=bytearray)

    @classmethod
    def of(cls, words: list[str], folder: Path) -> "Terminal":
        """One that runs `vitpos ...`; its temporary files have a folder of their own."""
        place = {
            "VITPOS_CONFIGS": str(folder / "configs"),
            "PYTHONPATH": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "TERM": "xterm-256color",
        }
        screen, line = pty.openpty()
        termios.tcsetwinsize(line, (40, 120))
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", START, *words],
            stdin=line,
            stdout=line,
            stderr=line,
            env=os.environ | place,
            cwd=folder,
            start_new_session=True,
        )
        os.close(line)
        return cls(process, screen)

    def drain(self, seconds: float = 0.02) -> bool:
        """Read what it has drawn, for a moment; whether it still runs."""
        if self.screen is None:
            time.sleep(seconds)
        elif select.select([self.screen], [], [], seconds)[0]:
            try:
                self.said += os.read(self.screen, 2**16)
            except OSError as error:
                if error.errno != errno.EIO:  # nobody has the other end any more
                    raise
                time.sleep(seconds)
        return self.process.poll() is None

    def type(self, text: bytes) -> None:
        """Press keys."""
        assert self.screen is not None
        os.write(self.screen, text)

    def close(self) -> None:
        """Close the window."""
        if self.screen is not None:
            os.close(self.screen)
            self.screen = None

    def wait(self, *allowed: int) -> int:
        """Its exit code; raises `Spoilt` for one that must not be."""
        end = time.monotonic() + LONGEST
        while self.drain():
            if time.monotonic() > end:
                self.process.kill()
                raise Spoilt(f"no end in {LONGEST:.0f} s:\n{self.text()}")
        while self.screen is not None and select.select([self.screen], [], [], 0)[0]:
            with suppress(OSError):
                if self.drain() or self.process.poll() is not None:
                    break
        self.close()
        code = self.process.returncode
        if code not in allowed or b"Traceback" in self.said or b"this is a bug" in self.said:
            raise Spoilt(f"exit code {code}, not of {allowed}:\n{self.text()}")
        return code

    def text(self) -> str:
        """The end of what was drawn."""
        return self.said[-3000:].decode("utf-8", "replace")


def outcome(study: Path) -> dict[str, Any]:
    """All that must be the same: of every run, and of the table of them."""
    answer = comparison.compare([study])
    found: dict[str, Any] = {
        f"table.{name}": tables.render(answer, name, width=120, colour=False, timings=False)
        for name in tables.FORMATS
    }
    for path in records.find([study]):
        found |= {f"{path.name}/{name}": value for name, value in of_run(path)}
    return found


def of_run(path: Path) -> Iterator[tuple[str, Any]]:
    """The numbers of one run."""
    for name in ("metrics.jsonl", "predictions.npz"):
        yield name, (path / name).read_bytes()
    checkpoint = sorted((path / "checkpoints").glob("*.safetensors"))[-1].read_bytes()
    end = 8 + int.from_bytes(checkpoint[:8], "little")  # of the header, whose keys have no order
    yield "weights", (json.loads(checkpoint[8:end]), checkpoint[end:])
    summary = read_json(path / "summary.json")
    yield "summary.json", {name: part for name, part in summary.items() if name != "perf"}
    kept = ("accuracy", "loss", "image_size")  # not when it was made, nor how long it took
    rows = [json.loads(line) for line in (path / "evaluations.jsonl").read_text().splitlines()]
    yield "evaluations.jsonl", [{name: row.get(name) for name in kept} for row in rows]


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """What is not the same."""
    return [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def miscounted(place: Place, untouched: set[str]) -> list[str]:
    """What is wrong with the number of runs and their attempts; nothing if all is right.

    Those that nothing happened to must have been begun once.
    """
    found = [records.read(path) for path in records.walk(place.study)]
    wrong = [f"{run.path.name}: {run.status}" for run in found if run.status != "finished"]
    times = Counter(str(run.record.get("identity")) for run in found)
    wrong += [f"{identity[:8]}: {n} folders" for identity, n in times.items() if n > 1]
    if len(times) != place.count:
        wrong.append(f"{len(times)} of {place.count} runs are there")
    ends = Counter(row["identity"] for row in place.journal() if row["detail"] == "finished")
    wrong += [f"{identity[:8]}: finished {n} times" for identity, n in ends.items() if n > 1]
    for run in found:
        attempts = run.record["attempts"]
        log = (place.study / "logs" / f"{run.path.name}.log").read_text("utf-8", "replace")
        starts = sum(line.startswith("--- ") for line in log.splitlines())
        steps = [attempt["from_step"] for attempt in attempts]
        once = run.record["identity"] in untouched
        if not 1 <= len(attempts) <= starts or (once and len(attempts) != 1):
            wrong.append(f"{run.path.name}: {len(attempts)} attempts in {starts} starts")
        if run.record["status"] != "finished" or attempts[-1].get("status") != "finished":
            wrong.append(f"{run.path.name}: its record does not say that it is finished")
        if steps != sorted(steps) or steps[0]:
            wrong.append(f"{run.path.name}: went on from {steps}")
    return wrong


def signalled(process: int, number: signal.Signals) -> bool:
    """Send a signal; whether there was a process."""
    with suppress(ProcessLookupError):
        os.kill(process, number)
        return True
    return False
