"""One run of two real processes, begun by `torchrun`: its folder, its numbers, how it ends."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import amounts
import pytest
from processes import TINY, torchrun, wait_for
from small_runs import results

from vitpos import checkpoints, config, experiment
from vitpos.terminal.screen import Quiet

pytestmark = pytest.mark.slow
WORDS = (*TINY, "precision=fp32", "training.limit=320", "training.epochs=6", "backbone.dropout=0",
         "training.checkpoint_seconds=0")  # fmt: skip


def finished(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What it printed, and what it said aside."""
    return process.communicate(timeout=120)


def ranks(process: "subprocess.Popen[str]") -> dict[int, int]:
    """The processes that it started, by their rank."""
    found = {}
    for path in Path(f"/proc/{process.pid}/task").glob("*/children"):
        for child in path.read_text().split():
            variables = Path(f"/proc/{child}/environ").read_text().split("\0")
            told = dict(line.partition("=")[::2] for line in variables)
            found[int(told["RANK"])] = int(child)
    return found


def complaints(said: str) -> list[str]:
    """The lines of ours, among those of torchrun."""
    return [line for line in said.splitlines() if line.startswith(("error:", "hint:", "note:"))]


def record(path: Path) -> dict[str, Any]:
    """What the folder says of itself."""
    return json.loads((path / "record.json").read_text())


def newest(path: Path) -> int:
    """The step of the last checkpoint."""
    return checkpoints.entries(path / "checkpoints")[-1].step


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing disturbs."""
    process = torchrun("train", *WORDS, f"outputs={tmp_path_factory.mktemp('two')}", "--quiet")
    out, err = finished(process)
    assert process.returncode == 0, err
    assert err == ""
    assert len(out.splitlines()) == 1
    return Path(out.strip())


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run by this process."""
    run = config.compose([*WORDS, f"outputs={tmp_path_factory.mktemp('one')}"])
    return experiment.start(run, WORDS, Quiet())


def close(path: Path, other: Path) -> None:
    """Two runs have learned the same: losses within 1e-3, accuracies within a hundredth."""
    for one, two in zip(*(results(p)["metrics.jsonl"].splitlines() for p in (path, other)),
                        strict=True):  # fmt: skip
        mine, theirs = json.loads(one), json.loads(two)
        for name in ("train/loss", "val/loss", "optim/grad_norm"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-3)
        assert mine["val/accuracy"] == pytest.approx(theirs["val/accuracy"], abs=0.01)


def test_is_one_run(whole: Path, alone: Path) -> None:
    """One folder of the same name, the numbers of one process, and a word about the processes."""
    assert whole.name == alone.name
    assert [path.name for path in whole.parent.iterdir()] == [whole.name]
    assert {p.name for p in whole.iterdir()} == {p.name for p in alone.iterdir()}
    assert record(whole)["machine"]["processes"] == 2
    assert record(whole)["attempts"][0]["processes"] == 2
    assert results(whole)["summary"]["identity"] == results(alone)["summary"]["identity"]
    close(whole, alone)


def test_a_lost_process_and_a_signal_cost_no_bit(whole: Path, tmp_path: Path) -> None:
    """One is killed: a clear end. Gone on with, then SIGTERM to torchrun; again: the same bits."""
    process = torchrun("train", *WORDS, f"outputs={tmp_path}")
    path = wait_for("runs/*/checkpoints/index.jsonl", tmp_path, process).parents[1]
    os.kill(ranks(process)[1], signal.SIGKILL)
    _, err = finished(process)

    assert complaints(err) == [
        "error: another process of this run has ended",
        f"hint: vitpos resume {path}",
    ]
    assert re.search(r"exitcode *: 75 ", err)
    assert record(path)["status"] == "interrupted"
    before = newest(path)

    process = torchrun("resume", str(path))
    while process.poll() is None and newest(path) == before:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = finished(process)

    assert re.match(r"error: stopped after step \d+ of 120; the state is saved", complaints(err)[0])
    assert record(path)["attempts"][1]["status"] == "interrupted"

    copy = shutil.copytree(path, tmp_path / "copy")
    process = torchrun("resume", str(path), "--quiet")
    out, err = finished(process)

    assert (out, err) == (f"{path}\n", "")
    assert results(path) == results(whole)
    assert "resumed_exactly" not in record(path)

    experiment.resume(copy, Quiet())

    assert record(copy)["resumed_exactly"] is False
    close(copy, whole)


