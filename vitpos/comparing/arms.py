"""Runs put together to arms: one run for each seed, whatever else lies beside it.

An arm is what its configuration is, not what it is called: runs of one configuration under two
names are one arm. What a damaged run was is read from its config, else from the name of its folder.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from vitpos import identities, records
from vitpos.comparing.conditions import ABSENT, Configs
from vitpos.errors import BadRun
from vitpos.records import Record
from vitpos.sweeps.studies import text

FOLDER = re.compile(r"(?P<arm>.+)-s(?P<seed>\d+)-(?P<identity>[0-9a-f]{8})(-\d+)?")
UNKNOWN = -1  # the seed of a run that does not say which it has


class Who(NamedTuple):
    """Which run of which arm; what is not known is empty, or UNKNOWN."""

    arm: str
    arm_identity: str
    seed: int
    identity: str  # its first 8 digits, if it is known from the folder alone


@dataclass(frozen=True)
class Arm:
    """Runs of one configuration, one for each seed."""

    name: str
    key: str  # what no other arm has: its identity, if that is known
    runs: Mapping[int, Record]  # by seed; below zero of those whose seed is not known
    missing: tuple[int, ...] = ()  # planned, and never begun
    planned: bool = False
    baseline: str | None = None  # the name of the planned one
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """64 digits; empty if none of its runs says what it was."""
        return "" if self.key.startswith("?") else self.key

    @property
    def finished(self) -> list[Record]:
        """The runs that count."""
        return [run for run in self.runs.values() if run.status == "finished"]


def who(run: Record) -> Who:
    """Which run it is, by its record, its config or its folder."""
    said = run.record
    arm, arm_identity = said.get("arm"), said.get("arm_identity")
    seed, identity = said.get("seed"), said.get("identity")
    if (
        isinstance(arm, str)
        and isinstance(arm_identity, str)
        and isinstance(seed, int)
        and isinstance(identity, str)
    ):
        return Who(arm, arm_identity, seed, identity)
    with suppress(BadRun):
        data = records.settings(run.path)
        usual = identities.usual(data["dataset"]["name"], data["task"]["kind"], data["embedding"])
        own = identities.fingerprint(identities.without_seed(data))
        name = arm if isinstance(arm, str) else data["name"] or usual
        return Who(name, own, data["seed"], identities.fingerprint(data))
    found = FOLDER.fullmatch(run.path.name)
    if found:
        return Who(found["arm"], "", int(found["seed"]), found["identity"])
    return Who(run.arm, "", UNKNOWN, "")


def arms(runs: Iterable[Record]) -> list[Arm]:
    """All arms of these runs, in the order in which they occur."""
    groups: dict[str, list[tuple[Who, Record]]] = defaultdict(list)
    unknown: list[tuple[Who, Record]] = []
    for run in runs:
        known = who(run)
        if known.arm_identity:
            groups[known.arm_identity].append((known, run))
        else:
            unknown.append((known, run))
    named: dict[str, list[str]] = defaultdict(list)
    for identity, members in groups.items():
        for name in {known.arm for known, _ in members}:
            named[name].append(identity)
    for known, run in unknown:  # beside the only arm of that name, else by itself
        same = named.get(known.arm, [])
        groups[same[0] if len(same) == 1 else f"?{known.arm}"].append((known, run))
    return [arm(key, members) for key, members in groups.items()]


def arm(key: str, members: Sequence[tuple[Who, Record]]) -> Arm:
    """One arm, by the name that most of its runs have."""
    names = Counter(known.arm for known, _ in members)
    name = names.most_common(1)[0][0]
    notes = []
    if len(names) > 1:
        notes.append(f"{' and '.join(sorted(names))} are the same configuration: one arm")
    chosen = once(name, members, notes)
    return Arm(name, key, chosen, notes=tuple(notes))


def once(name: str, members: Iterable[tuple[Who, Record]], notes: list[str]) -> dict[int, Record]:
    """One run for each seed: the latest that is finished, else the latest."""
    by_seed: dict[tuple[int, str], list[Record]] = defaultdict(list)
    for known, run in members:
        by_seed[known.seed, str(run.path) if known.seed == UNKNOWN else ""].append(run)
    found: dict[int, Record] = {}
    strangers = 0
    for (seed, _), same in sorted(by_seed.items(), key=lambda item: item[0]):
        if len(same) > 1:
            same.sort(key=lambda run: (run.status == "finished", run.created, str(run.path)))
            others = ", ".join(f"{run.path.name} ({run.status})" for run in same[:-1])
            notes.append(
                f"{name}, seed {seed}: {len(same)} runs, counted once: {same[-1].path.name},"
                f" not {others}"
            )
        strangers += seed == UNKNOWN
        found[seed if seed != UNKNOWN else -strangers] = same[-1]
    return found


def single(found: Sequence[Arm]) -> list[Arm]:
    """The same arms, with no run in two of them: a copy of a folder is not another run."""
    seen: dict[str, str] = {}
    result = []
    for one in found:
        kept, notes = {}, list(one.notes)
        for seed, run in one.runs.items():
            identity = run.record.get("identity")
            if isinstance(identity, str) and seen.setdefault(identity, one.key) != one.key:
                notes.append(f"{run.path.name} is a copy of a run of another arm: not counted")
            else:
                kept[seed] = run
        result.append(replace(one, runs=kept, notes=tuple(notes)))
    return result


def labels(found: Sequence[Arm], configs: Configs) -> dict[str, str]:
    """A name for each arm by its key; where two have the same, with what differs between them."""
    shared = Counter(one.name for one in found)
    result = {}
    for name, number in shared.items():
        same = [one for one in found if one.name == name]
        if number == 1:
            result[same[0].key] = name
            continue
        settings = {one.key: config_of(one, configs) for one in same}
        known = sorted({key for values in settings.values() for key in values})
        differing = [
            key
            for key in known
            if key not in ("dataset", "embedding", "task", "arm")
            and len({repr(values.get(key, ABSENT)) for values in settings.values()}) > 1
        ]
        for one in same:
            values = settings[one.key]
            said = [f"{k.rpartition('.')[2]}={text(values.get(k))}" for k in differing]
            few = 0 < len(said) <= 3 and all(k in values for k in differing)
            more = " ".join(said) if few else one.key[:8]
            result[one.key] = name if one.planned else f"{name} {more}"
    return result


def config_of(one: Arm, configs: Configs) -> Mapping[str, object]:
    """What matters in the config of an arm; empty if no run of it has one."""
    for run in one.runs.values():
        found = configs.of_arm(one.key, run)
        if found:
            return found
    return {}
