"""Sweeps from the command line: every combination of the values of some keys, as a study.

`embedding=none,learned1d,rope2d training.lr=1e-3,2e-3 seed=0..4` has the arms `none-lr0.001`,
`learned1d-lr0.001` ... with five seeds each. One axis is compared, usually `embedding`; the others
are conditions, within each of which the arms are compared, as in the grid of a study's file. Other
words of a study, `metric=val/accuracy alpha=0.01`, mean what they mean in a file.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from vitpos import config, identities, overrides
from vitpos.errors import BadInput, Problem
from vitpos.schema import Run
from vitpos.sweeps import studies
from vitpos.sweeps.labels import Axis, arm_name, label
from vitpos.sweeps.plan import Plan, plan
from vitpos.sweeps.plan import planned as named
from vitpos.sweeps.studies import TYPED, Arm, Design, Study, text
from vitpos.typed import member, typed

ASK_FROM = 200  # runs; more are easily typed by mistake
DEFAULTS = {
    "source": TYPED,
    "metric": "test/accuracy",
    "alpha": 0.05,
    "smallest_effect": 0.005,
    "looks": 1,
}
DESIGN = ("question", "direction", *DEFAULTS)
FALLING = ("loss", "seconds", "bytes", "params", "flops")  # in a metric: less is better


@dataclass(frozen=True)
class Grid:
    """What was typed, as values; what `seed` stands for is an axis of its own."""

    name: str | None
    design: Mapping[str, Any]
    common: Mapping[str, Any]
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]


def asked(
    words: Sequence[str],
    *,
    seeds: int | None = None,
    baseline: str | None = None,
    yes: bool = False,
) -> Plan:
    """The plan that `vitpos sweep` is asked for: of a study's file, or of a grid."""
    words = overrides.given(words)
    if is_grid(words):
        return planned(words, seeds=seeds, baseline=baseline, yes=yes)
    if baseline is not None:
        raise BadInput("--baseline is for a grid", "a study's file says what it compares with")
    for word in words:
        if is_several(word):
            own = "a study has arms of its own, and one value of all other keys"
            raise BadInput(f"{word}: {own}", "for a grid: study=ANOTHER_NAME, or none")
    more = [] if seeds is None else [f"seeds={seeds}"]
    return named([*words, *more])


def planned(
    words: Sequence[str],
    *,
    seeds: int | None = None,
    baseline: str | None = None,
    yes: bool = False,
) -> Plan:
    """The plan of a grid; raises `BadInput` with all that is wrong, and for many runs unless `yes`.

    `baseline` is a value of the axis that is compared, the name of an arm, or KEY=VALUE.
    """
    problems: list[Problem] = []
    grid = read(words, seeds, problems)
    if problems:
        raise BadInput.all_of(problems)
    affordable(grid, yes=yes)
    return plan(study(grid, baseline), {})


def read(words: Sequence[str], seeds: int | None, problems: list[Problem]) -> Grid:
    """Words by key, each with all of its values; the last of a key counts."""
    single, axes = dict[str, Any](), dict[str, Axis]()
    for word in words:
        found = values(word, problems)
        if found is not None:
            key, several = found
            single.pop(key, None), axes.pop(key, None)
            if len(several) == 1:
                [single[key]] = several
            else:
                axes[key] = Axis(key, tuple(several))
    if "name" in single:
        problems.append(Problem("name is that of the arm", "study=NAME names the folder"))
    for key in axes.keys() & {*identities.COSMETIC, *DESIGN, "seeds"}:
        problems.append(Problem(f"{key} has one value: it makes no other run"))
    for axis in axes.values():
        problems += twice(axis)
    numbers = chosen_seeds(single, axes, seeds, problems)
    name = single.pop("study", None)
    design = {key: single.pop(key) for key in DESIGN if key in single}
    axes.pop("seed", None)
    return Grid(name, design, single, tuple(axes.values()), tuple(sorted(numbers)))