def test_what_cannot_be_shared_is_said_once(tmp_path: Path) -> None:
    """By the leading process, before anything is written; its code is in torchrun's report."""
    process = torchrun("train", *WORDS, "training.batch_size=15", f"outputs={tmp_path}/o")
    out, err = finished(process)

    assert complaints(err) == [
        "error: training.batch_size = 15: not divisible by 2 processes",
        "hint: choose a multiple, or another `torchrun --nproc-per-node`",
    ]
    assert re.search(r"exitcode *: 2 ", err)
    assert out == ""
    assert not (tmp_path / "o").exists()


@dataclass
class Blow:
    """A signal to torchrun itself or to the process of a rank, at some moment."""

    victim: str | int
    number: signal.Signals
    early: bool  # while processes start; else some time after the next checkpoint
    after: float  # seconds

    def strike(self, process: "subprocess.Popen[str]", outputs: Path) -> None:
        """Wait for the moment, and send it to who is still there."""
        before = checkpoint(outputs)
        while not self.early and process.poll() is None and checkpoint(outputs) == before:
            time.sleep(0.01)
        time.sleep(self.after)
        there = {"torchrun": process.pid} | (ranks(process) if process.poll() is None else {})
        if self.victim in there:
            with suppress(ProcessLookupError):
                os.kill(there[self.victim], self.number)


def checkpoint(outputs: Path) -> int:
    """The step of the newest one of the run in there; 0 before there is any."""
    found = [entry for path in outputs.glob("runs/*/checkpoints")
             for entry in checkpoints.entries(path)]  # fmt: skip
    return found[-1].step if found else 0


def blows() -> list[list[Blow]]:
    """Two for each run: in CI to torchrun, which can tell nobody, and to who leads."""
    if not amounts.whole:
        kill = signal.SIGKILL
        return [[Blow("torchrun", kill, early=False, after=0.1), Blow(0, kill, False, 0.05)]]
    chance = random.Random(0)
    kinds = [(who, what) for who in ("torchrun", 0, 1) for what in (signal.SIGTERM, signal.SIGKILL)]
    kinds = chance.sample([*kinds, *kinds], 12)
    moments = [(n % 4 == 0, chance.uniform(0, 5 if n % 4 == 0 else 0.5)) for n in range(12)]
    each = [Blow(*kind, *moment) for kind, moment in zip(kinds, moments, strict=True)]
    each[0] = Blow("torchrun", signal.SIGKILL, early=True, after=3)  # and nobody to be found
    return [each[n : n + 2] for n in range(0, 12, 2)]


@pytest.mark.torture
@pytest.mark.parametrize("row", blows(), ids=str)
def test_whoever_goes_at_any_moment_costs_no_bit(
    row: list[Blow], whole: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """All others end too, by themselves; gone on with, the run has the same bits."""
    slowest = 0.0
    for blow in row:
        begun = [*tmp_path.glob("runs/*/config.yaml")]
        words = (
            ("resume", str(begun[0].parent)) if begun else ("train", *WORDS, f"outputs={tmp_path}")
        )
        process = torchrun(*words)
        blow.strike(process, tmp_path)
        sent = time.monotonic()
        _, err = process.communicate(timeout=180)  # over when the last process has ended
        slowest = max(slowest, time.monotonic() - sent)

        assert "Traceback" not in "\n".join(complaints(err))
    [path] = [found.parent for found in tmp_path.glob("runs/*/config.yaml")]
    process = torchrun("resume", str(path), "--quiet")
    _, err = finished(process)

    assert process.returncode == 0, err
    assert results(path) == results(whole)
    assert "resumed_exactly" not in record(path)
    record_property("blows", len(row))
    record_property("slowest end, s", round(slowest, 1))
