"""Studies: a question, the arms that answer it and how they will be judged, in one file.

A file of `configs/study/`, ours or a plugin's, is plain data, read before anything runs::

    question, source          what is asked, and who asked it first
    base: {key: value}        of every run
    grid: {axis: ...}         conditions: all arms are run, and compared, in each of them
    arms: {name: {key: value}}
    every: embedding          an arm for each file of that folder; `without: {name: reason}`
    baseline: name            what the others are compared with; or {arm: its baseline}
    seeds: 5                  seeds 0 to 4, in every arm
    metric, direction, alpha, smallest_effect, looks
    then: {image_size: [...]} evaluations of the finished runs
    probes: [shuffle, ...]    what is measured on them afterwards, as `vitpos probe` does
    tune, stopping            of `rules`: numbers chosen for each arm, arms stopped early

An axis is a list of values of one key, or a mapping of names to overrides. A key
`embedding.*.theta` means that of whichever strategy an arm has.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from vitpos import config
from vitpos.errors import BadInput, BadRun, Problem
from vitpos.overrides import MOST
from vitpos.plain_yaml import read_yaml
from vitpos.probes import PROBES
from vitpos.schema import value
from vitpos.sweeps import rules
from vitpos.sweeps.rules import Stopping, Tuning
from vitpos.typed import typed

Options = dict[str, Any]
Report = Callable[[Problem], None]

NAMED = ("base", "grid", "arms", "without", "then")  # what holds named values, and may be left out
TYPED = "the command line"  # the source of a study that is no file
OURS = ("study", "name", "seed")  # keys of a run that the study itself sets
METRIC = re.compile(
    r"(train|val|test|cost|perf)/\w+(@(?P<size>\d+))?|probe/(?P<probe>\w+)(/[\w.]+)+"
)
EVALUATED = ("image_size", "split", "dataset")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is asked, and how the answer will be judged."""

    question: str = value()
    source: str = value()
    seeds: int = value(at_least=1, at_most=1000)  # so many from 0 on; never chosen afterwards
    metric: str = value()  # `test/accuracy`, or `test/accuracy@48`: of images of that size
    direction: str = value(one_of=("up", "down"))  # which way is better
    alpha: float = value(above=0, below=1)  # chance of a false finding among all comparisons
    smallest_effect: float = value(at_least=0)  # of interest, in the unit of the metric
    looks: int = value(at_least=1)  # how often results will be looked at: they share alpha


@dataclass(frozen=True)
class Arm:
    """What is compared: overrides, and the arm it is compared with (a baseline: None)."""

    name: str
    overrides: Options
    baseline: str | None


@dataclass(frozen=True)
class Study:
    """A file that is consistent in itself; its runs are not composed yet."""

    name: str
    design: Design
    arms: tuple[Arm, ...]
    without: Mapping[str, str]  # what `every` leaves out, and why
    then: tuple[Options, ...]  # each is what one `vitpos eval` is told
    seeds: tuple[int, ...]  # as many as the design says; a file's are the first ones
    stopping: Stopping | None = None
    tune: Tuning | None = None  # what would be tuned; a plan has none
    tuned: Mapping[str, Any] | None = None  # of a plan: what was chosen, and how
    probes: tuple[str, ...] = ()  # measured on finished runs


