"""The files that the program reads back, and how: what they mean, or the error that names them."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_data import cifar10, mnist
from small_runs import few, train
from small_studies import checked, inside

from vitpos import arrays, evaluate, reach, records, snapshots
from vitpos.bench import record
from vitpos.comparing import examples, looks, readings
from vitpos.comparing.conditions import Configs
from vitpos.data import kept, mnist5k, published
from vitpos.data.samples import Samples
from vitpos.durable import Lines, read_json
from vitpos.errors import BadRun
from vitpos.probes import results
from vitpos.runs import RunFolder
from vitpos.sweeps import failures, frozen, halving
from vitpos.sweeps.plan import Plan

SMALL = ("backbone.depth=1", "backbone.dim=8", "backbone.heads=1", "training.epochs=2")
UNREAD = (
    "log.txt", "lock",  # for people
    "overrides.txt",  # read for runs of earlier versions; now the record has the words
    r"events\.out\.tfevents\..*",  # TensorBoard's, made anew of the other files
)  # fmt: skip


def whole_run(outputs: Path) -> Path:
    """A finished run with all that commands add to its folder later."""
    path = train(outputs, *SMALL, "tensorboard=true")
    evaluate.evaluate(path, ["split=validation"], lambda *_: None, print)
    evaluate.evaluate(path, ["image_size=56"], lambda *_: None, print)
    weights = {"step": RunFolder(path).record()["attempts"][0]["to_step"], "sha256": "0" * 64}
    entry = {"weights": weights, "numbers": {"probe/shuffle/drop": 0.25}}
    results.add(path, "shuffle", entry, {"drop": np.linspace(0, 1, 9)})
    return path


def whole_study(outputs: Path) -> tuple[Path, Plan]:
    """The folder of a study: its frozen plan, attempts, looks and stopped arms."""
    plan = inside(checked(then={"image_size": [35]}), outputs)
    file, member = frozen.freeze(plan), plan.members[0]
    for code in (0, 1):
        failures.journal(member, file, code, 2.5, "as it was")
    for value in (0.25, 0.5):
        looks.look(file.parents[1], frozen.digest(plan), (), "test/accuracy", {"a": value})
    for seed in (0, 1):
        row = {"at": "2026", "plan": file.stem, "seed": seed, "against": "a", "epoch": 2}
        Lines(file.parents[1] / halving.JOURNAL).append(row | {"stopped": ["b"]})
    return file.parents[1], plan


def made(folder: Path) -> dict[str, Path]:
    """Both of them, below a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitpos.experiment.load", few)
        patch.setattr("vitpos.machine.commit", lambda: None)
        return {"run": whole_run(folder / "run"), "study": whole_study(folder / "study")[0]}


def of_document(name: str, path: Path) -> Any:
    """A record or a summary, as everything that compares runs reads it."""
    found = records.read(path)
    if found.problems:
        raise BadRun.all_of(found.problems)
    return found.record if name == "record.json" else found.summary


def of_config(path: Path) -> Any:
    """The run that goes on, and what comparisons know of it."""
    run = asdict(RunFolder(path).run())
    found = Configs().of_run(records.read(path))
    if not found:
        raise BadRun("config.yaml")
    return run, found


def of_checkpoints(path: Path) -> Any:
    """The weights; where they are not the last ones, that is said, and it is those before."""
    notes: list[str] = []
    step, tensors = evaluate.weights(RunFolder(path), notes.append)
    return step, {n: (t.shape, t.numpy().tobytes()) for n, t in tensors.items()}, notes


def of_snapshots(path: Path) -> Any:
    """What can be seen; an error for the notes on the rest."""
    found = snapshots.read(path)
    if found.notes:
        raise BadRun(" ".join(found.notes))
    return [
        (s.step, s.epoch, s.grids, {n: (v.shape, v.tobytes()) for n, v in s.views.items()})
        for s in found.snapshots
    ]


def of_predictions(path: Path) -> Any:
    """All arrays, and those of which intervals are made."""
    right = examples.correct(path / "predictions.npz")
    if right is None:
        raise BadRun("predictions.npz")
    return plain(arrays.read(path / "predictions.npz")), right.tobytes()


def of_probes(path: Path) -> Any:
    """The arrays of a probe; those that cannot be read are as if there were none."""
    found = results.arrays(path, "shuffle")
    if not found:
        raise BadRun("shuffle.npz")
    return plain(found)


def of_reach(path: Path) -> Any:
    """The same of distances."""
    found = reach.read(path, records.read(path).summary["steps"])
    if not found[1]:
        raise BadRun("attention.json")
    return found


