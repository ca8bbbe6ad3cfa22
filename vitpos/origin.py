"""Where the numbers of a run come from, and whether it goes on where it began."""

import time
from dataclasses import asdict
from typing import Any

from vitpos import identities, machine, optim, plugins
from vitpos.errors import BadData, BadRun
from vitpos.runs import RunFolder, now
from vitpos.schema import Run
from vitpos.train import Loop

UNSAID = {"processes": 1, "kernels": "off", "lanes": False}  # of records that do not know of them


def origin(run: Run, loop: Loop) -> dict[str, Any]:
    """Where the numbers of a run come from."""
    data = loop.data
    splits = ("train", "validation", "test")
    return {
        "format": 1,
        "identity": identities.identity(run),
        "arm": identities.arm(run),
        "arm_identity": identities.arm_identity(run),
        "group": identities.row_of(run),
        "embedding": list(run.embedding),
        "seed": run.seed,
        "created": now(),
        "started": time.time(),
        "machine": machine.describe(loop.machine),
        "plugins": plugins.used(run.embedding),
        "data": {
            "name": data.name,
            "digest": data.digest,
            "classes": list(data.classes),
            "mean": list(data.mean),
            "std": list(data.std),
            **{split: len(getattr(data, split).labels) for split in splits},
        },
        **({} if run.task.kind == "classify" else {"task": asdict(run.task)}),
        "parameters": optim.groups(loop.model, run.training.weight_decay),
        "attempts": [],
    }


def changes(folder: RunFolder, loop: Loop) -> list[str]:
    """What is not as it was when the run began, so that it will not go on with the same bits.

    Raises `BadRun` if it is another config, and `BadData` if it is other data.
    """
    before, after = folder.record(), origin(loop.run, loop)
    if before.get("identity") != after["identity"]:
        raise BadRun(
            f"{folder.path / 'config.yaml'} is not the config this run began with",
            "change it back, or start a new run with `vitpos train`",
        )
    if before["data"].get("digest") != after["data"]["digest"]:
        raise BadData(f"{loop.data.name} is not the data this run began with", "start a new run")
    then, today = (UNSAID | facts["machine"] for facts in (before, after))
    found = [key for key in today if then.get(key) != today[key] and key not in ("git", "cores")]
    return found + [f"plugin {name}" for name in moved(before, after)]


def moved(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Plugins whose code is not what the run began with."""
    then = before.get("plugins", {})
    return [name for name, state in after["plugins"].items() if then.get(name) != state]