def is_path(name: str) -> bool:
    """Whether this is where a study lies, and not what it is called."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def path(name: str) -> Path:
    """The file of a study, by its name or where it lies; raises `BadInput` if there is none."""
    if is_path(name):
        place = Path(name).expanduser()
        try:
            there = place.is_file()
        except OSError as error:
            raise BadInput(f"study={name[:80]}: {error.strerror}") from error
        if not there:
            raise BadInput(f"study={name}: there is no such file")
        return place
    known = config.files("study")
    if name not in known:
        raise BadInput(*unknown("study", name, known))
    return known[name]


def read(name: str, asked: Mapping[str, str]) -> Study:
    """The study of this name; raises `BadInput` with all that is wrong in its file.

    What is `asked` of an axis of the grid is the only value that it has.
    """
    place, problems = path(name), list[Problem]()
    try:
        data = read_yaml(place).data
    except BadRun as error:
        raise BadInput(error.message) from error
    if isinstance(data, dict) and isinstance(data.get("grid"), dict):
        data["grid"] = {key: chosen(axis, asked.get(key)) for key, axis in data["grid"].items()}
    found = study(place.stem if is_path(name) else name, data, problems.append)
    if found is None or problems:
        raise BadInput.all_of([Problem(f"{place}: {p.message}", p.hint) for p in problems])
    return found


def chosen(choices: Any, asked: str | None) -> Any:
    """An axis, or only what was asked of it."""
    if asked is None or not isinstance(choices, list):
        return choices
    return [next((item for item in choices if text(item) == asked), asked)]


def study(name: str, data: Any, report: Report) -> Study | None:
    """What a file says; None if it says too little, which is then reported."""
    if not isinstance(data, dict):
        report(Problem("it must hold named values"))
        return None
    parts = {key: mapping(key, data.get(key), report) for key in NAMED}
    aside = {"every", "baseline", "tune", "stopping", "probes", *NAMED}
    design = typed(Design, {k: v for k, v in data.items() if k not in aside}, "", report)
    choices = everything(data.get("every"), parts["without"], report)
    choices |= named(parts["arms"], choices, report)
    against = compared(data.get("baseline"), list(choices), report)
    axes = [axis(key, item, report) for key, item in parts["grid"].items()]
    if too_many([*axes, [*choices], range(design.seeds if design else 1)], "runs", report):
        return None
    arms = tuple(crossed(parts["base"], axes, choices, against))
    for key in OURS:
        if any(key in arm.overrides for arm in arms):
            report(Problem(f"{key} is set by the study"))
    then = evaluations(parts["then"], report)
    probes = measured(data.get("probes"), report)
    judged(data.get("metric"), then, probes, report)
    tune = rules.tuning(data.get("tune"), report)
    stopping = rules.stopping(data.get("stopping"), "stopping", report)
    if design is None:
        return None
    without = {k: str(v) for k, v in parts["without"].items()}
    seeds = tuple(range(design.seeds))
    return Study(name, design, arms, without, then, seeds, stopping, tune, probes=probes)


def too_many(choices: Sequence[Sequence[Any]], what: str, report: Report) -> bool:
    """Whether all combinations of these are more than can be written down."""
    count = prod(map(len, choices))
    if count > MOST:
        report(Problem(f"{count:,} {what}: at most {MOST:,}"))
    return count > MOST


def mapping(key: str, found: Any, report: Report) -> Options:
    """A part of the file; nothing if it is left out."""
    if found is None or isinstance(found, dict):
        return {str(name): item for name, item in (found or {}).items()}
    report(Problem(f"{key} = {found}: must hold named values"))
    return {}


def everything(group: Any, without: Options, report: Report) -> dict[str, Options]:
    """An arm for each file of a group, but for those that are left out."""
    if group is None:
        for name in without:
            report(Problem(f"without.{name}: nothing to leave it out of", "every: embedding"))
        return {}
    if group not in config.GROUPS:
        report(unknown("group", group, config.GROUPS))
        return {}
    known = config.options(group)
    for name in without:
        if name not in known:
            report(unknown(group, name, known))
    return {name: {group: name} for name in known if name not in without}


def named(arms: Options, others: Iterable[str], report: Report) -> dict[str, Options]:
    """The arms that are named one by one."""
    for name in set(arms) & set(others):
        report(Problem(f"arms.{name}: `every` has an arm of that name already"))
    return {name: mapping(f"arms.{name}", item, report) for name, item in arms.items()}


def axis(key: str, choices: Any, report: Report) -> list[tuple[str, Options]]:
    """The labels of an axis, each with its overrides."""
    if isinstance(choices, dict):
        return [(str(n), mapping(f"grid.{key}.{n}", o, report)) for n, o in choices.items()]
    if isinstance(choices, list):
        short = key.rpartition(".")[2]
        return [(i if isinstance(i, str) else f"{short}{text(i)}", {key: i}) for i in choices]
    report(Problem(f"grid.{key} = {choices}: must be a list of values, or names with overrides"))
    return []


def compared(baseline: Any, arms: Sequence[str], report: Report) -> dict[str, str]:
    """What each arm is compared with; a baseline is not in it."""
    if not arms:
        report(Problem("there are no arms", "arms: {name: {key: value}}"))
        return {}
    if baseline is None:
        report(Problem("baseline is missing", f"one of {', '.join(arms[:5])}"))
        return {}
    found = baseline if isinstance(baseline, dict) else {a: baseline for a in arms if a != baseline}
    pairs = {str(arm): str(other) for arm, other in found.items()}
    for name in dict.fromkeys([*pairs, *pairs.values()] or [str(baseline)]):
        if name not in arms:
            report(unknown("arm", name, arms))
    for name in arms:
        if len(arms) > 1 and name not in pairs and name not in pairs.values():
            report(Problem(f"baseline: {name} is compared with nothing"))
        if pairs.get(name) in pairs:
            report(Problem(f"baseline: {pairs[name]} is one, and has one"))
    return pairs


def crossed(
    base: Options,
    axes: Sequence[Sequence[tuple[str, Options]]],
    choices: Mapping[str, Options],
    against: Mapping[str, str],
) -> Iterator[Arm]:
    """All arms in all conditions; what is more particular wins."""
    for condition in product(*axes):
        labels = [label for label, _ in condition]
        for name, own in choices.items():
            overrides = dict(base)
            for more in (*(options for _, options in condition), own):
                overrides |= more
            other = "-".join([*labels, against[name]]) if name in against else None
            yield Arm("-".join([*labels, name]), overrides, other)


def evaluations(then: Options, report: Report) -> tuple[Options, ...]:
    """What is evaluated after training: each combination of the values."""
    lists = {key: item if isinstance(item, list) else [item] for key, item in then.items()}
    allowed = {"split": SPLITS, "dataset": config.options("dataset")}
    for key, values in lists.items():
        if key not in EVALUATED:
            report(unknown("key", f"then.{key}", [f"then.{known}" for known in EVALUATED]))
        for one in values:
            if key in allowed and one not in allowed[key]:
                report(unknown(key, one, allowed[key]))
            if key == "image_size" and not (isinstance(one, int) and 0 < one <= 4096):
                report(Problem(f"then.image_size = {one}: must be pixels, 1 to 4096"))
    pairs = [[(key, one) for one in values] for key, values in lists.items()]
    if too_many(pairs, "evaluations of each run", report):
        return ()
    return tuple(dict(chosen) for chosen in product(*pairs) if chosen)


def measured(probes: Any, report: Report) -> tuple[str, ...]:
    """The probes of the finished runs."""
    if not isinstance(probes, list | None):
        report(Problem(f"probes = {probes}: must be a list of names", "`vitpos list probes`"))
        return ()
    for name in probes or []:
        if name not in PROBES:
            report(unknown("probe", name, PROBES))
    return tuple(map(str, probes or []))


def judged(metric: Any, then: Sequence[Options], probes: Sequence[str], report: Report) -> None:
    """The metric is one that the runs will have; that it is missing is said elsewhere."""
    found = METRIC.fullmatch(str(metric))
    if metric is not None and not found:
        report(Problem(f"metric = {metric}: must be like test/accuracy or test/accuracy@48"))
    elif found and found["size"] and int(found["size"]) not in {e.get("image_size") for e in then}:
        report(Problem(f"metric = {metric}: then.image_size has no {found['size']}"))
    elif found and found["probe"] and found["probe"] not in probes:
        report(Problem(f"metric = {metric}: probes has no {found['probe']}"))


def unknown(what: str, name: Any, known: Iterable[str]) -> Problem:
    """There is none of this name, but perhaps one nearly so."""
    known = list(known)
    near = get_close_matches(str(name), known, n=1)
    usual = "the only one is" if len(known) == 1 else "one of"
    hint = f"did you mean {near[0]}?" if near else f"{usual} {', '.join(known[:20])}"
    return Problem(f"there is no {what} {name}", hint)


def text(item: Any) -> str:
    """A value as it is typed after `key=`."""
    if isinstance(item, list):
        return f"[{','.join(map(text, item))}]"
    if item is None or isinstance(item, bool):
        return str(item).lower().replace("none", "null")
    return str(item)
