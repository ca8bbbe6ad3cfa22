"""Under what circumstances results came to be, and whether they were the same for all of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vitpos.records import Record, part
from vitpos.words import counted

MOST = 3  # different answers that are all told


def caption(count: int, runs: Sequence[Record]) -> str:
    """What must stand under a table of `count` results of these runs."""
    said = [f"{counted(count, 'run')}; mean and range, no intervals"]
    for question in (epochs, dataset, machine, commit, date):
        answers = sorted({question(run) for run in runs})
        if len(answers) > MOST:
            answers = [answers[0], f"{len(answers) - 2} others", answers[-1]]
        if answers:
            said.append(", ".join(answers))
    return "; ".join(said)


def mixed(runs: Sequence[Record]) -> list[str]:
    """What is not the same for all runs that are compared, and what follows from it."""
    questions: dict[str, Callable[[Record], object]] = {
        "mixed machines: speeds are not to be compared, and bits may differ": machine,
        "mixed commits: the code may compute other numbers": commit,
        "mixed epochs: arms were not trained equally long": epochs,
        "mixed data sets: accuracies are not to be compared": dataset,
    }
    found = [text for text, question in questions.items() if len({question(r) for r in runs}) > 1]
    digests = {(dataset(run), part(run.record, "data").get("digest")) for run in runs}
    if len(digests) > len({dataset(run) for run in runs}):
        found.append("mixed images: data sets of one name, but with different digests")
    return found


def epochs(run: Record) -> str:
    """How long it was trained."""
    return counted(run.summary.get("epochs"), "epoch")


def dataset(run: Record) -> str:
    """What it learned from."""
    return str(part(run.record, "data").get("name"))


def machine(run: Record) -> str:
    """What it ran on."""
    facts: Mapping[str, Any] = part(run.record, "machine")
    chip = facts.get("gpu") or facts.get("cpu")
    threads = counted(facts.get("threads"), "thread")
    return f"{chip} ({facts.get('device')}, {facts.get('precision')}, {threads})"


def commit(run: Record) -> str:
    """The code it was made by; outside a checkout, its version."""
    facts = part(run.record, "machine")
    version = part(facts, "versions").get("vitpos")
    return f"commit {facts['git']}" if facts.get("git") else f"version {version}"


def date(run: Record) -> str:
    """The day it began."""
    return run.created[:10]
