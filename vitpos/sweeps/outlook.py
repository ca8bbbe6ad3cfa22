"""What a sweep would do: its members, what is there of them already, how long the rest takes."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, KeysView, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from vitpos import machine, records
from vitpos.experiment import Show
from vitpos.outcome import printable
from vitpos.records import Record, part
from vitpos.runs import place
from vitpos.schema import Cluster, Launching, Local, Run
from vitpos.sweeps.estimates import Estimate, checkpoint_bytes, estimates, probed, share_done
from vitpos.sweeps.forecast import seconds_left
from vitpos.sweeps.launchers import local
from vitpos.sweeps.plan import Member, Plan, spelled
from vitpos.sweeps.progress import FURTHEST, there
from vitpos.sweeps.studies import Arm, text
from vitpos.terminal.tally import LOST
from vitpos.words import bytes_words, count_words, counted, seconds_words

LONGEST = 10  # failed members that are named
MIB = 2**20
ROOM = 24  # columns for what differs, else it stands on a line of its own
DROPPED = ("from", "position", "against")  # columns, the first that goes first
Sizes = Mapping[str, tuple[int, int]]  # of each arm: parameters, and those of its position


@dataclass(frozen=True)
class Outlook:
    """A plan, and all that is known before it runs."""

    plan: Plan
    there: Mapping[str, Record]  # members that were begun, by identity
    sizes: Sizes
    estimates: Mapping[str, Estimate]  # by arm
    slots: int | None = None  # None: as many as a cluster has free
    retry: bool = False  # whether what was lost is tried again
    notes: tuple[str, ...] = ()  # of the launcher
    threads: int = 1  # of a member on a CPU

    def to_do(self) -> list[tuple[Member, float]]:
        """Members that would run, each with the share that is still to do."""
        found = []
        for member in self.plan.members:
            run = self.there.get(member.identity)
            if run is None:
                found.append((member, 1.0))
            elif run.status in ("interrupted", "paused"):
                found.append((member, 1 - share_done(run, member.run.training.epochs)))
            elif run.status in LOST and self.retry:
                found.append((member, 1.0))
        return found


def outlook(
    plan: Plan,
    sizes: Sizes,
    options: Launching,
    *,
    retry: bool = False,
    probe: Show | None = None,
) -> Outlook:
    """Look around in `outputs`; `probe` watches while arms are tried of which nothing is known."""
    places = {Path(member.run.outputs).expanduser() for member in plan.members}
    known = estimates(plan, [records.read(path) for top in places for path in records.walk(top)])
    begun = there(plan)
    notes: list[str] = []
    slots, threads = None, options.cpus if isinstance(options, Cluster) else 1
    if isinstance(options, Local):
        here = local.launch(options, plan, list(begun.values()), notes.append)
        slots, threads = here.slots, here.threads
    found = Outlook(plan, begun, sizes, known, slots, retry, tuple(notes), threads)
    if probe is None:
        return found
    wanted = {member.arm.name for member, _ in found.to_do()}
    return replace(found, estimates=probed(plan, wanted, known, probe, threads))


def lines(outlook: Outlook, width: int) -> list[str]:
    """The page, for people."""
    study = outlook.plan.study
    arms = list({member.arm.name: member.arm for member in outlook.plan.members}.values())
    common = set.intersection(*(set(written(arm)) for arm in arms))
    said = [printable(line) for line in question(outlook.plan, arms, common)]
    said = [part for line in said for part in folded(line, width)]
    said += ["", *table(outlook, arms, common, width), ""]
    runs = counted(len(outlook.plan.members), "run")
    said.append(f"{counted(len(arms), 'arm')} x {counted(study.design.seeds, 'seed')} = {runs}")
    rest = [*present(outlook), *duration(outlook), *disk(outlook)]
    rest += [f"note: {note}" for note in outlook.notes]
    return said + [part for line in rest for part in folded(printable(line), width)]


def question(plan: Plan, arms: Sequence[Arm], common: Set[str]) -> Iterator[str]:
    """What is asked, how it will be judged, what all runs share."""
    study, design = plan.study, plan.study.design
    yield f"{study.name}: {design.question}"
    yield f"source: {design.source}"
    yield (
        f"judged by {design.metric}, {design.direction} is better; alpha {design.alpha} for"
        f" {design.looks} look{'s' * (design.looks > 1)}; of interest from"
        f" {design.smallest_effect} on"
    )
    yield f"all runs: {' '.join(word for word in written(arms[0]) if word in common)}"
    if study.stopping is not None:
        yield f"stops arms early, which are then not compared: {study.stopping.words()}"
    if study.tuned is not None:
        yield f"tuned, {counted(study.tuned.get('trials'), 'trial')} per arm"
    if study.then:
        yield f"then: {'; '.join(' '.join(spelled(wanted)) for wanted in study.then)}"
    yield from (f"left out: {name}: {reason}" for name, reason in study.without.items())


def folded(line: str, width: int) -> list[str]:
    """A line in as many as it takes; words stay whole."""
    indent = " " * (len(line) - len(line.lstrip()))
    return wrapped(line.lstrip(), width, indent, f"{indent}  ")


def table(outlook: Outlook, arms: Sequence[Arm], common: Set[str], width: int) -> Iterator[str]:
    """A line for each arm: parameters, its baseline, what a run of it takes, what differs."""
    known = {arm.name: arm for arm in arms}
    cells = [["arm", "parameters", "position", "a run", "from", "against", "what differs"]]
    bases = {arm.baseline for arm in arms}
    for arm in arms:
        usual = written(known[arm.baseline]) if arm.baseline else common
        own = " ".join(word for word in written(arm) if word not in usual)
        sized = [count_words(size) for size in outlook.sizes.get(arm.name, ())] or ["?", "?"]
        guess = outlook.estimates.get(arm.name)
        timed = [seconds_words(guess.seconds), guess.source] if guess else ["?", ""]
        is_base = "(baseline)" if arm.name in bases else ""
        row = [arm.name, *sized, *timed, arm.baseline or is_base, own]
        cells.append([printable(cell) for cell in row])
    if not outlook.estimates:
        cells = [[*row[:3], *row[5:]] for row in cells]
    yield from aligned(cells, width)


def aligned(cells: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Columns below one another; the last goes to lines of its own where there is no room."""
    *fixed, last = zip(*cells, strict=True)
    for title in DROPPED:
        if width - sum(map(wide, fixed)) < ROOM:
            fixed = [column for column in fixed if column[0] != title]
    beside = width - sum(map(wide, fixed)) >= ROOM
    for row, words in zip(zip(*fixed, strict=True), last, strict=True):
        padded = zip(row, map(wide, fixed), strict=True)
        first = "".join(f"{cell:{size}}" for cell, size in padded)
        if beside:
            yield from wrapped(words, width, first, " " * len(first)) or [first.rstrip()]
        else:
            yield first.rstrip()
            yield from wrapped(words, width, "    ", "    ")


