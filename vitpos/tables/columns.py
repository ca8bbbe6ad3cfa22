"""The one list of columns: what each is called, what stands in it, and which go first.

A column in which no arm has anything is not shown. Where a terminal is too narrow, columns leave
in the order of `LEAVING`, whatever the table; `arm`, `mean` and `verdict` never do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from vitpos.comparing.answer import Row
from vitpos.errors import BadInput
from vitpos.tables import cells
from vitpos.tables.cells import Cell, Sheet, of_cost, of_difference
from vitpos.tables.numbers import NOTHING, chance, pair, short
from vitpos.words import bytes_words, count_words, seconds_words


@dataclass(frozen=True)
class Column:
    """One column: `name` is what `--columns` calls it."""

    name: str
    title: str
    cell: Cell
    left: bool = False  # words, not numbers
    asked: bool = False  # shown only if it is asked for
    clock: bool = False  # depends on when and where the runs ran

    def heading(self, sheet: Sheet) -> str:
        """The title in this table."""
        metric = pair(sheet.answer.metric, sheet.scale.unit)
        points = f" {sheet.scale.points}" if sheet.scale.points else ""
        return self.title.format(metric=metric, level=sheet.level, points=points)


COLUMNS = (
    Column("arm", "arm", cells.arm, left=True),
    Column("against", "against", lambda _, row: row.baseline or NOTHING, left=True, asked=True),
    Column("n", "n", cells.count),
    Column("lost", "lost", cells.lost, left=True),
    Column("mean", "{metric} [95%]", cells.mean),
    Column(
        "difference",
        "Δ{points} vs baseline [{level} simultaneous]",
        of_difference(cells.difference),
    ),
    Column("new_images", "Δ on new images [95%]", of_difference(cells.new_images)),
    Column("holm", "Holm p", of_difference(lambda _, said: chance(said.holm))),
    Column("verdict", "verdict", cells.verdict, left=True),
    Column("wins", "P(A>B) [95%]", of_difference(cells.wins)),
    Column("rank", "rank", cells.rank),
    Column("params", "parameters", of_cost("params", cells.whole)),
    Column("extra", "extra", of_cost("params_extra", cells.extra)),
    Column("position", "position", of_cost("params_embedding", cells.whole)),
    Column("flops", "FLOPs", of_cost("flops_per_image", count_words)),
    Column("speed", "img/s", of_cost("images_per_second", cells.whole), clock=True),
    Column("memory", "memory", of_cost("peak_memory_bytes", bytes_words), clock=True),
    Column("time", "train time", of_cost("train_seconds", seconds_words), clock=True),
    Column("own", "Δ alone [95%]", of_difference(cells.own), asked=True),
    Column("p", "p", of_difference(lambda _, said: chance(said.p)), asked=True),
    Column("sign_flip", "sign-flip p", of_difference(lambda _, s: chance(s.sign_flip)), asked=True),
    Column("effect", "effect size", of_difference(lambda _, s: short(s.effect)), asked=True),
    Column("sd", "sd of pairs", of_difference(cells.deviation), asked=True),
    Column("correlation", "correlation [95%]", of_difference(cells.correlation), asked=True),
    Column("mde", "MDE [95%]", of_difference(cells.mde), asked=True),
    Column(
        "needed", "seeds needed", of_difference(lambda _, s: str(s.needed or NOTHING)), asked=True
    ),
)
KEPT = ("arm", "mean", "verdict")
LEAVING = (
    *("memory", "time", "position", "rank", "flops", "extra", "speed", "params"),
    *("wins", "new_images", "holm", "lost", "n", "against", "difference"),
)


@dataclass(frozen=True)
class Filled:
    """A column with its cells, one for each row of the answer."""

    name: str
    title: str
    cells: tuple[str, ...]
    left: bool


def filled(sheet: Sheet, asked: Sequence[str] | None, *, timings: bool) -> list[Filled]:
    """The columns of a table: those asked for, else all that hold anything."""
    chosen = [column for column in choose(sheet, asked) if timings or not column.clock]
    found = [
        Filled(
            column.name,
            column.heading(sheet),
            tuple(column.cell(sheet, row) for row in sheet.answer.rows),
            column.left,
        )
        for column in chosen
    ]
    kept = (*KEPT, "n", *(asked or ()))
    return [
        column
        for column in found
        if column.name in kept or any(cell != NOTHING for cell in column.cells)
    ]


def choose(sheet: Sheet, asked: Sequence[str] | None) -> list[Column]:
    """Columns by name, the arm always first; raises `BadInput` for one that there is not."""
    by_name = {column.name: column for column in COLUMNS}
    if asked is None:
        several = several_baselines(sheet.answer.rows)
        return [c for c in COLUMNS if not c.asked or (several and c.name == "against")]
    for name in asked:
        if name not in by_name:
            near = get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(by_name)}"
            raise BadInput(f"a table has no column {name!r}", hint)
    return [by_name[name] for name in dict.fromkeys(("arm", *asked))]


def several_baselines(rows: Sequence[Row]) -> bool:
    """Whether arms of one condition are compared with different ones."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.baseline is not None:
            found.setdefault(row.condition, set()).add(row.baseline)
    return any(len(labels) > 1 for labels in found.values())


def blocks(rows: Sequence[Row]) -> dict[str, list[int]]:
    """The numbers of the rows of each condition, in the order in which conditions occur."""
    found: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        found.setdefault(row.condition, []).append(index)
    return found
