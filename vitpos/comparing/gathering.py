"""Which runs a comparison is about: those that lie in the folders, and those of a frozen plan.

The folder of a study with frozen plans, or the file of a plan, stands for the runs of that plan,
wherever in `outputs` they lie; of several plans the newest counts. Any other folders stand for all
runs in them.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vitpos import identities, records
from vitpos.comparing.arms import Arm, Who, arm, arms, who
from vitpos.durable import read_json
from vitpos.errors import BadRun
from vitpos.hints import command
from vitpos.records import Record
from vitpos.runs import present
from vitpos.sweeps import frozen
from vitpos.sweeps.plan import Member, Plan
from vitpos.words import counted


@dataclass(frozen=True)
class Source:
    """A plan, and where it is from."""

    plan: Plan
    path: Path
    digest: str
    created: str

    @property
    def folder(self) -> Path:
        """That of the study."""
        return self.path.absolute().parents[1]


@dataclass(frozen=True)
class Gathered:
    """All arms there are, the planned ones first."""

    arms: tuple[Arm, ...]
    source: Source | None
    notes: tuple[str, ...]


def gather(paths: Sequence[Path]) -> Gathered:
    """All that lies there; raises `BadRun` for a place without runs and for a damaged plan."""
    file = plan_of(paths)
    if file is not None:
        return planned(source(file))
    found = [records.read(path) for path in records.find(paths)]
    problems = tuple(problem.message for run in found for problem in run.problems)
    return Gathered(tuple(arms(found)), None, (*problems, *unasked(paths)))


def unasked(paths: Sequence[Path]) -> Iterator[str]:
    """Where there are frozen plans among all that was asked for."""
    files = [file for path in paths for file in path.glob("*/plans/*.json")]
    for folder in sorted({file.parents[1] for file in files}):
        yield f"{folder} has a frozen plan, which counts in: {command('compare', folder)}"


def plan_of(paths: Sequence[Path]) -> Path | None:
    """The file of the plan that is meant, if one is."""
    if len(paths) != 1:
        return None
    (path,) = paths
    present(path)
    if path.is_file() and path.suffix == ".json":
        return path
    known = frozen.plans(path)
    return known[-1] if known else None


def source(path: Path) -> Source:
    """A plan from its file, which must lie where it was frozen: its runs are found from there."""
    if path.absolute().parent.name != frozen.FOLDER:
        raise BadRun(f"{path} is not in the folder {frozen.FOLDER} of a study")
    document = read_json(path, frozen.LARGEST)
    plan = frozen.thaw(path)
    created = document.get("created")
    return Source(plan, path, frozen.digest(plan), str(created or ""))


def planned(known: Source) -> Gathered:
    """The runs of a plan wherever they lie, and what else lies in the folder of its study."""
    members = {member.identity: member for member in known.plan.members}
    short = {identity[:8]: identity for identity in members}
    mine: dict[str, list[tuple[Who, Record]]] = {identity: [] for identity in members}
    others: list[Record] = []
    for path in records.walk(known.folder):
        run = records.read(path)
        is_who = who(run)
        identity = (
            short.get(is_who.identity[:8], "") if len(is_who.identity) == 8 else is_who.identity
        )
        if identity in mine:
            mine[identity].append((is_who, run))
        else:
            others.append(run)
    if not all(mine.values()):
        for path in elsewhere(known.folder):
            run = records.read(path)
            identity = str(run.record.get("identity"))
            if identity in mine:
                mine[identity].append((who(run), run))
    found = [planned_arm(group, mine) for group in by_arm(known.plan)]
    left, notes = without_other_plans(others, known)
    runs = [run for group in mine.values() for _, run in group] + left
    problems = [problem.message for run in runs for problem in run.problems]
    return Gathered(tuple(joined(found, arms(left))), known, (*notes, *problems))


def elsewhere(study: Path) -> Iterator[Path]:
    """Runs in the other folders of `outputs`; links lead to what is found without them."""
    with suppress(OSError):
        for folder in sorted(study.parent.iterdir()):
            if folder != study and not folder.is_symlink() and not folder.name.startswith("."):
                yield from records.walk(folder)


def by_arm(plan: Plan) -> list[list[Member]]:
    """The members of each arm."""
    found: dict[str, list[Member]] = {}
    for member in plan.members:
        found.setdefault(member.arm.name, []).append(member)
    return list(found.values())


def planned_arm(members: Sequence[Member], mine: dict[str, list[tuple[Who, Record]]]) -> Arm:
    """An arm as it was planned, with what is there of it."""
    first, key = members[0], identities.arm_identity(members[0].run)
    have = [
        (known._replace(arm=first.arm.name, arm_identity=key, seed=member.seed), run)
        for member in members
        for known, run in mine[member.identity]
    ]
    missing = tuple(member.seed for member in members if not mine[member.identity])
    empty = Arm(first.arm.name, key, {})
    found = arm(key, have) if have else empty
    return replace(found, missing=missing, planned=True, baseline=first.arm.baseline)


def without_other_plans(others: Sequence[Record], known: Source) -> tuple[list[Record], list[str]]:
    """The runs that belong to no plan of the study, and which plans the rest belongs to."""
    if not others:
        return [], []
    owners: dict[str, Path] = {}
    for path in frozen.plans(known.folder):
        if path.name != known.path.name:
            owners |= {member.identity: path for member in thawed(path)}
    left, count = [], dict[Path, int]()
    for run in others:
        owner = owners.get(who(run).identity)
        if owner is None:
            left.append(run)
        else:
            count[owner] = count.get(owner, 0) + 1
    return left, [
        f"{counted(number, 'run')} of another plan, not in this table: {command('compare', path)}"
        for path, number in count.items()
    ]


def thawed(path: Path) -> Sequence[Member]:
    """The members of another plan; none if it is damaged, which is not what was asked."""
    try:
        return frozen.thaw(path).members
    except BadRun:
        return ()


def joined(found: Sequence[Arm], others: Sequence[Arm]) -> list[Arm]:
    """Planned arms with the seeds that were not planned, then the other arms."""
    more = {one.key: one for one in others}
    result = [with_seeds(one, more.pop(one.key, None)) for one in found]
    return [*result, *more.values()]


def with_seeds(one: Arm, more: Arm | None) -> Arm:
    """An arm with the runs of other seeds."""
    if more is None:
        return one
    runs = sorted({**more.runs, **one.runs}.items())
    return replace(one, runs=dict(runs), notes=one.notes + more.notes)
