"""What a sweep would do: its members, what is there of them already, how long the rest takes."""

import shutil
import textwrap
import time
from collections.abc import Iterator, KeysView, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from vitpos import machine, records
from vitpos.estimates import Estimate, checkpoint_bytes, estimates, probed, share_done
from vitpos.experiment import Show
from vitpos.forecast import seconds_left
from vitpos.outcome import printable
from vitpos.plan import Member, Plan, spelled
from vitpos.progress import there
from vitpos.records import Record, part
from vitpos.runs import place
from vitpos.studies import Arm, text
from vitpos.words import bytes_words, count_words, counted, seconds_words

LONGEST = 10  # failed members that are named
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
    slots: int = 1
    retry: bool = False  # whether failed members are tried again

    def to_do(self) -> list[tuple[Member, float]]:
        """Members that would run, each with the share that is still to do."""
        found = []
        for member in self.plan.members:
            run = self.there.get(member.identity)
            if run is None:
                found.append((member, 1.0))
            elif run.status in ("interrupted", "paused"):
                found.append((member, 1 - share_done(run, member.run.training.epochs)))
            elif run.status == "failed" and self.retry:
                found.append((member, 1.0))
        return found


def outlook(
    plan: Plan, sizes: Sizes, *, slots: int = 1, retry: bool = False, probe: Show | None = None
) -> Outlook:
    """Look around in `outputs`; a few steps of unknown arms are tried before the eyes of `probe`."""
    places = {Path(member.run.outputs).expanduser() for member in plan.members}
    known = estimates(plan, [records.read(path) for top in places for path in records.walk(top)])
    found = Outlook(plan, there(plan), sizes, known, slots, retry)
    if probe is None:
        return found
    wanted = {member.arm.name for member, _ in found.to_do()}
    return replace(found, estimates=probed(plan, wanted, known, probe))


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
    rest = [*present(outlook), *failures(outlook), *duration(outlook), *disk(outlook)]
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
    if study.then:
        yield f"then: {'; '.join(' '.join(spelled(wanted)) for wanted in study.then)}"
    yield from (f"left out: {name}: {reason}" for name, reason in study.without.items())


def folded(line: str, width: int) -> list[str]:
    """A line in as many as it takes; words stay whole."""
    return textwrap.wrap(
        line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def table(outlook: Outlook, arms: Sequence[Arm], common: Set[str], width: int) -> Iterator[str]:
    """A line for each arm: parameters, its baseline, what a run of it takes, what differs."""
    known = {arm.name: arm for arm in arms}
    cells = [["arm", "parameters", "position", "a run", "from", "against", "what differs"]]
    for arm in arms:
        usual = written(known[arm.baseline]) if arm.baseline else common
        own = " ".join(word for word in written(arm) if word not in usual)
        sized = [count_words(size) for size in outlook.sizes.get(arm.name, ())] or ["?", "?"]
        guess = outlook.estimates.get(arm.name)
        timed = [seconds_words(guess.seconds), guess.source] if guess else ["?", ""]
        row = [arm.name, *sized, *timed, arm.baseline or "(baseline)", own]
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
    for row, text in zip(zip(*fixed, strict=True), last, strict=True):
        padded = zip(row, map(wide, fixed), strict=True)
        first = "".join(f"{cell:{size}}" for cell, size in padded)
        if beside:
            yield from wrapped(text, width, first, " " * len(first)) or [first.rstrip()]
        else:
            yield first.rstrip()
            yield from wrapped(text, width, "    ", "    ")


def wide(column: Sequence[str]) -> int:
    """Columns of the terminal, with those to the next."""
    return max(map(len, column)) + 2


def wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    """Words in lines, the first after what stands there already."""
    return textwrap.wrap(
        text,
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
    """What is there already, and where."""
    places: dict[str, dict[Path, int]] = {}
    for run in outlook.there.values():
        here = places.setdefault(run.status, {})
        here[run.path.parent] = here.get(run.path.parent, 0) + 1
    if not places:
        yield "none is there yet"
    for status, folders in places.items():
        number = sum(folders.values())
        where = ", ".join(
            f"{path}{f' ({n})' if len(folders) > 1 else ''}" for path, n in folders.items()
        )
        how = {
            "interrupted": ", goes on" + " each" * (number > 1),
            "paused": ", goes on" + " each" * (number > 1),
            "running": ", left to the process that has it",
            "failed": ", tried again" if outlook.retry else ", tried again only with --retry",
            "diverged": ", and would again",
        }
        yield f"{number} {status} in {where}{how.get(status, '')}"


def failures(outlook: Outlook) -> Iterator[str]:
    """Why those that failed did."""
    lost = [run for run in outlook.there.values() if run.status == "failed"]
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
    unknown = [member for member, _ in to_do if member.arm.name not in outlook.estimates]
    if unknown:
        arms = counted(len({member.arm.name for member in unknown}), "arm")
        yield (
            f"{counted(len(to_do), 'run')} to do; how long they take is not known for {arms}:"
            " none ran on this machine, and nothing like it; --probe tries a few steps of each"
        )
        return
    seconds = [outlook.estimates[m.arm.name].seconds * share for m, share in to_do]
    left = seconds_left([], seconds, outlook.slots)
    kinds = {machine.find_device(member.run.device).type for member, _ in to_do}
    threads = [m.run.threads or machine.useful_threads(m.run) for m, _ in to_do]
    hours = sum(seconds) / 3600
    said = f"{hours:.2f} GPU-hours"
    if kinds == {"cpu"}:
        hours = sum(s * n for s, n in zip(seconds, threads, strict=True)) / 3600
        said = f"{hours:.2f} CPU-hours"
    at = time.strftime("%H:%M", time.localtime(time.time() + left))
    until = f", until {at} if it starts now" if left < 43200 else ""
    slots = counted(outlook.slots, "slot")
    yield (
        f"{counted(len(to_do), 'run')} to do: about {seconds_words(left)} on {slots}{until};"
        f" {said}; the start of each process and evaluations afterwards not counted"
    )


def disk(outlook: Outlook) -> Iterator[str]:
    """What the checkpoints of those that would run take, and how much room there is."""
    runs = [member for member, _ in outlook.to_do() if member.arm.name in outlook.sizes]
    if not runs:
        return
    need = sum(checkpoint_bytes(m.run, outlook.sizes[m.arm.name][0]) for m in runs)
    where = place(runs[0].run).expanduser().absolute()
    there = next(path for path in where.parents if path.exists())
    free = shutil.disk_usage(there).free
    enough = "" if free > need else ", which is not enough"
    yield f"about {bytes_words(need)} of checkpoints; {bytes_words(free)} are free{enough}"
