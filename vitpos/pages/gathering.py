"""Which runs a page shows: of each arm of a comparison one that is finished."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitpos.comparing import comparison
from vitpos.comparing.answer import Answer, Row
from vitpos.errors import BadRun
from vitpos.hints import command
from vitpos.records import Record
from vitpos.tables.safe import visible
from vitpos.words import counted


@dataclass(frozen=True)
class Shown:
    """An arm: its row in the comparison, and its finished runs, the lowest seed first."""

    row: Row
    runs: tuple[Record, ...]


@dataclass(frozen=True)
class Gathered:
    """All arms that can be shown, the comparison, and what had to be left out."""

    answer: Answer
    arms: tuple[Shown, ...]
    left_out: tuple[str, ...]


def gather(paths: Sequence[Path], allow: Sequence[str] = ()) -> Gathered:
    """The arms in these folders, as `vitpos compare` finds them; `BadRun` if none is finished."""
    answer = comparison.compare(paths, comparison.Asked(allow=allow))
    arms = tuple(shown for row in answer.rows if (shown := finished(row)).runs)
    if not arms:
        first = next(run for row in answer.rows for run in row.runs)
        hint = command("resume", first.path) if first.status != "damaged" else ""
        raise BadRun(f"{listed(paths)}: no run is finished", hint)
    return Gathered(answer, arms, tuple(text for row in answer.rows for text in lost(row)))


def finished(row: Row) -> Shown:
    """An arm with the runs that can stand for it."""
    there = [run for run in row.runs if run.status == "finished"]
    return Shown(row, tuple(sorted(there, key=lambda run: (run.seed is None, run.seed or 0))))


def lost(row: Row) -> Iterator[str]:
    """The runs of an arm that do not count, in a sentence for each reason."""
    for why, seeds in row.lost.items():
        known = [str(seed) for seed in seeds if seed >= 0]
        if not seeds:
            continue
        which = f"seed {', '.join(known)}" if known else counted(len(seeds), "run")
        said = "without its result" if why == "without" else why
        yield f"{row.label}, {which}: {said}, not shown"


def folder(paths: Sequence[Path]) -> Path:
    """Where pages of these go: the folder of the run or the study; of a plan, that of its study."""
    first = paths[0]
    return first.absolute().parents[1] if first.is_file() else first


def title(paths: Sequence[Path]) -> str:
    """What a page of these is called."""
    names = [folder([path]).resolve().name for path in paths]
    return visible(", ".join(dict.fromkeys(names)))


def listed(paths: Sequence[Path]) -> str:
    """The places that were asked for."""
    return ", ".join(map(str, paths))