def values(word: str, problems: list[Problem]) -> tuple[str, list[Any]] | None:
    """A key and its values; those of a group are names of files, joined by `+`."""
    key = word.partition("=")[0]
    known = config.options(key) if key in config.GROUPS else []
    found = overrides.several(word, config.GROUPS, known, problems)
    if found is None or key not in config.GROUPS:
        return found
    names = [config.choose(key, value, problems) for value in found[1]]
    return key, ["+".join(several) for several in names]


def twice(axis: Axis) -> Iterable[Problem]:
    """A value that is there more than once, however it was spelled."""
    for value, count in Counter(map(text, axis.values)).items():
        if value and count > 1:  # an unknown name is empty, and told elsewhere
            yield Problem(f"{axis.key}: {value} twice")


def chosen_seeds(
    single: dict[str, Any], axes: Mapping[str, Axis], count: int | None, problems: list[Problem]
) -> tuple[int, ...]:
    """Those that were typed, by `--seeds N`, `seeds=N` or `seed=...`; else the first one."""
    said = [name for name in ("seed", "seeds") if name in single or name in axes]
    said += ["--seeds"] if count is not None else []
    if len(said) > 1:
        problems.append(Problem(f"{' and '.join(said)} both say which seeds", "one of them"))
    count = single.pop("seeds", count)
    if count is not None:
        number = typed(int, count, "seeds", problems.append)
        if number is None or 1 <= number <= overrides.MOST:
            return tuple(range(number or 0))
        problems.append(Problem(f"seeds = {number}: must be 1 to {overrides.MOST}"))
        return ()
    some = axes["seed"].values if "seed" in axes else (single.pop("seed", 0),)
    field = Run.__dataclass_fields__["seed"]
    found = [member(field, int, one, "seed", problems.append) for one in some]
    return tuple(number for number in found if number is not None)


def affordable(grid: Grid, *, yes: bool) -> None:
    """Raise `BadInput` for more runs than anybody wants, or than were surely meant."""
    runs = prod(len(axis.values) for axis in grid.axes) * len(grid.seeds)
    factors = [f"{len(axis.values)} {axis.key}" for axis in grid.axes]
    counted = f"{' x '.join([*factors, f'{len(grid.seeds)} seeds'])} = {runs:,} runs"
    if runs > overrides.MOST:
        raise BadInput(f"{counted}: a sweep has at most {overrides.MOST:,}")
    if runs > ASK_FROM and not yes:
        raise BadInput(f"{counted}: are they meant?", "--yes; `--dry-run` lists them")


def study(grid: Grid, baseline: str | None) -> Study:
    """The grid as a study; what it is called, and its arms."""
    design = designed(grid, {"question": question(grid.axes)})
    arms = tuple(crossed(grid, Baseline(grid.axes, baseline)))
    name = grid.name or f"sweep-{digest(arms, grid.seeds)}"
    return Study(str(name), design, arms, {}, (), grid.seeds)


def designed(grid: Grid, usual: Mapping[str, Any]) -> Design:
    """How it is judged: what was said, else `usual`, else the defaults; raises `BadInput`."""
    problems: list[Problem] = []
    data: dict[str, Any] = {**DEFAULTS, **usual, **grid.design, "seeds": len(grid.seeds)}
    falls = any(word in str(data["metric"]) for word in FALLING)
    data.setdefault("direction", "down" if falls else "up")
    design = typed(Design, data, "", problems.append)
    studies.judged(data["metric"], (), (), problems.append)
    if problems:
        raise BadInput.all_of(problems)
    return design


def question(axes: Sequence[Axis]) -> str:
    """The axes in words."""
    told = [f"{axis.key}={','.join(map(text, axis.values))}" for axis in axes]
    short = [item if len(item) <= 200 else f"{item[:200]}..." for item in told]
    return " ".join(short) or "one arm"


