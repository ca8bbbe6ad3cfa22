"""Times `vitpos compare` with many runs on the disk.

    python -m scripts.bench_compare [--arms 100] [--seeds 100] [--json FILE]

Makes the folders of runs that were never run, each with the files of a real one, and times whole
processes, from the command to the last line. The files are in the memory of the system, as after
a sweep.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scripts.bench_step import circumstances, without_paths
from scripts.rounds import load
from vitpos import config, identities
from vitpos.durable import write_json
from vitpos.schema import Run

CREATED = "2026-11-22 03:17:16 UTC"
MACHINE = {"device": "cpu", "precision": "fp32", "threads": 1, "gpu": None, "cpu": "none"}
LAYERS = [f"blocks.{n}.attention.{what}.weight" for n in range(16) for what in ("qkv", "out")]
QUESTIONS = {
    "table": (),
    "where and groups": ("--where", "seed>=0", "--group-by", "backbone.depth"),
    "json": ("--format", "json"),
}


def arms(count: int, outputs: Path) -> list[Run]:
    """`none`, then all other embeddings, then those once more in deeper networks."""
    names = [name for name in config.options("embedding") if name != "none"]
    words = [("embedding=none", "backbone.depth=4")]
    for number in range(count - 1):
        depth, index = divmod(number, len(names))
        words.append((f"embedding={names[index]}", f"backbone.depth={4 + depth}"))
    return [replace(config.compose(two), outputs=str(outputs)) for two in words]


def put(folder: Path, run: Run, fingerprints: tuple[str, str], accuracy: float) -> None:
    """The folder of a finished run; not synced, which nobody who reads can tell."""
    identity, arm_identity = fingerprints
    (folder / "checkpoints").mkdir(parents=True)
    data = {"name": run.dataset.name, "digest": "0" * 64, "train": 3500, "test": 1000}
    known = {"identity": identity, "arm": identities.arm(run), "seed": run.seed}
    record = known | {
        "format": 1,
        "arm_identity": arm_identity,
        "embedding": list(run.embedding),
        "created": CREATED,
        "machine": MACHINE | {"versions": {"vitpos": "0.1.0"}, "git": "0" * 12},
        "data": data,
        "parameters": {"decay": LAYERS, "no_decay": LAYERS, "position": []},
        "attempts": [{"started": CREATED, "from_step": 0, "status": "finished"}],
        "status": "finished",
    }
    summary = known | {
        "status": "finished",
        "epochs": run.training.epochs,
        "steps": 108,
        "image_size": run.dataset.size,
        "metrics": {"test/accuracy": accuracy, "test/loss": 1 - accuracy, "val/accuracy": accuracy},
        "cost": {"params": 203914, "params_embedding": 0, "flops_per_image": 6655232},
        "perf": {"images_per_second": 1000.0, "train_seconds": 60.0, "peak_memory_bytes": 2**29},
    }
    (folder / "record.json").write_text(json.dumps(record, indent=2))
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    for name in ("metrics.jsonl", "timings.jsonl", "log.txt", "lock", "overrides.txt"):
        (folder / name).write_text("\n")


def fill(outputs: Path, count: int, seeds: int) -> None:
    """A folder of runs; each arm is a little better than the one before."""
    noise = random.Random(0)
    for number, run in enumerate(arms(count, outputs)):
        text, data = config.dump(run), asdict(run)
        arm = identities.fingerprint(identities.without_seed(data))
        for seed in range(seeds):
            folder = outputs / run.study / f"{identities.arm(run)}-{number}-s{seed}"
            own = identities.fingerprint(data | {"seed": seed}), arm
            put(folder, replace(run, seed=seed), own, 0.7 + number / 1000 + noise.gauss(0, 0.003))
            text_of_seed = text.replace("\nseed: 0\n", f"\nseed: {seed}\n")
            (folder / "config.yaml").write_text(text_of_seed)


def timed(words: list[str]) -> dict[str, float]:
    """Seconds of one process, by the clock and of the CPU."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "vitpos", *words],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "160"},
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu}


def measured(words: list[str], rounds: int) -> dict[str, Any]:
    """Of several processes, one after another, after one that does not count."""
    timed(words)
    found = [timed(words) for _ in range(rounds)]
    return {
        clock: {
            "median": statistics.median(f[clock] for f in found),
            "min": min(f[clock] for f in found),
            "max": max(f[clock] for f in found),
        }
        for clock in ("wall", "cpu")
    }


def main() -> None:
    """Make the folders, ask, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arms", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="make them here and keep them")
    parser.add_argument("--json", type=Path, help="write a record into this file")
    args = parser.parse_args()
    before = load()
    with tempfile.TemporaryDirectory() as temporary:
        outputs = args.folder or Path(temporary) / "outputs"
        if not outputs.exists():
            fill(outputs, args.arms, args.seeds)
        results = {}
        for name, words in QUESTIONS.items():
            results[name] = measured(["compare", str(outputs), *words], args.rounds)
            wall, cpu = results[name]["wall"], results[name]["cpu"]
            print(
                f"{name:18} {wall['median']:.2f} s ({wall['min']:.2f} to {wall['max']:.2f}),"
                f" {cpu['median']:.2f} s of CPU",
                flush=True,
            )
    command = " ".join(["python -m scripts.bench_compare", *without_paths(sys.argv[1:])])
    record = circumstances() | {"command": command, "arms": args.arms, "seeds": args.seeds}
    record |= {"load_before": before, "load_after": load(), "results": results}
    if args.json:
        write_json(args.json, record)


if __name__ == "__main__":
    main()
