"""One run on a page: how it ended, what it cost, where its numbers come from."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitpos import records
from vitpos.boards.replay import numbers
from vitpos.errors import BadRun, Problem
from vitpos.hints import command
from vitpos.records import Record, part
from vitpos.runs import RunFolder, present
from vitpos.seen import seen
from vitpos.terminal.sketch import WIDTH, Style, sketch
from vitpos.terminal.sparks import sparkline
from vitpos.words import bytes_words, count_words, others, seconds_words

LABEL = 10  # columns of the words on the left
TYPED = ("run", "typed", "next")  # words beside which something stands that one may copy
MACHINE = (
    "device",
    "gpu",
    "cpu",
    "precision",
    "threads",
    "processes",
    "attention",
    "python",
    "git",
)


def facts(path: Path) -> dict[str, Any]:
    """All that is shown of a run, for programs; `problems` tells what could not be read."""
    present(path)
    if not records.is_run(path):
        raise BadRun(f"{path} is not the folder of a run: it has no config.yaml")
    run = records.read(path)
    problems = [problem.message for problem in run.problems]
    rows = attempt(lambda: records.rows(path), problems, [])
    config = attempt(lambda: records.settings(path), problems, {})
    if run.status == "finished" and not rows:
        problems.append(f"{path / 'metrics.jsonl'} is not there or empty")
    curve = [row["val/accuracy"] for row in rows if isinstance(row.get("val/accuracy"), float)]
    return {
        "path": str(path),
        "status": "damaged" if problems else run.status,
        "arm": run.arm,
        "seed": run.seed,
        "created": run.created or None,
        "identity": run.record.get("identity"),
        "overrides": overrides(run),
        "task": part(config, "task").get("kind", "classify"),
        "epochs": part(config, "training").get("epochs"),
        "epochs_done": len(rows),
        "metrics": numbers(dict(part(run.summary, "metrics")) or latest(rows)),
        "cost": numbers(dict(part(run.summary, "cost"))),
        "perf": numbers(dict(part(run.summary, "perf"))),
        "val/accuracy": curve,
        "position": seen(path),
        "data": dict(part(run.record, "data")),
        "machine": dict(part(run.record, "machine")),
        "attempts": attempts_of(run.record),
        "resumed_exactly": run.record.get("resumed_exactly", True),
        "problems": list(dict.fromkeys(problems)),
    }


def attempts_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Each time that somebody worked on the run."""
    said = record.get("attempts")
    return [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []


def attempt(work: Any, problems: list[str], otherwise: Any) -> Any:
    """What `work` returns; if it is a damaged file, that is noted."""
    try:
        return work()
    except BadRun as error:
        problems += [problem.message for problem in error.problems]
        return otherwise


def overrides(run: Record) -> list[str]:
    """What was typed: where the run differs from the defaults."""
    said = run.record.get("overrides")  # older runs have it only in a file
    return list(map(str, said)) if isinstance(said, list) else RunFolder(run.path).typed_in()


def latest(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The numbers of the last epoch so far."""
    last = rows[-1] if rows else {}
    return {key: value for key, value in last.items() if key.startswith(("train/", "val/"))}


def lines(run: Mapping[str, Any], width: int | None = None, how: Style = Style.SHADES) -> list[str]:
    """The page, for people: a word and what there is to say, line by line, then pictures.

    Lines are folded between words where there is a `width`.
    """
    said = [
        ("run", run["path"]),
        ("status", status(run)),
        ("task", run["task"] if run["task"] != "classify" else ""),
        *result(run),
        ("cost", cost(run["cost"])),
        ("speed", speed(run["perf"])),
        ("machine", ", ".join(machine(run["machine"]))),
        ("data", data(run["data"])),
        *attempts(run["attempts"]),
        ("typed", " ".join(run["overrides"]) or "nothing: all values are the defaults"),
        ("next", following(run)),
    ]
    found = [line for word, text in said if text for line in labelled(word, text, width)]
    return [*found, *drawn(run["position"], width or WIDTH, how)]


def labelled(word: str, text: str, width: int | None) -> list[str]:
    """A word, and beside it a text, over as many lines as it needs; what one may type is whole."""
    line = f"{word:{LABEL}}{text}"
    if width is None or len(line) <= width or word in TYPED:
        return [line]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * LABEL,
        break_on_hyphens=False,
        break_long_words=False,
    )


def drawn(position: Sequence[Mapping[str, Any]], width: int, how: Style) -> list[str]:
    """What the position embedding looks like."""
    said: list[str] = []
    for one in position:
        maps = [np.array(values, float) for values in one["maps"]]
        said += ["", *textwrap.wrap(f"{one['title']}:", width), *sketch(maps, how, width)]
    return said


def status(run: Mapping[str, Any]) -> str:
    """How far it came, in words."""
    epochs = run["epochs"]
    done = f"{run['epochs_done']} of {epochs} epochs" if epochs else f"{run['epochs_done']} epochs"
    seed = "" if run["seed"] is None else f", seed {run['seed']}"
    exact = "" if run["resumed_exactly"] else ", gone on with on another machine or version"
    return f"{run['status']}, {done}{seed}{exact}"


def result(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What it reached: at the end, else in its last epoch; and the way there."""
    named = [
        f"{split} accuracy {run['metrics'][f'{split}/accuracy']:.2%}"
        for split in ("test", "val", "train")
        if isinstance(run["metrics"].get(f"{split}/accuracy"), float)
    ]
    losses = [
        f"{split} loss {run['metrics'][f'{split}/loss']:.4f}"
        for split in ("test", "val", "train")
        if isinstance(run["metrics"].get(f"{split}/loss"), float)
    ]
    measured = [
        [f"{split} {said}" for said in others(run["metrics"], split)]
        for split in ("test", "val", "train")
    ]
    curve = run["val/accuracy"]
    drawn = f"{sparkline(curve)}  {curve[0]:.2%} to {curve[-1]:.2%}" if curve else ""
    best = f", best {max(curve):.2%} in epoch {curve.index(max(curve)) + 1}" if curve else ""
    return [
        ("result", ", ".join(named)),
        ("", ", ".join(losses)),
        *(("", ", ".join(more)) for more in measured if more),
        ("val", drawn + best),
    ]


def cost(facts: Mapping[str, Any]) -> str:
    """The size of the network."""
    if not facts:
        return ""
    return (
        f"{facts.get('params', 0):,} parameters, {facts.get('params_embedding', 0):,} of them"
        f" position; {count_words(facts.get('flops_per_image') or 0)} FLOPs an image"
    )


def speed(facts: Mapping[str, Any]) -> str:
    """How fast it learned."""
    if not facts:
        return ""
    memory = facts.get("peak_memory_bytes")
    return (
        f"{facts.get('images_per_second', 0):,.0f} img/s,"
        f" {seconds_words(facts.get('train_seconds', 0))} of training"
        + (f", {bytes_words(memory)} of memory at most" if memory else "")
    )


def machine(facts: Mapping[str, Any]) -> list[str]:
    """What it ran on."""
    units = {
        "threads": "thread" if facts.get("threads") == 1 else "threads",
        "processes": "processes",
        "attention": "attention",
    }
    said = []
    for key in MACHINE:
        value = facts.get(key)
        if value is not None:
            before = {"python": "Python ", "git": "commit "}.get(key, "")
            said.append(f"{before}{value} {units.get(key, '')}".rstrip())
    if facts.get("kernels") == "on":
        said.append("our kernels")
    versions = part(facts, "versions")
    return said + [f"{name} {versions[name]}" for name in ("torch", "vitpos") if versions.get(name)]


def data(facts: Mapping[str, Any]) -> str:
    """What it learned from."""
    if not facts:
        return ""
    sizes = [f"{facts[s]} {s}" for s in ("train", "validation", "test") if s in facts]
    return f"{facts.get('name')}: {', '.join(sizes)}; sha256 {str(facts.get('digest'))[:12]}"


def attempts(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """When it was worked on; many short ones are counted."""
    shown = [
        f"{a.get('started')} to {a.get('ended', 'now, or a kill')}: steps {a.get('from_step')}"
        f" to {a.get('to_step', '?')}, {a.get('status', 'no end told')}"
        for a in found[-3:]
    ]
    if len(found) > len(shown):
        ends = Counter(str(a.get("status", "killed")) for a in found[:-3])
        shown.insert(0, "earlier: " + ", ".join(f"{n} {end}" for end, n in ends.items()))
    return [("attempts" if i == 0 else "", text) for i, text in enumerate(shown)]


def following(run: Mapping[str, Any]) -> str:
    """What one would type next."""
    if run["status"] in ("interrupted", "failed"):
        return command("resume", run["path"])
    if run["status"] == "finished":
        return command("compare", Path(run["path"]).parent)
    return ""


def complain(run: Mapping[str, Any]) -> None:
    """Raise `BadRun` with all that could not be read, if anything."""
    if run["problems"]:
        raise BadRun.all_of([Problem(message) for message in run["problems"]])