class Baseline:
    """Which axis is compared, and with what: a value of it, or one arm for all."""

    def __init__(self, axes: Sequence[Axis], asked: str | None) -> None:
        usual = next((axis for axis in axes if axis.key == "embedding"), None)
        self.axis = usual or (axes[0] if axes else None)
        self.value: Any = None  # of the axis
        self.arm: str | None = None
        if asked is None:
            self.value = self.first()
        elif not self.named(axes, asked):
            self.arm = asked

    def first(self) -> Any:
        """No position at all, if that is among the values, else the first of them."""
        known = self.axis.values if self.axis else ()
        if self.axis and self.axis.key == "embedding" and "none" in known:
            return "none"
        return known[0] if known else None

    def named(self, axes: Sequence[Axis], asked: str) -> bool:
        """Whether it is KEY=VALUE, or a value of the axis; raises `BadInput` for one unknown."""
        key, equals, _ = asked.partition("=")
        if equals:
            problems: list[Problem] = []
            found = values(asked, problems)
            if problems or found is None:
                raise BadInput.all_of(problems)
            self.axis = next((axis for axis in axes if axis.key == key), None)
            if self.axis is None or found[1][0] not in self.axis.values:
                known = [f"{axis.key}={text(v)}" for axis in axes for v in axis.values]
                raise BadInput(*studies.unknown("value", asked, known))
            [self.value] = found[1][:1]
            return True
        if self.axis is None:
            return False
        for value in self.axis.values:
            if asked.lower() in (text(value).lower(), label(self.axis, value, axes).lower()):
                self.value = value
                return True
        return False


def crossed(grid: Grid, against: Baseline) -> Iterable[Arm]:
    """All arms in all conditions, each with the one it is compared with."""
    axis = against.axis
    conditions = [other for other in grid.axes if other is not axis]
    order = ([axis] if axis else []) + conditions  # of the words of a name
    found: list[tuple[str, dict[str, Any], str | None]] = []
    for condition in product(*(other.values for other in conditions)):
        for value in axis.values if axis else (None,):
            own = (value, *condition) if axis else condition
            other = (against.value, *condition)
            name = arm_name(order, own, grid.common)
            chosen = {a.key: v for a, v in zip(order, own, strict=True)}
            base = None if value == against.value else arm_name(order, other, grid.common)
            found.append((name, dict(grid.common) | chosen, base))
    names = [name for name, _, _ in found]
    if against.arm is not None and against.arm not in names:
        raise BadInput(*studies.unknown("arm", against.arm, names))
    for name, options, base in found:
        against_all = None if name == against.arm else against.arm
        spelled = {key: overrides.spelled(item) for key, item in options.items()}
        yield Arm(name, spelled, base if against.arm is None else against_all)


def digest(arms: Sequence[Arm], seeds: Sequence[int]) -> str:
    """8 hexadecimal digits that the same combinations of values share, in whatever order."""
    essential = [
        {key: value for key, value in arm.overrides.items() if key not in identities.COSMETIC}
        for arm in arms
    ]
    data = sorted(json.dumps(item, sort_keys=True, default=str) for item in essential)
    return hashlib.sha256(json.dumps([data, *seeds]).encode()).hexdigest()[:8]


def is_grid(words: Sequence[str]) -> bool:
    """Whether these words are a grid, and not the name of a study's file with more words."""
    if any("=" not in word and word.lower() in config.options("study") for word in words):
        return False  # `vitpos sweep schh2024`, which is told how it is typed
    keys = {word.partition("=")[0] for word in words}
    said = [word.partition("=")[2] for word in words if word.startswith("study=")]
    if not said:
        return bool(words)
    if studies.is_path(said[-1]) or said[-1] in config.options("study"):
        return False
    return bool(keys & {"embedding", "seed"}) or any(map(is_several, words))


def is_several(word: str) -> bool:
    """Whether it has more than one value."""
    found = values(word, [])
    return found is not None and len(found[1]) > 1
