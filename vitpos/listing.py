"""What `vitpos list` says, for programs and for people."""

from pathlib import Path
from typing import Any

from vitpos import catalogue, config, records
from vitpos.errors import BadInput, BadRun

KEYS = {
    "embeddings": "embedding=...   how patches are told where they are",
    "datasets": "dataset=...     images",
    "backbones": "backbone=...    sizes of the transformer",
    "trainings": "training=...    how long and how it learns",
    "patches": "patch=...       how pixels become tokens",
    "studies": "study=...       questions: `vitpos sweep study=...`",
}


def listing(what: str | None, path: Path | None) -> tuple[Any, list[str]]:
    """A group of configs, the runs in a folder, or what there is to list.

    Raises `BadInput` for another group, `BadRun` for a folder that is not there.
    """
    top = catalogue.outputs() if path is None else path
    if what is not None and what.lower() in ("run", "runs"):
        if path is not None and not path.exists():
            raise BadRun(f"{path} is not there", "`vitpos list runs` shows what is in outputs")
        runs = sorted(map(records.read, records.walk(top)), key=lambda run: run.created)
        return [records.plain(run) for run in runs], records.lines(runs, top) or [
            f"no runs in {top}"
        ]
    if what is not None:
        group = catalogue.group(what)
        if path is not None:
            raise BadInput(f"{path}: only runs are listed by folder", f"vitpos list {what}")
        found = catalogue.entries(group)
        return catalogue.plain(found), catalogue.lines(found)
    counts = {name: len(config.options(group)) for name, group in catalogue.GROUPS.items()}
    runs_here = len(list(records.walk(top)))
    lines = [f"{name:12}{count:4}   {KEYS[name]}" for name, count in counts.items()]
    return counts | {"runs": runs_here}, [*lines, f"{'runs':12}{runs_here:4}   in {top}"]
