"""What all pictures of an answer share: names of its arms, conditions, and what must be told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vitpos import records
from vitpos.comparing.answer import Answer, Row
from vitpos.comparing.circumstances import dataset, epochs, machine
from vitpos.errors import BadRun
from vitpos.plots.style import shown
from vitpos.records import Record
from vitpos.switches import on_new_grid

SPLITS = {"val": "validation"}
UNITS = {"accuracy": " (%)"}
LISTED = 6  # runs that do not count and are named one by one


@dataclass(frozen=True)
class Scene:
    """An answer to be drawn."""

    answer: Answer

    @cached_property
    def groups(self) -> dict[str, list[tuple[str, Row]]]:
        """The rows of each condition under names that can be drawn, no two of them the same."""
        found: dict[str, list[tuple[str, Row]]] = {}
        prefix = self.prefix
        for row in self.answer.rows:
            there = found.setdefault(row.condition, [])
            label = short(row).removeprefix(prefix) or short(row)
            name, number = shown(label), 1
            while name in {other for other, _ in there}:
                number += 1
                name = f"{shown(label)} ({number})"
            there.append((name, row))
        return found

    @property
    def prefix(self) -> str:
        """The data set before all names: the title says it."""
        start = f"{self.told(dataset)}-"
        return start if all(short(row).startswith(start) for row in self.answer.rows) else ""

    @property
    def runs(self) -> list[Record]:
        """All runs."""
        return [run for row in self.answer.rows for run in row.runs]

    @property
    def baseline(self) -> str | None:
        """The name of the arm that all others are compared with, if it is one."""
        names = {
            name
            for rows in self.groups.values()
            for name, row in rows
            if any(row.label == other.baseline for _, other in rows)
        }
        return names.pop() if len(names) == 1 else None

    @property
    def study(self) -> str:
        """The name of the folder in which the runs lie."""
        names = sorted({run.path.absolute().parent.name for run in self.runs})
        return shown(names[0], 60) if len(names) == 1 else f"{len(names)} studies"

    @property
    def folder(self) -> Path:
        """Where pictures of these runs go: into their study, or here if they are of several."""
        parents = {run.path.parent for run in self.runs}
        return (parents.pop() if len(parents) == 1 else Path()) / "plots"

    def told(self, question: Callable[[Record], str]) -> str:
        """What the runs say, all that they say if it is not the same."""
        finished = [run for run in self.runs if run.status == "finished"] or self.runs
        said = sorted({question(run) for run in finished})
        return ", ".join(shown(text) for text in said[:3]) + (" ..." if len(said) > 3 else "")

    @property
    def seeds(self) -> str:
        """``n = 3 seeds``, ``n = 2-3 seeds``."""
        counts = sorted({len(row.values) for row in self.answer.rows})
        number = str(counts[0]) if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
        return f"n\u00a0=\u00a0{number}\u00a0{'seed' if number == '1' else 'seeds'}"

    def title(self, what: str) -> str:
        """Study, what is seen, on which data, of how many seeds."""
        return f"{self.study}: {what}, {self.told(dataset)}, {self.seeds}"

    def caption(self, *said: str) -> str:
        """What one must know to read a picture; no date, so that it stays the same."""
        answer = self.answer
        about = [f"{len(answer.rows)} arms", self.told(epochs)]
        about += [answer.recipe] if answer.recipe else []
        about += [f"plan {answer.plan[:12]}"] if answer.plan else ["no frozen plan"]
        about += [f"exploratory: {'; '.join(answer.deviations)}"] if answer.deviations else []
        lost = list(self.lost())
        more = f" and {len(lost) - LISTED} more" if len(lost) > LISTED else ""
        about += [f"not counted: {', '.join(lost[:LISTED])}{more}"] if lost else []
        return ". ".join(part for part in (*said, shown("; ".join(about), 400)) if part) + "."

    def lost(self) -> Iterator[str]:
        """Which runs do not count, and why."""
        for rows in self.groups.values():
            for name, row in rows:
                for reason, seeds in row.lost.items():
                    if seeds:
                        yield f"{name} {'seed' if len(seeds) == 1 else 'seeds'} " + (
                            f"{', '.join(map(str, seeds))} ({reason})"
                        )

    def rule(self, row: Row) -> str:
        """How an arm meets a grid that it was not trained on; empty if that cannot be read."""
        for run in row.runs:
            with suppress(BadRun):
                return shown(on_new_grid(records.settings(run.path)["embedding"]), 60)
        return ""

    def measured_on(self) -> str:
        """The machines behind speeds and memory."""
        return self.told(machine)


def short(row: Row) -> str:
    """The name of an arm within its condition."""
    return row.label.removeprefix(f"{row.condition}-") if row.condition else row.label


def words(metric: str) -> str:
    """A metric in words: ``validation accuracy``, ``test loss at 56 px``."""
    name, _, size = metric.partition("@")
    first, _, last = name.partition("/")
    said = f"{SPLITS.get(first, first)} {last.replace('_', ' ')}"
    return f"{said} at {size} px" if size else said


def axis(metric: str) -> str:
    """The same with its unit."""
    return shown(words(metric), 60) + (UNITS["accuracy"] if is_share(metric) else "")


def is_share(metric: str) -> bool:
    """Whether it is told in percent."""
    return metric.partition("@")[0].endswith("accuracy")


def band(counts: Sequence[int]) -> str:
    """What the bands are; that there are none, and why."""
    enough = sorted({n for n in counts if n >= 3})
    if not enough:
        return "No bands: fewer than three seeds"
    said = str(enough[0]) if len(enough) == 1 else f"{enough[0]}–{enough[-1]}"
    few = "; single seeds where there are fewer than three" if min(counts) < 3 else ""
    return f"Mean and pointwise 95 % t band, n = {said}{few}"