def plain(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Arrays that can be compared."""
    return {name: (a.shape, str(a.dtype), a.tobytes()) for name, a in found.items()}


def of_plan(path: Path) -> Any:
    """A plan, when it was frozen, and what its members are evaluated on."""
    (file,) = frozen.plans(path)
    return frozen.thaw(file), frozen.created(file), frozen.datasets(file), read_json(file)


READ: dict[str, Callable[[Path], Any]] = {  # of a run, by pattern
    r"config\.yaml": of_config,
    r"record\.json": lambda path: of_document("record.json", path),
    r"summary\.json": lambda path: of_document("summary.json", path),
    r"metrics\.jsonl": records.rows,
    r"timings\.jsonl": lambda path: readings.timings(records.read(path)),
    r"evaluations\.jsonl": lambda path: Lines(path / "evaluations.jsonl").read(),
    r"predictions\.npz": of_predictions,
    r"checkpoints/index\.jsonl": of_checkpoints,
    r"checkpoints/step-\d+\.safetensors": of_checkpoints,
    r"positions/step\d+\.safetensors": of_snapshots,
    r"positions/attention\.json": of_reach,
    r"probes\.json": results.read,
    r"probes/shuffle\.npz": of_probes,
}
READ_OF_STUDY: dict[str, Callable[[Path], Any]] = {
    r"plans/[0-9a-f]{12}\.json": of_plan,
    r"journal\.jsonl": lambda path: Lines(path / failures.JOURNAL).read(),
    r"looks\.jsonl": lambda path: Lines(path / looks.FILE).read(),
    r"stopping\.jsonl": lambda path: Lines(path / halving.JOURNAL).read(),
}


Elsewhere = tuple[Path, Callable[[Path], Any]]


def a_bench(folder: Path, patch: pytest.MonkeyPatch) -> Elsewhere:
    """What `vitpos list embeddings --bench` reads."""
    path = folder / "bench.json"
    record.save({"format": record.FORMAT, "parts": {"step": {"seconds": 1.5}}, "goals": []}, path)
    return path, record.read


def decoded(folder: Path, patch: pytest.MonkeyPatch) -> Elsewhere:
    """Images of a folder; they are decoded again if these are not whole."""
    patch.setenv("XDG_CACHE_HOME", str(folder))
    pixels = np.arange(2 * 3 * 8 * 8, dtype=np.uint8).reshape(2, 3, 8, 8)
    kept.keep("a", pixels)

    def read(path: Path) -> bytes:
        found = kept.recall("a", pixels.shape)
        if found is None:
            raise BadRun(path.name)
        return found.tobytes()

    return kept.place("a"), read


def in_the_package(folder: Path, patch: pytest.MonkeyPatch) -> Elsewhere:
    """The digits that come with it: ten of them."""
    path = folder / "mnist5k.npz"
    images, numbers = np.arange(7840, dtype=np.uint8).reshape(10, 28, 28), np.arange(10) % 3
    np.savez_compressed(path, images=images, labels=numbers, split=numbers.astype(np.uint8))
    patch.setattr(mnist5k, "FILE", path)
    patch.setattr(mnist5k, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path, lambda path: pixels_of(mnist5k.read())


def of_mnist(folder: Path, patch: pytest.MonkeyPatch) -> Elsewhere:
    """One of the four files that were published."""
    mnist(folder, patch)
    path = folder / "MNIST/raw/t10k-labels-idx1-ubyte"
    return path, lambda path: pixels_of(published.read("mnist", folder))


def of_cifar(folder: Path, patch: pytest.MonkeyPatch) -> Elsewhere:
    """One of the batches that were published."""
    cifar10(folder, patch)
    path = folder / "cifar-10-batches-py/batches.meta"
    return path, lambda path: pixels_of(published.read("cifar10", folder))


def pixels_of(parts: Any) -> Any:
    """Images and labels that can be compared."""
    found = [part for part in parts if isinstance(part, Samples)]
    return [(s.pixels.numpy().tobytes(), s.labels.tolist()) for s in found], str(parts[-1])


ELSEWHERE: dict[str, Callable[[Path, pytest.MonkeyPatch], Elsewhere]] = {
    "bench": a_bench,
    "decoded": decoded,
    "mnist5k": in_the_package,
    "mnist": of_mnist,
    "cifar10": of_cifar,
}


def files(folder: Path) -> list[str]:
    """All in a folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def reader(name: str, known: dict[str, Callable[[Path], Any]]) -> Callable[[Path], Any] | None:
    """How a file is read; None if it is not."""
    return next((read for pattern, read in known.items() if re.fullmatch(pattern, name)), None)


def is_unread(name: str) -> bool:
    """Whether nothing that counts is read from it."""
    return any(re.fullmatch(pattern, name) for pattern in UNREAD)
