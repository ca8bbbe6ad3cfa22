"""A trained network on images again: the same, another split, another size, another data set."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from vitpos import build, checkpoints, config, machine, metrics, plugins, ranks, sizes
from vitpos.data.samples import Report
from vitpos.data.shuffle import tile
from vitpos.data.sources import load
from vitpos.durable import Lines
from vitpos.errors import BadInput, BadRun, NoResources
from vitpos.hints import command
from vitpos.records import finite
from vitpos.runs import RunFolder, now
from vitpos.schema import Dataset, Run
from vitpos.signals import Stop
from vitpos.state import under
from vitpos.tasks import rules
from vitpos.tasks.asked import asked as question
from vitpos.vit import ViT

SPLITS = ("train", "validation", "test")
OWN = ("image_size", "split")  # keys of an evaluation that a run does not have
SHARED = ("device", "precision", "threads", "attention", "kernels")


def evaluate(
    path: Path,
    words: Sequence[str],
    report: Report,
    note: Any,
    datasets: Mapping[str, Dataset] | None = None,
) -> dict[str, Any]:
    """Loss and accuracy as a row, which is also added to `evaluations.jsonl` of the run.

    `words` are `image_size=48`, `split=validation`, `dataset=fashion_mnist`, `dataset.root=DIR`,
    `device=cpu` and the like. Without any, the stored test accuracy comes out again. Of `datasets`,
    known by their names, no file in `configs/` is read.
    """
    ranks.alone("`vitpos eval`")
    folder = RunFolder.open(path)
    trained, record = folder.run(), recorded(folder)
    plugins.check(trained.embedding)
    asked = {key: value for key, _, value in (word.partition("=") for word in words)}
    run = wanted(trained, record, words, datasets or {})
    split, size = check(trained, asked)
    with Stop():
        chosen = machine.prepare(replace(run, dataset=trained.dataset))
        step, state = weights(folder, note)
        data = load(run.dataset, report).to(chosen.device)
        known = record["data"]["classes"]
        if len(data.classes) != len(known):
            raise BadInput(f"{data.name} has {len(data.classes)} classes, the network {len(known)}")
        if data.name == record["data"]["name"] and data.digest != record["data"]["digest"]:
            note(f"{data.name} is not what the run was trained on: other images")
        model = restore(build.network(trained, len(known)), state, chosen)
        mean, std = (tuple(record["data"][what]) for what in ("mean", "std"))
        samples = getattr(data, split)
        task = question(rules.resized(trained, size), len(known))
        shuffle = tile(trained.patch)
        found = metrics.evaluate(model, samples, mean, std, chosen, size, shuffle, task)
    row = {
        "dataset": data.name,
        "split": split,
        "image_size": size,
        "images": len(samples.labels),
        "step": step,
        "accuracy": found.accuracy,
        "loss": found.loss,
        **found.more,
        "precision": chosen.precision,
        "at": now(),
    }
    with suppress(NoResources):  # a folder that cannot be written is still evaluated
        Lines(folder.path / "evaluations.jsonl").append(row)
    return row


def recorded(folder: RunFolder) -> dict[str, Any]:
    """The record of a run, with all that a network is put together by; raises `BadRun`."""
    record = folder.record()
    data, precision = record["data"], record["machine"].get("precision")
    numbers = (data.get("mean"), data.get("std"))
    right = isinstance(precision, str) and isinstance(data.get("classes"), list)
    right &= all(isinstance(part, list) and all(map(is_number, part)) for part in numbers)
    if not right or not {"name", "digest"} <= data.keys():
        raise BadRun(f"{folder.path / 'record.json'} is damaged: it does not say what data it was")
    return record


def is_number(value: Any) -> bool:
    """Whether it is one, and finite."""
    return finite(value) is not None


def weights(folder: RunFolder, note: Any) -> tuple[int, dict[str, Tensor]]:
    """The newest whole state and its step; it is said if that is not where the run ended."""
    saved = checkpoints.load(folder.checkpoints, note)
    if saved is None and any(folder.checkpoints.glob("step-*.safetensors")):
        raise BadRun(f"{folder.checkpoints / 'index.jsonl'} is damaged: it lists no checkpoint")
    if saved is None:
        raise BadRun(f"{folder.path} has no checkpoint yet", command("resume", folder.path))
    end = (folder.summary() or {}).get("steps", saved[0])
    if end != saved[0]:
        note(f"{folder.path}: weights after step {saved[0]}, but the run ended after step {end}")
    return saved


def wanted(
    trained: Run, record: dict[str, Any], words: Sequence[str], datasets: Mapping[str, Dataset]
) -> Run:
    """The run as trained, but for its data and machine where `words` say so."""
    asked = {key: value for key, _, value in (word.partition("=") for word in words)}
    known = (*OWN, *SHARED, "dataset", "dataset.root")
    if odd := sorted(asked.keys() - set(known)):
        raise BadInput(f"{odd[0]} does not belong to an evaluation", f"one of {', '.join(known)}")
    changes: dict[str, Any] = {"precision": record["machine"]["precision"]}
    if asked.get("dataset") in datasets:
        changes["dataset"] = datasets[asked.pop("dataset")]
    rest = [word for word in words if word.partition("=")[0] in asked.keys() - set(OWN)]
    composed = config.compose(rest) if rest else trained
    changes |= {key: getattr(composed, key) for key in SHARED if key in asked}
    if "dataset" in asked:
        changes["dataset"] = composed.dataset
    elif "dataset.root" in asked:
        changes["dataset"] = replace(trained.dataset, root=composed.dataset.root)
    run = replace(trained, **changes)
    if run.dataset.channels != trained.dataset.channels:
        raise BadInput(
            f"{run.dataset.name} has {run.dataset.channels} channels,"
            f" the network reads {trained.dataset.channels}"
        )
    return run


def check(trained: Run, asked: dict[str, str]) -> tuple[str, int]:
    """The split and the image size in pixels: by default the one of the training."""
    split = asked.get("split", "test")
    if split not in SPLITS:
        raise BadInput(f"split = {split}: must be one of {', '.join(SPLITS)}")
    word = asked.get("image_size", str(trained.image_size))
    size, patch = int(word) if word.isdecimal() else 0, sizes.step(trained)
    if not 0 < size <= 4096 or size % patch:
        near = max(1, round(min(size, 4096) / patch)) * patch
        raise BadInput(
            f"image_size = {word}: must be a multiple of {sizes.stepped(trained)}",
            f"image_size={near}",
        )
    for problem in rules.elsewhere(trained, size):
        raise BadInput(*problem)
    return split, size


def restore(model: ViT, state: Any, chosen: machine.Machine) -> ViT:
    """A network with the weights that count, on the device."""
    with checkpoints.fitting("cannot load it"):
        model.load_state_dict(under(state, "averaged/") or under(state, "model/"))
    model.attend_with(chosen.attention)
    return model.to(chosen.device)
