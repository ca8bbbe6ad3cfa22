"""Where each run stands in TensorBoard: `study/arm/seed`, so that seeds lie and colour together.

Names come from folders and records that anybody may have written; here they become names of folders
that stay where they are put.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitpos import records
from vitpos.arms import who
from vitpos.conditions import Configs, chosen, conditions
from vitpos.errors import BadInput
from vitpos.gathering import gather, plan_of
from vitpos.records import Record
from vitpos.selection import select

LONGEST = 80  # bytes of a name
FORBIDDEN = re.compile(r"[^\w .,+=@()-]")


@dataclass(frozen=True)
class Group:
    """The runs of one arm that lie in one study: a row of the HPARAMS table."""

    study: str
    arm: str
    runs: tuple[Record, ...]

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
    if not any(group.runs for group in found):
        raise BadInput("no run is meant by " + " ".join(f"--where {word!r}" for word in where))
    return [group for group in found if group.runs]


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
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for is_meant, its, run in zip(held, known, runs, strict=True):
        if is_meant:
            groups[study_of(run), its.arm, its.arm_identity].append(run)
    return named(groups)


def of_plan(paths: Sequence[Path], where: Sequence[str]) -> list[Group]:
    """The runs of the newest plan, and what else lies in its folder."""
    found = gather(paths)
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for arm in select(found.arms, where, found.source, Configs()):
        for run in arm.runs.values():
            study = found.source.folder.name if found.source and arm.planned else study_of(run)
            groups[study, arm.name, arm.identity].append(run)
    return named(groups)


def study_of(run: Record) -> str:
    """The folder in which it lies."""
    return run.path.resolve().parent.name


def named(groups: Mapping[tuple[str, str, str], Sequence[Record]]) -> list[Group]:
    """Groups by study, arm and identity; two of one name are told apart by the last."""
    safely = [(safe(study), safe(arm), identity) for study, arm, identity in groups]
    names = Counter(key[:2] for key in safely)
    return [
        Group(study, arm if names[study, arm] == 1 else f"{arm} {identity[:8]}", tuple(runs))
        for (study, arm, identity), runs in zip(safely, groups.values(), strict=True)
    ]


def seed(run: Record) -> str:
    """The name of a run beside others of its arm."""
    return safe(run.path.name) if run.seed is None else f"s{run.seed:02}"


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
