"""Where each run stands in TensorBoard: `study/arm/seed`, so that seeds lie and colour together.

Names come from folders and records that anybody may have written; here they become names of folders
that stay where they are put.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vitpos import records
from vitpos.boards.columns import Value, varying
from vitpos.comparing.arms import who
from vitpos.comparing.conditions import Configs, chosen, conditions
from vitpos.comparing.gathering import gather, plan_of
from vitpos.comparing.selection import select
from vitpos.errors import BadInput
from vitpos.records import Record

Key = tuple[str, str]

LONGEST = 80  # bytes of a name
MOST = 3  # keys in a name
FORBIDDEN = re.compile(r"[^\w .,+=@()-]")


@dataclass(frozen=True)
class Group:
    """The runs of one arm that lie in one study: a row of the HPARAMS table."""

    study: str
    arm: str
    identity: str  # of the arm, whatever it is called
    runs: tuple[Record, ...]

    @property
    def key(self) -> Key:
        """What no other group has."""
        return self.study, self.identity

    @property
    def name(self) -> str:
        """Of its row, and of its folder."""
        return f"{self.study}/{self.arm}"

    @property
    def finished(self) -> tuple[Record, ...]:
        """The runs that count: of each seed the latest that is finished."""
        done = sorted(
            (run for run in self.runs if run.status == "finished"),
            key=lambda run: (run.created, str(run.path)),
        )
        return tuple({run.path if run.seed is None else run.seed: run for run in done}.values())


def find(paths: Sequence[Path], where: Sequence[str]) -> list[Group]:
    """The runs in these folders for which all conditions of `--where` hold.

    The folder of a study stands for the runs of its plan too, wherever in `outputs` they lie.
    Raises `BadRun` for a place without runs, `BadInput` if no run is meant.
    """
    found = of_folders(paths, where) if plan_of(paths) is None else of_plan(paths, where)
    if not found:
        raise BadInput("no run is meant by " + " ".join(f"--where {word!r}" for word in where))
    return found


def of_folders(paths: Sequence[Path], where: Sequence[str]) -> list[Group]:
    """All runs that lie there, also two of one arm and seed."""
    runs, wanted = [records.read(path) for path in records.find(paths)], conditions(where)
    known, configs = [who(run) for run in runs], Configs()
    if wanted:
        subjects = [
            configs.subject(w.arm, w.arm_identity, r) for w, r in zip(known, runs, strict=True)
        ]
        held = chosen(subjects, wanted)
    else:
        held = [True] * len(runs)
    places = [
        (study_of(run), its.arm, its.arm_identity, run)
        for is_meant, its, run in zip(held, known, runs, strict=True)
        if is_meant
    ]
    return grouped(places)


def of_plan(paths: Sequence[Path], where: Sequence[str]) -> list[Group]:
    """The runs of the newest plan, and what else lies in its folder."""
    found = gather(paths)
    places = []
    for arm in select(found.arms, where, found.source, Configs()):
        for run in arm.runs.values():
            study = found.source.folder.name if found.source and arm.planned else study_of(run)
            places.append((study, arm.name, arm.identity, run))
    return grouped(places)


def study_of(run: Record) -> str:
    """The folder in which it lies."""
    return run.path.resolve().parent.name


def grouped(places: Iterable[tuple[str, str, str, Record]]) -> list[Group]:
    """Runs by study and identity of their arm; called as the first of them, safely."""
    found: dict[Key, list[Record]] = defaultdict(list)
    names: dict[Key, str] = {}
    for study, arm, identity, run in places:
        key = safe(study), identity or f"?{arm}"
        names.setdefault(key, safe(arm))
        found[key].append(run)
    return [Group(key[0], names[key], key[1], tuple(runs)) for key, runs in found.items()]


def told_apart(
    groups: Sequence[Group], configs: Mapping[Key, Mapping[str, Value]], names: dict[Key, str]
) -> list[Group]:
    """The groups with arms of different names, by what differs between those of one name.

    `names` has those that were given before, which stay, and gets the new ones.
    """
    alike: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group in groups:
        alike[group.study, group.arm].append(group)
    taken = {(study, name) for (study, _), name in names.items()}
    for group in groups:
        if group.key in names:
            continue
        same = alike[group.study, group.arm]
        name = group.arm if len(same) == 1 else safe(f"{group.arm} {special(group, same, configs)}")
        if (group.study, name) in taken:
            name = safe(f"{group.arm} {group.identity[:8]}")
        names[group.key] = name
        taken.add((group.study, name))
    return [replace(group, arm=names[group.key]) for group in groups]


def special(group: Group, same: Sequence[Group], configs: Mapping[Key, Mapping[str, Value]]) -> str:
    """What an arm has that others of its name have otherwise."""
    keys = [column.name for column in varying([configs[one.key] for one in same])[1:]]
    own = configs[group.key]
    said = [f"{key.rpartition('.')[2]}={own.get(key)}" for key in keys]
    return " ".join(said) if 0 < len(said) <= MOST else group.identity[:8]


def seed(run: Record) -> str:
    """The name of a run beside others of its arm."""
    return safe(run.path.name) if run.seed is None else safe(f"s{run.seed:02}")


def safe(name: str) -> str:
    """A name of a folder, neither hidden nor long; if it had to change, with a digest."""
    tame = FORBIDDEN.sub("_", name).strip(" .") or "_"
    short = tame.encode()[:LONGEST].decode(errors="ignore")
    if short == name:
        return name
    return f"{short}~{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:6]}"


def free(place: Path) -> Path:
    """A name that is not taken: runs of two places may be called the same."""
    number, first = 1, place
    while place.is_symlink() or place.exists():
        number += 1
        place = first.with_name(f"{first.name}-{number}")
    return place
