"""`report.md`: a study as a paper's appendix has it, with what a reader needs to have it again.

The last part answers items 4 to 8 of the NeurIPS paper checklist
(https://neurips.cc/public/guides/PaperChecklist) from what the runs recorded.
"""

import datetime
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from vitpos import records, tables
from vitpos.comparing import comparison
from vitpos.comparing.answer import Answer
from vitpos.comparing.circumstances import machine
from vitpos.diff import flat
from vitpos.durable import write
from vitpos.errors import BadRun
from vitpos.overview import attempts_of
from vitpos.records import Record, part
from vitpos.runs import place
from vitpos.sweeps import frozen, progress, tuning
from vitpos.sweeps.plan import Plan
from vitpos.sweeps.studies import TYPED
from vitpos.tables.markdown import escaped
from vitpos.words import counted, seconds_words

TIME = "%Y-%m-%d %H:%M:%S UTC"


def write_report(paths: Sequence[Path], allow: Sequence[str], output: Path | None) -> Path:
    """Compare these runs and write the page; where it is. Raises as `comparison.compare` does."""
    answer = comparison.compare(paths, comparison.Asked(allow=allow))
    first = paths[0].parents[1] if paths[0].is_file() else paths[0]
    path = output or first / "report.md"
    write(path, report(answer, tables.render(answer, "markdown"), paths).encode())
    return path


FACTS = ("name", "train", "validation", "test", "digest")  # of data


def report(answer: Answer, table: str, paths: Sequence[Path]) -> str:
    """The whole page; `table` is the comparison in Markdown."""
    plan = planned(paths)
    runs = [run for row in answer.rows for run in row.runs]
    title = plan.study.name if plan else ", ".join(path.name for path in paths)
    parts = [
        f"# {escaped(title)}",
        *asked(answer, plan),
        "## Result",
        table,
        "## What was trained",
        *trained(runs),
        "## Data",
        *data(runs),
        "## Compute",
        *compute(runs),
        *tuned(plan),
        "## Commands",
        block("sh", commands(plan, paths)),
        "## Reproducibility checklist",
        *checklist(answer, plan, runs),
    ]
    return "\n\n".join(parts) + "\n"


def planned(paths: Sequence[Path]) -> Plan | None:
    """The newest frozen plan of a study's folder, if it is one."""
    found = [plan for path in paths if path.is_dir() for plan in frozen.plans(path)]
    found += [path for path in paths if path.suffix == ".json" and path.is_file()]
    with suppress(BadRun):
        return frozen.thaw(found[-1]) if found else None
    return None


def asked(answer: Answer, plan: Plan | None) -> Iterator[str]:
    """The question, who asked it, and when it was fixed how the answer is judged."""
    if plan is None:
        yield "These runs were not planned as a study: the comparison is exploratory."
        return
    design = plan.study.design
    runs = f"{counted(len(plan.study.arms), 'arm')} x {counted(design.seeds, 'seed')}"
    yield f"**{escaped(design.question)}** ({escaped(design.source)})"
    yield (
        f"Fixed before the first run (plan {answer.plan[:12]}): {runs}, {design.metric}"
        f" ({design.direction} is better),"
        f" alpha {design.alpha} for {counted(design.looks, 'look')}, differences of"
        f" {design.smallest_effect} and more of interest."
    )
    yield from (f"Deviation: {escaped(text)}." for text in answer.deviations)
    left_out = plan.study.without.items()
    yield from (f"Left out: {escaped(f'{name}: {why}')}." for name, why in left_out)


def trained(runs: Sequence[Record]) -> Iterator[str]:
    """The configuration that all runs share, and what each arm has of its own."""
    configs: dict[str, dict[str, Any]] = {}
    for run in runs:
        if run.arm not in configs:
            with suppress(BadRun):
                configs[run.arm] = shown(records.settings(run.path))
    if not configs:
        return
    first = next(iter(configs.values()))
    common = {
        key: value
        for key, value in first.items()
        if all(key in config and config[key] == value for config in configs.values())
    }
    yield "All runs have in common:"
    yield block("yaml", [yaml.safe_dump(common, sort_keys=False).rstrip()])
    own = {
        arm: {key: value for key, value in config.items() if key not in common}
        for arm, config in configs.items()
    }
    yield "Each arm has of its own:"
    yield block("yaml", [yaml.safe_dump(own, sort_keys=False).rstrip()])


