"""A finished run as the subject of probes: its network, its data, a machine."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vitpos import build, machine, plugins
from vitpos.data.samples import Data, Report, silent
from vitpos.data.sources import load
from vitpos.evaluate import recorded, restore, weights
from vitpos.probes.subject import Subject
from vitpos.runs import RunFolder
from vitpos.schema import Dataset
from vitpos.tasks.asked import asked as question

LOADED: dict[str, Data] = {}  # of the runs of one study, which share it
MOST = 4


def data(dataset: Dataset, report: Report = silent) -> Data:
    """The images of a data set, read once for all runs."""
    name = repr(dataset)
    if name not in LOADED:
        if len(LOADED) >= MOST:
            LOADED.clear()
        LOADED[name] = load(dataset, report)
    return LOADED[name]


def subject(
    folder: RunFolder, changes: Mapping[str, Any], limit: int, report: Report, note: Any
) -> tuple[int, Subject]:
    """The network as it was in the end, and at which step that is.

    `changes` are of the machine, such as the device.
    """
    run, record = folder.run(), recorded(folder)
    plugins.check(run.embedding)
    usual = {"precision": record["machine"]["precision"]}
    chosen = machine.prepare(replace(run, **(usual | dict(changes))))
    step, state = weights(folder, note)
    known = data(run.dataset, report)
    if known.digest != record["data"]["digest"]:
        note(f"{known.name} is not what the run was trained on: other images")
    classes = len(record["data"]["classes"])
    model = restore(build.network(run, classes), state, chosen).eval()
    mean, std = (tuple(record["data"][what]) for what in ("mean", "std"))
    task = question(run, classes)
    return step, Subject(run, model, known.test, mean, std, chosen, limit, task=task)
