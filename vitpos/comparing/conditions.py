"""Which runs are meant: `dataset=cifar10`, `backbone.depth>4`, `arm=rope*`, `seed<3`.

A condition is a key, one of = != < <= > >=, and a value; = and != take patterns with * and ?. The
keys are those of a run's config, and `arm`, `seed`, `status`; `dataset` and `embedding` are the
names. A run without the key holds no condition but !=. What a run reached is no key: whoever
chooses runs by their result has no result.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from vitpos.errors import BadInput, BadRun
from vitpos.hints import near_key
from vitpos.identities import COSMETIC
from vitpos.plain_yaml import read_plain
from vitpos.records import Record
from vitpos.sweeps.studies import text

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
WORD = re.compile(r"\s*([^=!<>\s]+)\s*(==|!=|<=|>=|=|<|>)\s*(.*?)\s*")
OF_THE_RUN = ("arm", "seed", "status")
NAMES = ("dataset", "embedding", "task")  # of a config group, which is a mapping in the config
OWN = {*COSMETIC, "seed", "dataset.root", "training.checkpoint_seconds"}  # may differ within an arm
Flat = Mapping[str, Any]


@dataclass(frozen=True)
class Condition:
    """One condition, as it was typed and as it is tested."""

    word: str
    key: str
    sign: str
    value: str

    def holds(self, found: Any) -> bool:
        """Whether it holds for the value of a run; `ABSENT` has none."""
        if found is ABSENT:
            return self.sign == "!="
        number, wanted = as_number(found), as_number(self.value)
        if number is not None and wanted is not None:
            return SIGNS[self.sign](number, wanted)
        if self.sign not in ("=", "!="):
            if found is None:
                return False
            said = f"{self.key} is {text(found)} in some runs"
            raise BadInput(f"--where {self.word!r}: {said}, which has no order", "use = or !=")
        said = text(found)
        same = said == self.value or fnmatchcase(said, self.value)
        return same == (self.sign == "=")


ABSENT = object()


def conditions(words: Iterable[str]) -> list[Condition]:
    """What is typed after `--where`; raises `BadInput` for what is no condition."""
    found = []
    for word in words:
        match = WORD.fullmatch(word)
        if not match:
            raise BadInput(f"{word!r} is no condition", "'dataset=cifar10' or 'backbone.depth>4'")
        key, sign, value = match.groups()
        found.append(Condition(word, key, sign.replace("==", "="), value))
    return found


def as_number(value: Any) -> float | None:
    """A number, also one that is written as a word."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Subject:
    """What conditions are about: a run, or one that is planned."""

    arm: str
    seed: int | None
    status: str
    of: Callable[[str], Any]  # the value of a key of its config, or `ABSENT`
    config: Callable[[], Flat]

    def value(self, key: str) -> Any:
        """Of a key; `ABSENT` if it has none."""
        return getattr(self, key) if key in OF_THE_RUN else self.of(key)


def chosen(subjects: Sequence[Subject], wanted: Sequence[Condition]) -> list[bool]:
    """For which of them all conditions hold; raises `BadInput` for a key that none has."""
    for condition in wanted:
        check(condition.key, subjects, f"--where {condition.word!r}")
    return [all(c.holds(subject.value(c.key)) for c in wanted) for subject in subjects]


def check(key: str, subjects: Sequence[Subject], what: str) -> None:
    """Raise `BadInput` for a key that none has, with the nearest that some have."""
    if key in OF_THE_RUN or any(subject.value(key) is not ABSENT for subject in subjects):
        return
    known = sorted({name for subject in subjects for name in subject.config()})
    raise BadInput(f"{what}: no run has the key {key}", near_key(key, [*OF_THE_RUN, *known], ()))


def flat(data: Mapping[str, Any]) -> Flat:
    """A config by dotted keys, and the names of its groups."""
    found = {
        key: value
        for key, value in values(data)
        if not any(part.startswith("_") for part in key.split("."))
    }
    dataset, embedding = data.get("dataset"), data.get("embedding")
    if isinstance(dataset, Mapping):
        found["dataset"] = dataset.get("name")
    if isinstance(data.get("task"), Mapping):
        found["task"] = data["task"].get("kind")
    if isinstance(embedding, Mapping):
        found["embedding"] = "+".join(map(str, embedding))
    return found


def values(data: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """All values, those of groups within groups too, each by its dotted key."""
    for name, value in data.items():
        here = f"{path}.{name}" if path else str(name)
        if isinstance(value, dict) and value:
            yield from values(value, here)
        else:
            yield here, value


class Configs:
    """Configs of runs, each read when somebody asks, and of an arm only once."""

    def __init__(self) -> None:
        self.of_runs: dict[Path, Flat] = {}
        self.of_arms: dict[str, Flat] = {}

    def of_run(self, run: Record) -> Flat:
        """That of a run; empty if it is damaged."""
        if run.path not in self.of_runs:
            try:
                data = read_plain(run.path / "config.yaml")
                self.of_runs[run.path] = flat(data) if isinstance(data, Mapping) else {}
            except (BadRun, KeyError, TypeError, AttributeError):
                self.of_runs[run.path] = {}
        return self.of_runs[run.path]

    def of_arm(self, identity: str, run: Record) -> Flat:
        """That of any run of an arm, without what may differ within it."""
        if identity not in self.of_arms:
            config = self.of_run(run)
            self.of_arms[identity] = {k: v for k, v in config.items() if k not in OWN}
        return self.of_arms[identity]

    def subject(self, arm: str, identity: str, run: Record) -> Subject:
        """A run, for conditions."""

        def of(key: str) -> Any:
            config = self.of_run(run) if key in OWN else self.of_arm(identity, run)
            return config.get(key, ABSENT)

        return Subject(arm, run.seed, run.status, of, lambda: self.of_run(run))
