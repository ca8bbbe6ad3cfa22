"""What is compared: arms with their values, in conditions, most of them with a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitpos import matching
from vitpos.arms import Arm, labels
from vitpos.conditions import Configs
from vitpos.judgement import Judgement
from vitpos.matching import Matches
from vitpos.records import Record


@dataclass(frozen=True)
class Compared:
    """All that is known of the arms before it becomes rows; mappings are by key of arm."""

    arms: tuple[Arm, ...]
    labels: Mapping[str, str]
    values: Mapping[str, Mapping[int, float]]
    matches: Matches

    def groups(self) -> list[list[Arm]]:
        """The arms of each condition."""
        found: dict[str, list[Arm]] = {}
        for arm in self.arms:
            found.setdefault(self.matches.conditions[arm.key], []).append(arm)
        return list(found.values())

    def used(self, arm: Arm) -> list[Record]:
        """Its runs that have a value."""
        return [arm.runs[seed] for seed in self.values[arm.key]]

    @property
    def judged(self) -> dict[str, Mapping[int, float]]:
        """The values that are compared: an arm that was stopped early has none."""
        return {arm.key: {} if is_stopped(arm) else self.values[arm.key] for arm in self.arms}

    def counted(self, arms: Sequence[Arm]) -> dict[str, list[Record]]:
        """The runs of these arms that have a value, by label."""
        return {self.labels[arm.key]: self.used(arm) for arm in arms}


def paired(
    arms: Sequence[Arm],
    rules: Judgement,
    grouping: tuple[Sequence[str], str | None],
    configs: Configs,
    *,
    planned: bool,
) -> Compared:
    """Read the values, name the arms, and find out which are compared with which.

    `grouping` is what was asked for: the keys of conditions, and the baseline.
    """
    keys, baseline = grouping
    named = labels(arms, configs)
    values = {arm.key: values_of(arm, rules) for arm in arms}
    matches = matching.as_planned(arms) if planned else Matches({arm.key: "" for arm in arms}, {})
    if keys:
        groups = matching.grouped(arms, keys, configs)
        kept = {a: b for a, b in matches.against.items() if groups[a] == groups[b]}
        matches = Matches(groups, kept)
    if baseline or not planned:
        matches = matching.matched(arms, matches.conditions, named, baseline, configs)
    return Compared(tuple(arms), named, values, matches)


def is_stopped(arm: Arm) -> bool:
    """Whether a rule stopped one of its runs before its end."""
    return any(run.status == "stopped" for run in arm.runs.values())


def values_of(arm: Arm, rules: Judgement) -> dict[int, float]:
    """The number of each finished run that has it."""
    found = {}
    for seed, run in arm.runs.items():
        value = rules.reading.of(run) if run.status == "finished" and seed >= 0 else None
        if value is not None:
            found[seed] = value
    return found
