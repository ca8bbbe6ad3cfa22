"""How far a study is, and what to type for the rest of it."""

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from vitpos import identities, plugins, records
from vitpos.durable import Lines
from vitpos.errors import BadRun
from vitpos.probes import results
from vitpos.received import content
from vitpos.records import Record
from vitpos.runs import place
from vitpos.sweeps.plan import Member, Plan, spelled

# Of runs that are the same; of those that are equally far, the one begun last counts.
FURTHEST = ("finished", "running", "paused", "interrupted", "stopped", "failed", "diverged")


def there(plan: Plan) -> dict[str, Record]:
    """The members that were begun, by identity, wherever in `outputs` they lie."""
    wanted = {member.identity for member in plan.members}
    found: dict[str, Record] = {}
    for outputs in {member.run.outputs for member in plan.members}:
        for path in records.walk(Path(outputs).expanduser()):
            run = records.read(path)
            known = identity(run)
            if run.status in FURTHEST and known in wanted:
                found[known] = further(run, found.get(known, run))
    return found


def further(run: Record, other: Record) -> Record:
    """The one of two runs of the same identity that counts."""
    first, second = FURTHEST.index(run.status), FURTHEST.index(other.status)
    return run if (first, other.created) < (second, run.created) else other


def begun(member: Member) -> Record | None:
    """One member, if it was begun, wherever in `outputs`; quicker than `there`."""
    outputs = Path(member.run.outputs).expanduser()
    return furthest(member, (path for path in records.walk(outputs) if may_be(path, member)))


def near(member: Member) -> Record | None:
    """The same where it is first looked for: quicker still."""
    usual = place(member.run).expanduser()
    names = (usual.name if n == 1 else f"{usual.name}-{n}" for n in count(1))
    return furthest(member, takewhile(Path.is_dir, (usual.with_name(name) for name in names)))


def furthest(member: Member, paths: Iterable[Path]) -> Record | None:
    """The run among these folders that counts for a member."""
    found: Record | None = None
    for path in paths:
        run = records.read(path)
        if not path.is_symlink() and run.status in FURTHEST and identity(run) == member.identity:
            found = further(run, found or run)
    return found


def may_be(path: Path, member: Member) -> bool:
    """Whether a folder may be that of a member, without reading all that it holds."""
    try:
        return member.identity.encode() in content(path / "record.json")
    except OSError:  # of a process that did not come so far
        return member.identity[:8] in path.name


def identity(run: Record) -> str:
    """As recorded, else made from its config; empty if that is damaged."""
    said = run.record.get("identity")
    if isinstance(said, str):
        return said
    with suppress(BadRun):
        return identities.fingerprint(records.settings(run.path))
    return ""


def evaluations(member: Member, path: Path, done: list[dict[str, Any]]) -> list[list[str]]:
    """Those that the study asks for and that are not among the rows."""
    run = member.run
    usual = {"dataset": run.dataset.name, "split": "test", "image_size": run.image_size}
    return [
        ["eval", str(path), *spelled(wanted)]
        for wanted in member.study.then
        if not any((usual | wanted).items() <= row.items() for row in done)
    ]


def probes(member: Member, path: Path) -> list[str]:
    """Those that the study asks for and that were not measured."""
    if not member.study.probes:
        return []
    known: Collection[str] = ()
    with suppress(BadRun):
        known = results.read(path)
    return [name for name in member.study.probes if name not in known]


def rows(path: Path) -> list[dict[str, Any]]:
    """The evaluations of a run so far; none if they cannot be read."""
    with suppress(BadRun):
        return Lines(path / "evaluations.jsonl").read()
    return []


def commands(plan: Plan) -> Iterator[str]:
    """What to type for each member; a line that starts with # is of one that is over."""
    known = there(plan)
    for member in plan.members:
        before = known.get(member.identity)
        path = before.path if before else place(member.run)
        todo = [["train", *member.words]]
        if before and before.status != "finished":
            todo = [["resume", str(path)]]
        rest = evaluations(member, path, rows(path) if before else [])
        if names := probes(member, path):
            rest.append(["probe", str(path), f"what={','.join(names)}"])
        if before and before.status == "finished":
            todo = [] if rest else todo
        line = " && ".join(map(typed, todo + rest))
        stopped = before is not None and before.status == "stopped" and member.study.stopping
        over = stopped or (before is not None and before.status == "finished" and not rest)
        yield f"# {line}" if over else line


def typed(words: Sequence[str]) -> str:
    """A command of vitpos as it is typed, with the plugins that are trusted now."""
    return shlex.join(["vitpos", *words, *trusting()])


def trusting() -> list[str]:
    """The options that have another process trust the same plugins."""
    return [word for name in plugins.TRUSTED for word in ("--plugin", name)]
