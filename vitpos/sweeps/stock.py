"""What is there of a plan: the state of each member as it lies on the disk."""

from vitpos.records import Record, part
from vitpos.sweeps import progress
from vitpos.sweeps.plan import Member
from vitpos.sweeps.states import State


def state(member: Member, run: Record | None) -> State:
    """How far a member is. One that still lacks evaluations is not finished."""
    if run is None:
        return State("planned")
    kind, detail = run.status, ""
    if kind == "running":
        kind = "elsewhere"
    elif kind == "failed":
        detail = str(part(run.record, "failure").get("detail", ""))
    elif kind == "finished" and lacking(member, run):
        kind, detail = "planned", "without its evaluations"
    return State(kind, run.path, value=value(member, run), detail=detail)


def lacking(member: Member, run: Record) -> bool:
    """Whether evaluations or probes that the study asks for are missing."""
    done = progress.rows(run.path) if member.study.then else []
    return bool(progress.evaluations(member, run.path, done) or progress.probes(member, run.path))


def value(member: Member, run: Record) -> float | None:
    """The metric of the study, once it is there."""
    name, _, size = member.study.design.metric.partition("@")
    if not size:
        return run.number(name) if run.status == "finished" else None
    split, _, what = name.partition("/")
    wanted = {"split": split, "image_size": int(size), "dataset": member.run.dataset.name}
    found = [row.get(what) for row in progress.rows(run.path) if wanted.items() <= row.items()]
    return found[-1] if found and isinstance(found[-1], float | int) else None