def wide(column: Sequence[str]) -> int:
    """Columns of the terminal, with those to the next."""
    return max(map(len, column)) + 2


def wrapped(words: str, width: int, first: str, others: str) -> list[str]:
    """Words in lines, the first after what stands there already."""
    return textwrap.wrap(
        words,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def written(arm: Arm) -> KeysView[str]:
    """Its overrides as the file has them, in order."""
    return {f"{key}={text(item)}": None for key, item in arm.overrides.items()}.keys()


def present(outlook: Outlook) -> Iterator[str]:
    """What is there already, where, and what becomes of it."""
    again = "tried again" if outlook.retry else "tried again only with --retry"
    then = {
        "running": "left to the process that has it",
        "paused": "to be gone on with",
        "interrupted": "to be gone on with",
        "failed": again,
        "diverged": again,
    }
    runs = list(outlook.there.values())
    if not runs:
        yield "nothing is there yet"
    for status in FURTHEST:
        places = Counter(str(run.path.parent) for run in runs if run.status == status)
        if places:
            where = ", ".join(f"{n} in {path}" for path, n in places.items())
            yield f"{status}: {where}{f': {then[status]}' if status in then else ''}"
    lost = [run for run in runs if run.status == "failed"]
    for run in lost[:LONGEST]:
        why = part(run.record, "failure").get("detail", "")
        yield f"  {run.path.name}{f': {why}' if why else ''}"
    if len(lost) > LONGEST:
        yield f"  ... and {len(lost) - LONGEST} more"


def duration(outlook: Outlook) -> Iterator[str]:
    """How long it would take here, and how many hours of a processor."""
    to_do = outlook.to_do()
    if not to_do:
        yield "nothing is left to run"
        return
    known = [(m.run, share, m.arm.name) for m, share in to_do if m.arm.name in outlook.estimates]
    unknown = {member.arm.name for member, _ in to_do} - outlook.estimates.keys()
    if known:
        seconds = [outlook.estimates[arm].seconds * share for _, share, arm in known]
        left = seconds_words(seconds_left([], seconds, outlook.slots or 1))
        how = f"on {counted(outlook.slots, 'slot')}" if outlook.slots else "one after another"
        hours = hours_words([run for run, _, _ in known], seconds, outlook.threads)
        yield f"{counted(len(known), 'run')} to do: about {left} {how}, {hours}"
    if unknown:
        runs = counted(len(to_do) - len(known), "run")
        arms = counted(len(unknown), "arm")
        more = "more " * bool(known)
        yield f"{runs} {more}to do; nothing tells how long {arms} would take here"
        yield "--probe tries a few steps of each"


def hours_words(runs: Sequence[Run], seconds: Sequence[float], threads: int) -> str:
    """Hours of GPUs, or of the cores that have something to do."""
    if {machine.find_device(run.device).type for run in runs} != {"cpu"}:
        return f"{hours(sum(seconds))} GPU-hours"
    return f"{hours(sum(seconds) * threads)} CPU-hours"


def hours(seconds: float) -> str:
    """``0.0042``, ``0.31``, ``12.5``, ``4,413.9``."""
    found = seconds / 3600
    return f"{found:,.1f}" if found >= 1 else f"{found:.2g}"


def disk(outlook: Outlook) -> Iterator[str]:
    """What the checkpoints of those that would run take, and how much room there is."""
    runs = [member for member, _ in outlook.to_do() if member.arm.name in outlook.sizes]
    if not runs:
        return
    need = sum(checkpoint_bytes(m.run, outlook.sizes[m.arm.name][0]) for m in runs)
    where = place(runs[0].run).expanduser().absolute()
    there = next(path for path in where.parents if path.exists())
    free = shutil.disk_usage(there).free
    room = f"{bytes_words(free)} are free{'' if free > need else ', which is not enough'}"
    yield f"about {bytes_words(max(need, MIB))} of checkpoints; {room}"
