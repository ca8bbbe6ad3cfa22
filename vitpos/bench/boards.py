"""`vitpos tensorboard` with thousands of runs on the disk.

Their folders are made here: each has the files of a real run, with 9 curves of 50 points. The whole
program is timed, from the command until the page can list all runs, draw the last one's curve, and
fill the table of arms.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from vitpos import config
from vitpos.bench.asked import Bench, Missing
from vitpos.bench.clocks import Others
from vitpos.bench.composing import lacking
from vitpos.bench.judging import Table, absent
from vitpos.bench.rounds import TOO_MUCH, summary
from vitpos.boards import board
from vitpos.boards.placing import safe
from vitpos.schema import Run
from vitpos.seals import line

ARMS, SEEDS = 600, 5
CREATED = "2026-11-22 03:17:16 UTC"
EPOCHS, STEPS = 50, 27
CURVES = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "optim/lr", "optim/grad_norm")
SPEEDS = ("perf/images_per_second", "perf/seconds", "perf/memory")
STATUSES = ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING", "STATUS_UNKNOWN"]
FIRST = "the address is printed"


def tables(bench: Bench) -> Iterator[Table]:
    """A row for each thing that one waits for."""
    if lacking():
        yield absent("tensorboard", lacking())
        return
    arms, seeds = (ARMS // 20, SEEDS) if bench.quick else (ARMS, SEEDS)
    others = Others()
    with tempfile.TemporaryDirectory() as name:
        bench.say(f"making {arms * seeds:,} run folders")
        make(Path(name), arms, seeds)
        found = []
        for number in range(min(bench.rounds, 3)):
            bench.say(f"tensorboard, round {number + 1}")
            found.append(times(Path(name), arms, seeds))
    rows = {what: summary(one[what] for one in found) for what in found[0]}
    moved = (rows[FIRST]["max"] - rows[FIRST]["min"]) / rows[FIRST]["median"]
    table = {
        "table": f"tensorboard, {arms * seeds:,} runs",
        "kind": "cost",
        "reference": FIRST,
        "reference_spread": moved,
        "clock": "wall",
        "rounds": len(found),
        "forced": bench.asked.force,
        "others": others.cores(),
        "facts": {"runs": arms * seeds, "arms": arms, "seeds": seeds},
    }
    if moved > TOO_MUCH and not bench.asked.force:
        why = f"{FIRST}: varied by {moved:.0%}, which is too much"
        yield table | {
            "state": "refused",
            "why": why,
            "rows": [{"name": what, "state": "refused", "why": why} for what in rows],
        }
        return
    measured = {"state": "measured", "why": ""}
    yield (
        table
        | measured
        | {"rows": [{"name": what} | measured | {"seconds": rows[what]} for what in rows]}
    )


def rows_of(seed: int) -> list[dict[str, float]]:
    """The curves of a run."""
    draw = random.Random(seed).random
    steps = [{"epoch": e, "step": STEPS * e} for e in range(1, EPOCHS + 1)]
    return [row | {tag: 0.5 + draw() / 10 for tag in CURVES} for row in steps]


def put(run: Run, text: str, arm: str, number: int, seed: int, events: dict[str, bytes]) -> None:
    """The folder of a finished run; only its events are those of the first run, all over again."""
    folder = Path(run.outputs) / run.study / f"{arm}-s{seed}-{number:08x}"
    folder.mkdir(parents=True)
    told = rows_of(1000 * number + seed)
    text = text.replace("theta: 100.0", f"theta: {number + 2}.0").replace(
        "seed: 0", f"seed: {seed}"
    )
    (folder / "config.yaml").write_text(text)
    (folder / "metrics.jsonl").write_bytes(b"".join(map(line, told)))
    record = {
        "identity": f"{1000 * number + seed:064x}",
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
    for row in rows_of(0):
        view.record(row | dict.fromkeys(SPEEDS, 1.0))
    view.finish({"test/accuracy": 0.5, "cost/params": 203914}, "finished", STEPS * EPOCHS)
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return found


def make(outputs: Path, arms: int, seeds: int) -> None:
    """All runs."""
    words = ["embedding=rope2d", "study=bench", f"training.epochs={EPOCHS}"]
    run = replace(config.compose(words), outputs=str(outputs))
    text = config.dump(run)
    events = first_events(outputs / "first", text)
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
    raise Missing("TensorBoard ended")


def times(outputs: Path, arms: int, seeds: int) -> dict[str, float]:
    """Seconds from the command on until each thing is there."""
    began, found = time.monotonic(), dict[str, float]()

    def note(what: str) -> None:
        found[what] = time.monotonic() - began

    words = [sys.executable, "-m", "vitpos", "tensorboard", str(outputs), "--port", "0"]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        said = re.search(r"http://[\d.:]+/", process.stdout.readline())
        if not said:
            raise Missing("TensorBoard does not start")
        page = said[0]
        note(FIRST)
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
