"""Time `vitpos tensorboard` with many runs on the disk.

    python -m scripts.bench_tensorboard [--arms 600] [--seeds 5] [--json FILE]

Makes the folders of runs that were never run, each with the files of a real one: 9 curves of 50
points. Times the whole program, from the command until the page of TensorBoard can list all runs,
draw the last one's curve, and fill the table of arms.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from scripts.bench_step import circumstances, without_paths
from scripts.rounds import load
from vitpos import config
from vitpos.boards import board
from vitpos.boards.placing import safe
from vitpos.durable import seal, write_json
from vitpos.schema import Run

CREATED = "2026-11-22 03:17:16 UTC"
EPOCHS, STEPS = 50, 27
CURVES = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "optim/lr", "optim/grad_norm")
SPEEDS = ("perf/images_per_second", "perf/seconds", "perf/memory")
STATUSES = ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING", "STATUS_UNKNOWN"]


def first_run(outputs: Path) -> Run:
    """What all runs are like."""
    words = ["embedding=rope2d", "study=bench", f"training.epochs={EPOCHS}"]
    return replace(config.compose(words), outputs=str(outputs))


def rows(seed: int) -> list[dict[str, float]]:
    """The curves of a run."""
    draw = random.Random(seed).random
    steps = [{"epoch": e, "step": STEPS * e} for e in range(1, EPOCHS + 1)]
    return [row | {tag: 0.5 + draw() / 10 for tag in CURVES} for row in steps]


def put(run: Run, text: str, arm: str, number: int, seed: int, events: dict[str, bytes]) -> None:
    """The folder of a finished run; only its events are those of the first run, all over again."""
    folder = Path(run.outputs) / run.study / f"{arm}-s{seed}-{number:08x}"
    folder.mkdir(parents=True)
    told = rows(1000 * number + seed)
    text = text.replace("theta: 100.0", f"theta: {number + 2}.0").replace(
        "seed: 0", f"seed: {seed}"
    )
    (folder / "config.yaml").write_text(text)
    (folder / "metrics.jsonl").write_bytes(b"".join(map(seal, told)))
    identity = f"{1000 * number + seed:064x}"
    record = {
        "identity": identity,
        "arm": arm,
        "arm_identity": f"{number:064x}",
        "seed": seed,
        "created": CREATED,
    }
    metrics = {"test/accuracy": told[-1]["val/accuracy"], "test/loss": told[-1]["val/loss"]}
    ended = {"status": "finished", "metrics": metrics, "steps": STEPS * EPOCHS}
    (folder / "record.json").write_text(json.dumps(record | {"status": "finished"}))
    (folder / "summary.json").write_text(json.dumps(ended))
    for name, content in events.items():
        (folder / name).write_bytes(content)


def first_events(folder: Path, text: str) -> dict[str, bytes]:
    """The event files of a run, as its own process writes them."""
    folder.mkdir()
    view = board.Board(folder)
    view.begin(config_text=text, hparams={"embedding": "rope2d"}, group="bench", started=1.0)
    for row in rows(0):
        view.record(row | dict.fromkeys(SPEEDS, 1.0))
    view.finish({"test/accuracy": 0.5, "cost/params": 203914}, "finished", STEPS * EPOCHS)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def make(outputs: Path, arms: int, seeds: int) -> None:
    """All runs."""
    run = first_run(outputs)
    text = config.dump(run)
    events = first_events(outputs / "first", text)
    for path in (outputs / "first").iterdir():
        path.unlink()
    (outputs / "first").rmdir()
    for number in range(arms):
        for seed in range(seeds):
            put(run, text, f"mnist5k-rope2d-{number}", number, seed, events)


def ask(address: str, question: str, **words: Any) -> Any:
    """What TensorBoard answers; words are a message, or stand in the address."""
    post = question.startswith("data/plugin/hparams")
    url = f"{address}{question}" + (f"?{urlencode(words)}" if words and not post else "")
    data = json.dumps(words).encode() if post else None
    with urlopen(Request(url, data, {"Content-Type": "application/json"})) as answer:
        return json.load(answer)


def until(asked: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Ask until the answer is yes."""
    while process.poll() is None:
        try:
            if asked():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("TensorBoard ended")


def times(outputs: Path, arms: int, seeds: int) -> dict[str, float]:
    """Seconds from the command on until each thing is there."""
    began, found = time.monotonic(), dict[str, float]()

    def note(what: str) -> None:
        found[what] = round(time.monotonic() - began, 2)
        print(f"  {found[what]:7.2f} s  {what}", flush=True)

    words = [sys.executable, "-m", "vitpos", "tensorboard", str(outputs), "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        said = re.search(r"http://[\d.:]+/", process.stdout.readline())
        if not said:
            raise SystemExit("TensorBoard does not start")
        page = said[0]
        note("the address is printed")
        until(lambda: len(ask(page, "data/runs")) > arms * seeds, process)
        note("all runs are listed")
        until(lambda: table(page) == arms, process)
        note("the table has a row for each arm")
        until(lambda: len(ask(page, "data/runs")) > arms * (seeds + 1), process)
        note("all means are listed")
        last = f"bench/{safe(f'mnist5k-rope2d-{arms - 1}')}/mean"
        until(lambda: drawn(page, last), process)
        note("the last mean is drawn")
        process.send_signal(signal.SIGINT)
    return found


def drawn(page: str, run: str) -> bool:
    """Whether a run has all points of its curve."""
    points = ask(page, "data/plugin/scalars/scalars", run=run, tag="val/accuracy")
    return len(points) == EPOCHS


def table(page: str) -> int:
    """How many rows the table has."""
    wish = {"startIndex": 0, "sliceSize": 10_000, "allowedStatuses": STATUSES, "colParams": []}
    return len(ask(page, "data/plugin/hparams/session_groups", **wish)["sessionGroups"])


def environment() -> dict[str, str]:
    """With output line by line."""
    return os.environ | {"PYTHONUNBUFFERED": "1"}


def main() -> None:
    """Make, time, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arms", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), asked.arms, asked.seeds)
        print(f"{asked.arms * asked.seeds} runs of {asked.arms} arms", flush=True)
        found = [times(Path(name), asked.arms, asked.seeds) for _ in range(asked.rounds)]
    if asked.json:
        command = ["python -m scripts.bench_tensorboard", *without_paths(sys.argv[1:])]
        facts = {"command": " ".join(command), "load": load(), "images": None}
        counts = {"arms": asked.arms, "seeds": asked.seeds, "seconds": found}
        write_json(asked.json, circumstances() | facts | counts)


if __name__ == "__main__":
    main()