def shown(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config can change a number, by dotted key, without the rules of its values."""
    hidden = ("seed", "outputs", "study", "name", "notes", "tensorboard")
    return {
        key: value
        for key, value in flat(config).items()
        if key not in hidden and "._needs_." not in key
    }


def data(runs: Sequence[Record]) -> Iterator[str]:
    """Each data set once: its splits and its digest."""
    seen = []
    for run in runs:
        facts = part(run.record, "data")
        if facts and facts.get("digest") not in seen:
            seen.append(facts.get("digest"))
            told = {key: escaped(str(facts.get(key))) for key in FACTS}
            yield (
                f"{told['name']}: {told['train']} images to learn from,"
                f" {told['validation']} held out of them for every choice,"
                f" {told['test']} for the test, read once per run, after the last epoch;"
                f" sha256 {told['digest']}."
            )


def compute(runs: Sequence[Record]) -> Iterator[str]:
    """On what, and for how long, what failed or was cut short included."""
    machines = sorted({machine(run) for run in runs})
    yield f"Machine: {escaped('; '.join(machines))}."
    total = sum(map(seconds, runs))
    rest = sum(seconds(run) for run in runs if run.status != "finished")
    yield (
        f"{counted(len(runs), 'run')} took {seconds_words(total)} one after another, of which"
        f" {seconds_words(rest)} went into runs that are not finished."
    )
    memory = [run.number("perf/peak_memory_bytes") for run in runs]
    most = max((value for value in memory if value is not None), default=None)
    if most is not None:
        yield f"No run needed more than {most / 2**30:.2f} GiB of memory."
    yield f"Software: {escaped('; '.join(sorted({software(run) for run in runs})))}."


def tuned(plan: Plan | None) -> Iterator[str]:
    """What the tuning before the study took, failed trials included."""
    if plan is None or plan.study.tuned is None:
        return
    said, folder = plan.study.tuned, place(plan.members[0].run).parent
    path = folder.with_name(f"{folder.name}{tuning.SUFFIX}") / frozen.FOLDER
    with suppress(BadRun):
        trials = frozen.thaw(path / f"{str(said.get('plan'))[:12]}.json")
        runs = list(progress.there(trials).values())
        yield (
            f"Before it {counted(len(runs), 'trial')} of the tuning, {said.get('trials')} per arm"
            f" with seeds of their own, took {seconds_words(sum(map(seconds, runs)))} one after"
            f" another; the values were chosen by {said.get('metric')}."
        )


def seconds(run: Record) -> float:
    """The time of all attempts at a run that told when they ended."""
    found = 0.0
    for one in attempts_of(run.record):
        with suppress(KeyError, TypeError, ValueError):
            ends = [datetime.datetime.strptime(one[k], TIME) for k in ("started", "ended")]
            found += max(0.0, (ends[1] - ends[0]).total_seconds())  # the clock was set back
    return found


def software(run: Record) -> str:
    """Versions and commit."""
    facts = part(run.record, "machine")
    names = {"Python": facts.get("python"), **part(facts, "versions"), "commit": facts.get("git")}
    return ", ".join(f"{name} {version}" for name, version in names.items() if version)


def typed_again(question: str) -> str:
    """The words of a grid, none of which a shell takes for more than a word."""
    try:
        return shlex.join(shlex.split(question))
    except ValueError:  # a quote that does not end
        return shlex.quote(question)


def commands(plan: Plan | None, paths: Sequence[Path]) -> list[str]:
    """What to type for the same."""
    where = shlex.join(map(str, paths))
    if plan is None:
        return [f"vitpos rerun {where}/RUN   # for each", f"vitpos compare {where}"]
    words = shlex.quote(f"study={plan.study.name}")
    if plan.study.design.source == TYPED:
        words = typed_again(plan.study.design.question)
    return [
        f"vitpos sweep {words}",
        f"vitpos resume {where}   # what is missing of the frozen plan",
        f"vitpos compare {where}",
        f"vitpos rerun {where}/RUN   # one run again, every bit compared",
    ]


def checklist(answer: Answer, plan: Plan | None, runs: Sequence[Record]) -> Iterator[str]:
    """Items 4 to 8."""
    exact = all(run.record.get("resumed_exactly", True) for run in runs)
    seeds = sorted({run.seed for run in runs if run.seed is not None})
    yield (
        "**4. Experimental result reproducibility.** Every run is a function of its"
        " configuration, its seed and the versions above; on the same kind of machine it has the"
        " same bits"
        + (", also where it was interrupted. " if exact else "; some were continued elsewhere. ")
        + "Arms share every other weight and batch bit for bit."
    )
    yield (
        "**5. Open access to data and code.** vitpos and the data sets named above are public;"
        " the commands above repeat the study."
    )
    yield (
        "**6. Experimental setting and details.** See *What was trained*: optimiser AdamW, all"
        f" numbers as listed; {answer.recipe}."
    )
    yield (
        "**7. Statistical significance.** Intervals are 95 % t intervals over"
        f" {counted(len(seeds), 'seed')} ({', '.join(map(str, seeds[:20]))}), which draw the"
        " initial weights, the order of the images and their augmentation; differences are paired"
        f" by seed, p values corrected after Holm and intervals simultaneous at {answer.alpha}"
        f" over all comparisons and {counted(answer.looks, 'look')}."
    )
    yield "**8. Compute resources.** See *Compute*."
    if plan is None:
        yield "Nothing was fixed before the runs: no plan."


def block(language: str, lines: Sequence[str]) -> str:
    """Lines as they are, in a fence that none of them ends."""
    text = "\n".join(lines)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
