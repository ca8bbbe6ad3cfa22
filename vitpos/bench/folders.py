"""`vitpos compare` with ten thousand runs on the disk.

Their folders are made here, each with the files of a real run, which was never run. Whole processes
are timed, from the command to the last line; the files are in the memory of the system.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from vitpos import config, identities, seals
from vitpos.bench.asked import Bench
from vitpos.bench.composing import lacking
from vitpos.bench.heats import Contender, Heat, measure
from vitpos.bench.judging import Table, absent
from vitpos.bench.startup import of_processes, starter
from vitpos.schema import Run

ARMS, SEEDS = 100, 100
CREATED = "2026-11-22 03:17:16 UTC"
MACHINE = {"device": "cpu", "precision": "fp32", "threads": 1, "gpu": None, "cpu": "none"}
LAYERS = [f"blocks.{n}.attention.{what}.weight" for n in range(16) for what in ("qkv", "out")]
QUESTIONS = {
    "table": (),
    "where and groups": ("--where", "seed>=0", "--group-by", "backbone.depth"),
    "json": ("--format", "json"),
}


def tables(bench: Bench) -> Iterator[Table]:
    """One table; of as many runs as can be made in half of the time."""
    if lacking():
        yield absent("compare", lacking())
        return
    arms = ARMS // 10 if bench.quick else ARMS
    with tempfile.TemporaryDirectory() as temporary:
        outputs = Path(temporary) / "outputs"
        bench.say(f"making {arms * SEEDS:,} run folders")
        half = bench.left() / 2
        made = fill(outputs, arms, SEEDS, lambda: bench.left() - half)
        heat = Heat(
            name=f"compare, {made:,} runs",
            contenders={
                name: Contender(starter(("-m", "vitpos", "compare", str(outputs), *words), bench))
                for name, words in QUESTIONS.items()
            },
            reference="table",
            kind="cost",
            seconds=0.0,
            watch=of_processes(),
            facts={"runs": made, "arms": made // SEEDS, "seeds": SEEDS},
        )
        yield measure(heat, bench)


def fill(outputs: Path, count: int, seeds: int, left: Callable[[], float | int]) -> int:
    """A folder of runs, each arm a little better than the one before; how many there are."""
    noise, made = random.Random(0), 0
    for number, run in enumerate(arms(count, outputs)):
        if number > 1 and left() <= 0:
            break
        text, data = config.dump(run), asdict(run)
        arm = identities.fingerprint(identities.without_seed(data))
        for seed in range(seeds):
            folder = outputs / run.study / f"{identities.arm(run)}-{number}-s{seed}"
            own = identities.fingerprint(data | {"seed": seed}), arm
            put(folder, replace(run, seed=seed), own, 0.7 + number / 1000 + noise.gauss(0, 0.003))
            text_of_seed = text.replace("\nseed: 0\n", f"\nseed: {seed}\n")
            (folder / "config.yaml").write_text(text_of_seed)
            made += 1
    return made


def arms(count: int, outputs: Path) -> Iterator[Run]:
    """`none`, then all other embeddings, then those once more in deeper networks."""
    names = [name for name in config.options("embedding") if name != "none"]
    yield replace(config.compose(["embedding=none", "backbone.depth=4"]), outputs=str(outputs))
    for number in range(count - 1):
        depth, index = divmod(number, len(names))
        words = [f"embedding={names[index]}", f"backbone.depth={4 + depth}"]
        yield replace(config.compose(words), outputs=str(outputs))


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
    (folder / "record.json").write_bytes(seals.document(record))
    (folder / "summary.json").write_bytes(seals.document(summary))
    for name in ("metrics.jsonl", "timings.jsonl", "log.txt", "lock", "overrides.txt"):
        (folder / name).write_text("\n")
