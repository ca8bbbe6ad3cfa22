"""Sweeps of tiny runs in processes of their own, some of which come to a bad end."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import processes
import pytest
import yaml
from small_studies import BODY, TINY

from vitpos import config, records
from vitpos.durable import Lines
from vitpos.sweeps import claims

HERE = Path(__file__).parent
BAD = ("hangs", "raises", "SIGKILL", "SIGSEGV", "diverges", "unbuilt")
FINE = ("none", "learned1d", "learned2d", "sincos1d", "sincos2d", "rope1d", "rope2d")
LONGEST = 500  # seconds that a sweep may take on a machine that has other things to do
pytestmark = pytest.mark.slow


class Place:
    """Where a test has its configs and its runs."""

    def __init__(self, folder: Path) -> None:
        self.configs, self.outputs = folder / "configs", folder / "outputs"
        shutil.copytree(config.folder(), self.configs)

    def study(self, **changes: Any) -> None:
        """Write the file of a study of this name."""
        text = yaml.safe_dump(BODY | changes)
        (self.configs / "study" / "made.yaml").write_text(text)

    def words(self, *more: str) -> list[str]:
        """What is typed to run it."""
        return ["sweep", "study=made", f"outputs={self.outputs}", *TINY, *more]

    @property
    def folder(self) -> Path:
        """Of the study."""
        return self.outputs / "made"

    def runs(self) -> dict[str, records.Record]:
        """By their folders' names."""
        return {path.name: records.read(path) for path in records.find([self.outputs])}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty one, which the processes see too."""
    found = Place(tmp_path)
    monkeypatch.setenv("VITPOS_CONFIGS", str(found.configs))
    monkeypatch.setenv("FAULTY_MENDED", str(tmp_path / "mended"))
    monkeypatch.chdir(HERE)  # where the plugin is found
    return found


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """Type `vitpos ...` and wait."""
    process = processes.spawn(*words)
    out, err = process.communicate(timeout=LONGEST)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def until(condition: Callable[[], object]) -> None:
    """Wait for it."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_others_finish(place):
    """Seven finish beside five that each come to another end, and one that cannot be built.

    What happened is recorded; --retry runs exactly these six, to the end.
    """
    faults = {kind: {"embedding": "fault", "embedding.fault.kind": kind} for kind in BAD}
    fine = {name: {"embedding": name} for name in FINE}
    place.study(arms={**fine, **faults}, baseline="none", seeds=1)
    limits = ("launcher.silent_seconds=10", "launcher.grace_seconds=1")
    plugin = ("--plugin", "faulty")
    done = run(*place.words(*limits), *plugin)
    before = {run.arm: run for run in place.runs().values()}
    told = {arm: run.record["failure"]["detail"] for arm, run in before.items()
            if run.status == "failed"}  # fmt: skip
    left = run("resume", str(place.folder), *plugin)
    (place.outputs.parent / "mended").touch()
    again = run("resume", str(place.folder), "--retry", *plugin)
    after = {run.arm: run for run in place.runs().values()}
    lines = Counter(row["arm"] for row in Lines(place.folder / "journal.jsonl").read())

    assert (done.returncode, left.returncode, again.returncode) == (7, 7, 0), again.stderr
    assert {arm: run.status for arm, run in before.items()} == {
        **dict.fromkeys(BAD, "failed"),
        **dict.fromkeys(FINE, "finished"),
        "diverges": "diverged",
    }
    assert told == {
        "raises": "ValueError: in the middle",
        "SIGKILL": "killed (SIGKILL, out of memory?)",
        "SIGSEGV": "killed (SIGSEGV)",
        "hangs": "no step for 10 s",
        "unbuilt": told["unbuilt"],
    }
    assert "cannot be built" in told["unbuilt"]
    assert "6 of 13 runs failed: " in done.stderr
    assert {run.status for run in after.values()} == {"finished"}
    assert len(place.runs()) == 13
    assert lines == dict.fromkeys(BAD, 2) | dict.fromkeys(FINE, 1)
    assert after["SIGKILL"].record["attempts"][-1]["from_step"] == 4
    assert after["SIGKILL"].record["failure"] is None


def test_two_sweeps_at_once_share_the_work(place):
    """Each run is computed once, by one of them, and both end when all are there."""
    place.study()
    words = place.words("launcher.slots_per_device=1")
    sweeps = [processes.spawn(*words) for _ in range(2)]
    ends = [sweep.communicate(timeout=LONGEST) for sweep in sweeps]
    found = place.runs()

    assert [sweep.returncode for sweep in sweeps] == [0, 0], ends
    assert len(found) == 4
    assert all(len(run.record["attempts"]) == 1 for run in found.values())
    assert {run.status for run in found.values()} == {"finished"}
    assert list((place.outputs / claims.FOLDER).iterdir()) == []


def test_goes_on_as_it_was_planned(place):
    """A sweep that is killed takes its members with it; edited files then change nothing."""
    place.study(then={"image_size": [35], "dataset": ["mnist5k"]}, seeds=1)
    process = processes.spawn(*place.words("training.epochs=25", "launcher.slots_per_device=2"))
    processes.wait_for("a-*/checkpoints/*.safetensors", place.folder, process)
    claimed = [json.loads(path.read_bytes()) for path in (place.outputs / ".claims").iterdir()]
    process.kill()
    process.communicate()
    until(lambda: not any(alive(one["process"]) for one in claimed))
    begun = {name: run.status for name, run in place.runs().items()}
    (place.configs / "embedding" / "learned1d.yaml").write_text("learned1d: {}\n")
    for name in ("backbone/micro", "dataset/mnist5k", "training/smoke", "train"):
        (place.configs / f"{name}.yaml").write_text("nothing: here\n")
    done = run("resume", str(place.folder))
    found = place.runs()

    assert len(claimed) == 2
    assert set(begun.values()) <= {"interrupted", "finished"}
    assert done.returncode == 0, done.stderr
    assert {run.status for run in found.values()} == {"finished"}
    assert len(found) == 2
    assert max(len(run.record["attempts"]) for run in found.values()) == 2
    assert all(Lines(run.path / "evaluations.jsonl").read() for run in found.values())


def alive(process: int) -> bool:
    """Whether there is a process of this number that is not waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ends_in_order_when_it_is_told(place):
    """Ctrl-C saves what runs, and the same words go on to the end, evaluations included."""
    place.study(then={"image_size": [35]}, seeds=1)
    words = place.words("training.epochs=25")
    process = processes.spawn(*words)
    curves = processes.wait_for("a-*/metrics.jsonl", place.folder, process)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=LONGEST)
    stopped = records.read(curves.parent)
    done = run(*words)
    found = place.runs()

    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("hint: vitpos sweep study=made ")
    assert (stopped.status, records.in_use(stopped.path)) == ("interrupted", False)
    assert done.returncode == 0, done.stderr
    assert {run.status for run in found.values()} == {"finished"}
    assert len(found) == 2
    assert "--budget 0s: not a time" in run(*words, "--budget", "0s").stderr
