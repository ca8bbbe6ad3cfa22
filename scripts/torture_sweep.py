"""Sweeps that are killed at random, themselves and their members, and what comes of them.

``python scripts/torture_sweep.py --kills 100`` runs a small study undisturbed, then again and again
in new folders under SIGKILL, SIGTERM, SIGINT and SIGHUP, going on after each by the same command or
by `vitpos resume`, until all is finished. What is there then must be what is there without:
metrics, predictions, evaluations, weights and the table in every format, byte for byte.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vitpos
from vitpos import config, records, tables
from vitpos.comparing import comparison
from vitpos.durable import read_json

NAME, RUNS = "torn", 6
STUDY = """\
question: Does a sweep come to the same end whatever happens on the way?
source: here
base:
  dataset: mnist5k
  training: smoke
  training.limit: 64
  training.batch_size: 16
  training.epochs: {epochs}
  training.checkpoint_seconds: 0
  backbone.depth: 1
  backbone.dim: 8
  backbone.heads: 1
  backbone.dropout: 0.1
  threads: 1
  device: cpu
arms:
  none: {{embedding: none}}
  rope2d: {{embedding: rope2d}}
baseline: none
then: {{image_size: [35], dataset: [mnist5k]}}
seeds: 3
metric: test/accuracy
direction: up
alpha: 0.05
smallest_effect: 0.005
looks: 1
"""
SIGNALS = {
    "sweep": (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP),
    "member": (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT),
}
# Of a sweep that was disturbed; before it listens, and when it is over, a signal just ends it.
ENDS = {0, 7, 129, 130, 143, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP}
LONGEST = 900.0  # seconds that an undisturbed end may take
START = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started this may have told it to ignore it
from vitpos.cli import main
main()
"""


class Spoilt(AssertionError):
    """Something is not as it would be undisturbed."""


@dataclass
class Place:
    """A folder for one time that the study is run."""

    folder: Path
    epochs: int
    pace: float = 0.0  # seconds that a run trains undisturbed
    hits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # of its own, so that whoever edits the program meanwhile changes nothing
        shutil.copytree(Path(vitpos.__file__).parent, self.folder / "vitpos")
        shutil.copytree(config.folder(), self.folder / "configs")
        (self.folder / "configs" / "study" / f"{NAME}.yaml").write_text(
            STUDY.format(epochs=self.epochs)
        )

    @property
    def study(self) -> Path:
        """Where the runs lie."""
        return self.folder / "outputs" / NAME

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start `vitpos ...`, as from a terminal."""
        place = {"VITPOS_CONFIGS": str(self.folder / "configs"), "PYTHONPATH": str(self.folder)}
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", START, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | place,
            cwd=self.folder,
            start_new_session=True,
        )

    def words(self, *, resume: bool) -> list[str]:
        """What is typed to begin, or to go on."""
        if resume:
            return ["resume", str(self.study), "--retry"]
        return ["sweep", f"study={NAME}", f"outputs={self.folder / 'outputs'}", "--retry"]

    def to_the_end(self) -> None:
        """Run what is missing, undisturbed; raises `Spoilt` if that does not succeed."""
        self.ended(self.start(*self.words(resume=False)), {0})

    def ended(self, process: "subprocess.Popen[str]", allowed: set[int]) -> int:
        """Wait for it; raises `Spoilt` for an end that must not be."""
        try:
            _, errors = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise Spoilt(f"no end in {LONGEST:.0f} s after {self.hits[-3:]}") from error
        if process.returncode not in allowed or "Traceback" in errors:
            raise Spoilt(f"exit code {process.returncode} after {self.hits[-3:]}:\n{errors}")
        return process.returncode

    def usual_seconds(self) -> float:
        """That a run trained."""
        found = [records.read(path) for path in records.walk(self.study)]
        return statistics.median(run.summary["perf"]["train_seconds"] for run in found)

    def wait_for_training(self, process: "subprocess.Popen[str]") -> None:
        """Until a run is at work, or the sweep is over."""
        while process.poll() is None and not any(map(is_training, records.walk(self.study))):
            time.sleep(0.02)

    def is_done(self) -> bool:
        """Whether every run is finished."""
        found = [records.read(path) for path in records.walk(self.study)]
        return len(found) == RUNS and all(run.status == "finished" for run in found)


def is_training(path: Path) -> bool:
    """Whether a run has ended an epoch and not yet all."""
    curves = path / "metrics.jsonl"
    return curves.exists() and curves.stat().st_size > 0 and records.read(path).status == "running"


def children(process: int) -> list[int]:
    """The processes that a process, or one of its own, has started and that still live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == process and state != "Z":
                number = int(path.parent.name)
                found += [number, *children(number)]
    return sorted(found)


