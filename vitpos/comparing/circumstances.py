"""Under what circumstances results came to be, and whether they were the same for all of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from vitpos.errors import BadInput, Problem
from vitpos.records import Record, part
from vitpos.words import counted

MOST = 3  # different answers, or arms, that are all told
Runs = Mapping[str, Sequence[Record]]  # the runs that count, by the label of their arm


@dataclass(frozen=True)
class Kind:
    """Something that must be the same for all runs that are compared."""

    name: str  # after `--allow mixed-`
    question: Callable[[Record], str]
    so: str  # what follows if it is not
    instead: str = ""  # another way out than to allow it
    refused: bool = True  # else it is only told


def kinds(*, planned: bool) -> list[Kind]:
    """All of them; data and epochs may be what a plan is about, but not other images of a name."""
    both = [
        Kind("code", code, "it may compute other numbers"),
        Kind("hardware", hardware, "bits may differ, and speeds are not to be compared"),
        Kind("threads", threads, "speeds are not to be compared", refused=False),
    ]
    if planned:
        return [*both, Kind("data", images, "data of one name, but with other images")]
    group = "--group-by dataset, or "
    return [
        *both,
        Kind("data", images, "results on other images are not to be compared", group),
        Kind("task", task, "other things were asked", "--group-by task, or "),
        Kind(
            "epochs",
            epochs,
            "arms were not trained equally long",
            "--group-by training.epochs, or ",
        ),
    ]


def caption(runs: Sequence[Record]) -> tuple[str, ...]:
    """What must stand under a table of the results of these runs, a phrase each."""
    said = [counted(len(runs), "run")]
    for question in (epochs, dataset, machine, code, date):
        answers = sorted({question(run) for run in runs})
        if len(answers) > MOST:
            answers = [answers[0], f"{len(answers) - 2} others", answers[-1]]
        if answers:
            said.append(", ".join(answers))
    return tuple(said)


def allowed(words: Iterable[str]) -> set[str]:
    """What `--allow` names; raises `BadInput` for what it does not know."""
    known = ["mixed", *(f"mixed-{kind.name}" for kind in kinds(planned=False))]
    found = set(words)
    for word in sorted(found - set(known)):
        near = get_close_matches(word, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
        raise BadInput(f"--allow {word}: there is no such permission", hint)
    return found


def mixed(groups: Iterable[Runs], allow: Collection[str], *, planned: bool) -> list[str]:
    """Warnings of what is not the same within a group that is compared, and is allowed not to be.

    Raises `BadInput` with all that is not the same and not allowed.
    """
    problems, warnings = list[Problem](), list[str]()
    for group in groups:
        for kind in kinds(planned=planned):
            for answers in differing(group, kind, planned=planned):
                name = f"mixed-{kind.name}"
                said = "; ".join(f"{a} ({listed(arms)})" for a, arms in few(answers))
                text = f"the runs differ in {kind.name}: {said}"
                if "mixed" in allow or name in allow or not kind.refused:
                    warnings.append(f"mixed {kind.name}: {kind.so}: {said}")
                else:
                    problems.append(Problem(text, f"{kind.instead}--allow {name}: {kind.so}"))
    if problems:
        raise BadInput.all_of(list(dict.fromkeys(problems)))
    return list(dict.fromkeys(warnings))


def differing(group: Runs, kind: Kind, *, planned: bool) -> list[dict[str, list[str]]]:
    """The arms by answer, where there is more than one answer; of a plan, for each data set."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for label, runs in group.items():
        for run in runs:
            part_of = dataset(run) if planned and kind.name == "data" else ""
            answers = found.setdefault(part_of, {})
            answers.setdefault(kind.question(run), {})[label] = None
    return [
        {answer: list(arms) for answer, arms in sorted(answers.items())}
        for answers in found.values()
        if len(answers) > 1
    ]


def few(answers: Mapping[str, list[str]]) -> list[tuple[str, list[str]]]:
    """The first answers; the others are counted."""
    found = list(answers.items())
    if len(found) <= MOST + 1:
        return found
    rest = list(dict.fromkeys(arm for _, arms in found[MOST:] for arm in arms))
    return [*found[:MOST], (f"{len(found) - MOST} others", rest)]


def listed(arms: Sequence[str]) -> str:
    """The first arms, and how many more."""
    more = f" and {len(arms) - MOST} more" if len(arms) > MOST else ""
    return f"{', '.join(arms[:MOST])}{more}"


def doubts(groups: Runs) -> list[str]:
    """Runs whose numbers are not quite what their record says, by arm."""
    dirty = {a for a, runs in groups.items() for r in runs if code(r).partition(",")[0][-1:] == "+"}
    moved = {
        a for a, runs in groups.items() for r in runs if r.record.get("resumed_exactly") is False
    }
    every = [run for runs in groups.values() for run in runs]
    lanes = [run for run in every if part(run.record, "machine").get("lanes")]
    found = []
    if 0 < len(lanes) < len(every):
        said = f"{len(lanes)} of {counted(len(every), 'run')} were trained beside others, as lanes"
        found.append(f"{said}: as near to runs alone as their records say")
    if dirty:
        found.append(f"code that is in no commit, only near one: {listed(sorted(dirty))}")
    if moved:
        found.append(f"resumed on another machine, not bit for bit: {listed(sorted(moved))}")
    return found


def epochs(run: Record) -> str:
    """How long it was trained."""
    return counted(run.summary.get("epochs"), "epoch")


def dataset(run: Record) -> str:
    """What it learned from."""
    return str(part(run.record, "data").get("name"))


def images(run: Record) -> str:
    """What it learned from, exactly."""
    return f"{dataset(run)} {str(part(run.record, 'data').get('digest'))[:12]}"


def task(run: Record) -> str:
    """What was asked of the images."""
    said: Mapping[str, Any] = part(run.record, "task")
    options = [f"{key}={value}" for key, value in said.items() if key != "kind"]
    return " ".join([str(said.get("kind", "classify")), *options])


def machine(run: Record) -> str:
    """All of what it ran on."""
    return hardware(run, threads(run))


def hardware(run: Record, *more: str) -> str:
    """What it ran on; which of several equal GPUs does not matter."""
    facts: Mapping[str, Any] = part(run.record, "machine")
    chip, device = facts.get("gpu") or facts.get("cpu"), str(facts.get("device")).partition(":")[0]
    processes = f"{facts['processes']} processes" if facts.get("processes") else ""
    said = (device, str(facts.get("precision")), *more, processes)
    return f"{chip} ({', '.join(filter(None, said))})"


def threads(run: Record) -> str:
    """How many it had of a CPU; those that feed a GPU do not matter."""
    facts = part(run.record, "machine")
    return counted(facts.get("threads"), "thread") if facts.get("device") == "cpu" else ""


def code(run: Record) -> str:
    """The commit or the version it was made by, and torch's version."""
    facts = part(run.record, "machine")
    versions = part(facts, "versions")
    own = f"commit {facts['git']}" if facts.get("git") else f"version {versions.get('vitpos')}"
    return f"{own}, torch {versions['torch']}" if versions.get("torch") else own


def date(run: Record) -> str:
    """The day it began."""
    return run.created[:10]
