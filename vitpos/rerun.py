"""A finished run done again, and every number compared with what it left, bit for bit.

Nothing is written: the run stays what it is, and the first number that differs ends the work.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vitpos import arrays, checkpoints, machine, metrics, plugins, ranks, records
from vitpos.errors import BadInput, BadRun, Diverged
from vitpos.experiment import Show, describe, prepare
from vitpos.hints import command
from vitpos.memory import resources
from vitpos.origin import changes
from vitpos.pace import Pace
from vitpos.runs import RunFolder
from vitpos.schema import Run
from vitpos.signals import Stop
from vitpos.train import Epoch, Loop, Step

Found = dict[str, Any]


def rerun(path: Path, show: Show, epochs: int | None = None) -> Found:
    """Train as `path` was trained; what is the same, and what is not.

    `epochs` ends the work after so many of them; then weights and predictions are not compared.
    """
    ranks.alone("`vitpos rerun`")
    folder = RunFolder.open(path)
    if not folder.is_over():
        raise BadRun(f"{path} is not finished", command("resume", path))
    run = placed(folder.run(), folder.record()["machine"])
    plugins.check(run.embedding)
    rows = records.rows(path)
    if epochs is not None and epochs > len(rows):
        raise BadInput(f"--epochs {epochs}: the run has {len(rows)}")
    with Stop(), resources(run):
        loop = prepare(run, show)
        found: Found = {
            "path": str(path),
            "epochs": len(rows) if epochs is None else epochs,
            "changed": changed(folder, loop),
            "differs": {},
        }
        show.begin(
            path, describe(loop) | metrics.cost(loop.model, run.dataset.channels, run.image_size)
        )
        found["differs"] = train(loop, rows[: found["epochs"]], show)
        if not found["differs"] and epochs is None:
            found["differs"] = end(folder, loop)
    return found | {"same": not found["differs"], "whole": epochs is None}


def placed(run: Run, before: Mapping[str, Any]) -> Run:
    """The run on as many threads of the same kind of device as it had."""
    threads, device = before.get("threads"), str(before.get("device", run.device))
    known = threads if isinstance(threads, int) else run.threads
    return replace(run, threads=known, device=device.partition(":")[0])


def changed(folder: RunFolder, loop: Loop) -> list[str]:
    """What is not as it was then; raises `BadRun` or `BadData` if nothing can be compared."""
    other = machine.commit() != folder.record()["machine"].get("git")
    return changes(folder, loop) + ["commit"] * other


def train(loop: Loop, rows: list[dict[str, Any]], show: Show) -> Found:
    """Every epoch again; the numbers of the first that differs."""
    pace = Pace(loop.training.batch_size)
    try:
        for item in loop.run_to_end():
            if isinstance(item, Step):
                pace.step(time.monotonic())
                show.step(item.step, loop.total, pace.rate)
                continue
            show.epoch(item.row, len(rows))
            pace.begin()
            number = int(item.row["epoch"])
            odd = unlike(rows[number - 1], item)
            if odd or number == len(rows):
                return odd
    except Diverged as error:
        return {"diverged": error.message}
    return {}


def unlike(before: Mapping[str, Any], epoch: Epoch) -> Found:
    """The numbers of an epoch that are not what they were, each with both values."""
    names = [name for name, value in epoch.row.items() if before.get(name) != value]
    pairs = {name: [before.get(name), epoch.row[name]] for name in names}
    return {"epoch": epoch.row["epoch"], "numbers": pairs} if pairs else {}


def end(folder: RunFolder, loop: Loop) -> Found:
    """Weights, test metrics and predictions, where they are not what they were."""
    found: Found = {}
    saved = checkpoints.load(folder.checkpoints, lambda text: None)
    if saved is not None and saved[0] == loop.step:
        with checkpoints.fitting(folder.path):
            pairs_of = [(name, one, saved[1][name]) for name, one in loop.tensors().items()]
        odd = [name for name, one, other in pairs_of if not same(one, other)]
        found |= {"weights": odd[:5]} if odd else {}
    test = loop.evaluate(loop.data.test)
    before = (folder.summary() or {}).get("metrics", {})
    pairs = {n: [before.get(n), v] for n, v in test.named("test").items() if before.get(n) != v}
    found |= {"numbers": pairs} if pairs else {}
    (said,) = arrays.wanted(folder.path / "predictions.npz", "predicted")
    again = loop.task.kept(test.predicted, test.wanted)["predicted"]
    other = int((said != again).sum()) if said.shape == again.shape else len(again)
    return found | ({"predictions": other} if other else {})


def same(first: Tensor, second: Tensor) -> bool:
    """Whether all bits are."""
    return torch.equal(first.detach().cpu(), second)


def lines(found: Mapping[str, Any]) -> list[str]:
    """What came out, for people."""
    said = [f"not the same circumstances: other {', '.join(found['changed'])}"]
    said = said if found["changed"] else []
    odd = found["differs"]
    if not odd:
        rest = "weights, test metrics and predictions" if found["whole"] else "nothing else asked"
        return [*said, f"the same bits: {found['epochs']} epochs; {rest}"]
    if "epoch" in odd:
        said.append(f"other numbers in epoch {odd['epoch']}; the epochs before it are the same")
    elif "diverged" in odd:
        said.append(f"it diverged now: {odd['diverged']}")
    else:
        said.append("every epoch is the same, but not what came after")
    said += [f"  {name}: {a} then, {b} now" for name, (a, b) in odd.get("numbers", {}).items()]
    said += [f"  weights: {', '.join(odd['weights'])}"] if "weights" in odd else []
    said += [f"  predictions: {odd['predictions']} others"] if "predictions" in odd else []
    return said