def tear(place: Place, kills: int, dice: random.Random) -> int:
    """Run the study, killing what runs, until it is finished; how often something was killed."""
    done = 0
    while done < kills:
        resume = (
            place.study.is_dir() and bool([*place.study.glob("plans/*")]) and dice.random() < 0.5
        )
        process = place.start(*place.words(resume=resume))
        try:
            done += disturb(place, process, kills - done, dice)
            place.ended(process, ENDS)
        finally:
            if process.poll() is None:
                process.kill()
        if place.is_done():
            break
    place.to_the_end()
    return done


def disturb(place: Place, process: "subprocess.Popen[str]", most: int, dice: random.Random) -> int:
    """Kill members of a sweep that runs, and the sweep itself in the end, `most` in all."""
    done = 0
    while done < most:
        if dice.random() < 0.8:  # else while it starts
            place.wait_for_training(process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0.0, place.pace))
            return done
        members = children(process.pid)
        target = "member" if members and dice.random() < 0.6 else "sweep"
        number = dice.choice(SIGNALS[target])
        with suppress(ProcessLookupError):
            os.kill(dice.choice(members) if target == "member" else process.pid, number)
            done += 1
            place.hits.append(f"{target} {number.name}")
        if target == "sweep":
            return done
    return done


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
    rows = [json.loads(line) for line in (path / "evaluations.jsonl").read_text().splitlines()]
    yield "evaluations.jsonl", [without_clock(row) for row in rows]


def without_clock(row: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation without when it was made and how long it took."""
    return {
        name: value for name, value in row.items() if name in ("accuracy", "loss", "image_size")
    }


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """What is not the same."""
    return [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def torture(folder: Path, kills: int, seed: int, epochs: int) -> str:
    """Tear one study after another until that many processes were killed; a line that says so."""
    dice, start = random.Random(seed), time.monotonic()
    quiet = Place(folder / "quiet", epochs)
    quiet.to_the_end()
    expected, done, studies, hits = outcome(quiet.study), 0, 0, list[str]()
    while done < kills:
        place = Place(folder / f"torn{studies}", epochs, quiet.usual_seconds())
        killed = tear(place, kills - done, dice)
        wrong = differences(expected, outcome(place.study))
        if wrong:
            raise Spoilt(f"study {studies} in {place.folder} differs in {', '.join(wrong)}")
        done, studies, hits = done + killed, studies + 1, hits + place.hits
    counts = ", ".join(f"{hits.count(kind)} {kind}" for kind in sorted(set(hits)))
    took = time.monotonic() - start
    return f"{done} kills in {studies} studies ({counts}): all equal; {took:.0f} s, seed {seed}"


def main(words: Sequence[str] | None = None) -> None:
    """Read what is asked, and print the line."""
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reader.add_argument("--kills", type=int, default=100)
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("--epochs", type=int, default=10, help="of each run")
    reader.add_argument("--folder", type=Path, help="to look at afterwards; else removed")
    asked = reader.parse_args(words)
    if asked.folder is not None:
        print(torture(asked.folder, asked.kills, asked.seed, asked.epochs))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(torture(Path(folder), asked.kills, asked.seed, asked.epochs))


if __name__ == "__main__":
    main()
