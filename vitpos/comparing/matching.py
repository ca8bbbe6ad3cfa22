"""Which arms are compared with which: conditions, and a baseline in each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from vitpos.comparing.arms import Arm, config_of
from vitpos.comparing.conditions import ABSENT, Configs, Subject, check, conditions
from vitpos.errors import BadInput
from vitpos.sweeps.studies import text

WITHIN = ("seed", "status")  # what is not the same for all runs of an arm


@dataclass(frozen=True)
class Matches:
    """By the keys of arms: the condition of each, and what it is compared with."""

    conditions: Mapping[str, str]
    against: Mapping[str, str]
    notes: tuple[str, ...] = ()


def as_planned(arms: Sequence[Arm]) -> Matches:
    """The baselines of a plan; arms that share one are a condition."""
    planned = {arm.name: arm for arm in arms if arm.planned}
    groups: dict[str, list[str]] = {}
    for arm in planned.values():
        groups.setdefault(arm.baseline or arm.name, []).append(arm.name)
    titles = {root: title(names) for root, names in groups.items()}
    if len(groups) == 1:
        titles = dict.fromkeys(groups, "")
    elif len(set(titles.values())) < len(titles) or "" in titles.values():
        titles = {root: root for root in groups}
    other = "" if len(groups) == 1 else "not planned"
    return Matches(
        {a.key: titles[a.baseline or a.name] if a.planned else other for a in arms},
        {a.key: planned[a.baseline].key for a in planned.values() if a.baseline in planned},
    )


def title(names: Sequence[str]) -> str:
    """What the names of all arms of a condition begin with: `cifar10` of `cifar10-rope2d`."""
    parts = [name.split("-") for name in names]
    shared = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return "-".join(shared)


def grouped(arms: Sequence[Arm], keys: Sequence[str], configs: Configs) -> dict[str, str]:
    """The condition of each arm: the values of these keys of its config."""
    for key in keys:
        if key in WITHIN:
            raise BadInput(f"--group-by {key}: it is not the same for all runs of an arm")
        check(key, [subject(arm, configs) for arm in arms], f"--group-by {key}")
    found = {}
    for arm in arms:
        own = subject(arm, configs)
        values = [(key, own.value(key)) for key in keys]
        found[arm.key] = ", ".join(
            f"{key}={'?' if value is ABSENT else text(value)}" for key, value in values
        )
    return found


def subject(arm: Arm, configs: Configs) -> Subject:
    """An arm, for conditions that are about no single run."""
    config = config_of(arm, configs)
    return Subject(arm.name, None, "", lambda key: config.get(key, ABSENT), lambda: config)


def matched(
    arms: Sequence[Arm],
    groups: Mapping[str, str],
    labels: Mapping[str, str],
    asked: str | None,
    configs: Configs,
) -> Matches:
    """One baseline in each condition: the one asked for, else the only arm without a position."""
    by_condition: dict[str, list[Arm]] = {}
    for arm in arms:
        by_condition.setdefault(groups[arm.key], []).append(arm)
    against, without = dict[str, str](), list[str]()
    for condition, members in by_condition.items():
        found = named(members, labels, asked, configs) if asked else plain(members, configs)
        if asked and len(found) > 1:
            said = ", ".join(labels[arm.key] for arm in found)
            raise BadInput(f"--baseline {asked}: could be {said}", "one label in quotes")
        if len(found) == 1:
            others = (arm.key for arm in members if arm is not found[0])
            against |= dict.fromkeys(others, found[0].key)
        elif len(members) > 1:
            without.append(condition)
    if asked and not any(named(m, labels, asked, configs) for m in by_condition.values()):
        near = get_close_matches(asked, labels.values(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(labels.values())}"
        raise BadInput(f"--baseline {asked}: there is no such arm", hint)
    where = f" in {', '.join(without[:3])}" if without and without != [""] else ""
    how = "--baseline LABEL, or --baseline embedding=NAME"
    notes = (f"no baseline{where}, so nothing is compared: {how}",) if without else ()
    return Matches(groups, against, notes)


def named(
    arms: Sequence[Arm], labels: Mapping[str, str], asked: str, configs: Configs
) -> list[Arm]:
    """The arms that `--baseline` may mean: by label, by name, by what their config holds."""
    for names in (labels, {arm.key: arm.name for arm in arms}):
        found = [arm for arm in arms if names[arm.key] == asked]
        if found:
            return found
    if not any(sign in asked for sign in "=<>"):
        return []
    wanted = conditions(asked.split(","))
    return [arm for arm in arms if all(c.holds(subject(arm, configs).value(c.key)) for c in wanted)]


def plain(arms: Sequence[Arm], configs: Configs) -> list[Arm]:
    """The arms without a position embedding."""
    return [arm for arm in arms if embedding(arm, configs) == "none"]


def embedding(arm: Arm, configs: Configs) -> str:
    """The names of its strategies, from a record, else from a config."""
    for run in arm.runs.values():
        said = run.record.get("embedding")
        if isinstance(said, list):
            return "+".join(map(str, said))
    return str(config_of(arm, configs).get("embedding", ""))
