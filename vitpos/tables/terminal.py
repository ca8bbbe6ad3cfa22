"""A table as wide as a terminal, in which no number is ever cut.

Names of arms are broken into lines, verdicts and titles between words. If that is not enough,
columns leave in the order of `columns.LEAVING`, and a line says which; costs and ranks leave before
a name is broken that is not very long. Where not even the arm, its
mean and its verdict fit side by side, each fact has a line of its own.
"""

import re
from collections.abc import Sequence

from vitpos.tables.cells import Sheet
from vitpos.tables.columns import LEAVING, Filled, blocks
from vitpos.tables.numbers import NOTHING
from vitpos.tables.remarks import Remark
from vitpos.tables.safe import letter_width, visible, width
from vitpos.tables.strips import strips
from vitpos.tables.verdicts import tone

GAP = 2  # columns of a terminal between two of a table
FOLDED = {"arm": 14, "against": 14, "verdict": 14, "lost": 12}  # widths down to which they fold
ROOMY = 24  # an arm's name that is not broken for the sake of a column in SPARED
SPARED = ("memory", "time", "position", "rank", "flops", "extra", "speed", "params")
TONES = {"better": "\x1b[32m", "worse": "\x1b[31m"}
BREAK = re.compile(r" (?![^()\[\]]{0,14}[)\]])")  # between words, but not in short brackets
PLAIN = "\x1b[0m"


def render(
    sheet: Sheet,
    columns: Sequence[Filled],
    below: Sequence[Remark],
    *,
    asked: bool,
    width: int,
    colour: bool,
) -> str:
    """A table for each condition with strips of its arms, and below the lines that belong to all.

    Who `asked` for columns gets these and nothing else.
    """
    columns = [made_visible(column) for column in columns]
    shown, left_out = fitting(columns, width, keep=asked)
    lines = fold(sheet.answer.question, width)
    if lines:
        lines.append("")
    widths = spread(shown, width)
    tones = [tone(row) if colour else "" for row in sheet.answer.rows]
    for condition, rows in blocks(sheet.answer.rows).items():
        if condition:
            lines += fold(condition, width)
        if widths is None:
            lines += cards(shown, rows, tones, width)
        else:
            lines += table(shown, widths, rows, tones)
        lines.append("")
        if not asked:
            chosen = [sheet.answer.rows[row] for row in rows]
            drawn = strips(sheet, chosen, width)
            lines += [*drawn, ""] if drawn else []
    if left_out:
        names = ", ".join(left_out)
        lines += fold(
            f"left out at this width: {names} (a wider terminal, --columns or --format csv)", width
        )
    for remark in below:
        lines += fold(remark.line(), width)
    return "\n".join(lines)


def made_visible(column: Filled) -> Filled:
    """The same column with nothing in it that moves a terminal."""
    cells = tuple(map(visible, column.cells))
    return Filled(column.name, visible(column.title), cells, column.left)


def fitting(columns: Sequence[Filled], width: int, *, keep: bool) -> tuple[list[Filled], list[str]]:
    """The columns that fit, and the names of those that do not; all if facts get lines anyway."""
    shown, left_out = list(columns), list[str]()
    for name in () if keep else LEAVING:
        if total(shown, roomy=name in SPARED) <= width:
            break
        if any(column.name == name for column in shown):
            shown = [column for column in shown if column.name != name]
            left_out.append(name)
    return (shown, left_out) if total(shown) <= width else (list(columns), [])


def total(columns: Sequence[Filled], *, roomy: bool = False) -> int:
    """The least width of a table; `roomy`: without breaking names of usual length."""
    return sum(least(column, roomy=roomy) + GAP for column in columns) - GAP


def least(column: Filled, *, roomy: bool = False) -> int:
    """The least width of a column."""
    full = natural(column)
    narrow = ROOMY if roomy and column.name == "arm" else FOLDED.get(column.name)
    if narrow is None:
        return full
    words = () if column.name in ("arm", "against") else column.cells
    longest = max((width(word) for cell in words for word in BREAK.split(cell)), default=0)
    return min(full, max(narrow, longest, heading_width(column)))


def natural(column: Filled) -> int:
    """The width of a column whose cells are not folded; its title may be."""
    return max([heading_width(column), *map(width, column.cells)])


def heading_width(column: Filled) -> int:
    """The longest word of its title; brackets are not torn."""
    return max(map(width, pieces(column.title)))


def pieces(title: str) -> list[str]:
    """Where a title may be broken: before its bracket, and between words before that."""
    words, bracket, rest = title.partition(" [")
    return [*words.split(), *([f"[{rest}"] if bracket else [])]


def spread(columns: Sequence[Filled], width: int) -> list[int] | None:
    """How wide each column is: what is left over unfolds arms, then verdicts; None: no table."""
    widths = [least(column) for column in columns]
    free = width - sum(widths) - GAP * (len(widths) - 1)
    if free < 0:
        return None
    for name in FOLDED:
        for index, column in enumerate(columns):
            if column.name == name:
                more = min(free, natural(column) - widths[index])
                widths[index] += more
                free -= more
    return widths


def table(
    columns: Sequence[Filled], widths: Sequence[int], rows: Sequence[int], tones: Sequence[str]
) -> list[str]:
    """Titles, a rule and the rows of one condition."""
    titles = [
        lines_of(pieces(column.title), wide) for column, wide in zip(columns, widths, strict=True)
    ]
    lefts = [column.left for column in columns]
    lines = side_by_side(titles, widths, lefts, [""] * len(columns), bottom=True)
    lines.append("─" * (sum(widths) + GAP * (len(widths) - 1)))
    for row in rows:
        cells = [folded(column, row, wide) for column, wide in zip(columns, widths, strict=True)]
        colours = [tones[row] if column.name == "verdict" else "" for column in columns]
        lines += side_by_side(cells, widths, lefts, colours)
    return lines


def side_by_side(
    cells: Sequence[list[str]],
    widths: Sequence[int],
    lefts: Sequence[bool],
    tones: Sequence[str],
    *,
    bottom: bool = False,
) -> list[str]:
    """Cells of one or more lines next to one another."""
    height = max(map(len, cells))
    lines = []
    for line in range(height):
        said = ""
        for cell, wide, left, colour in zip(cells, widths, lefts, tones, strict=True):
            index = line - (height - len(cell)) if bottom else line
            text = cell[index] if 0 <= index < len(cell) else ""
            space = " " * (wide - width(text))
            text = f"{TONES[colour]}{text}{PLAIN}" if colour and text else text
            said += (text + space if left else space + text) + " " * GAP
        lines.append(said.rstrip())
    return lines


def folded(column: Filled, row: int, wide: int) -> list[str]:
    """A cell as lines: names are broken anywhere, all else between words."""
    cell = column.cells[row]
    return broken(cell, wide) if column.name in ("arm", "against") else fold(cell, wide)


def broken(text: str, most: int) -> list[str]:
    """Text in lines of at most so many columns."""
    lines, used = [""], 0
    for character in text:
        step = letter_width(character)
        if used + step > most:
            lines.append("")
            used = 0
        lines[-1] += character
        used += step
    return lines


def fold(text: str, most: int) -> list[str]:
    """Text broken between words; a longer word is not broken."""
    return lines_of(BREAK.split(visible(text)), most) if text else []


def lines_of(words: Sequence[str], most: int) -> list[str]:
    """Words in as few lines as fit."""
    lines: list[str] = []
    for word in words:
        if lines and width(lines[-1]) + 1 + width(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def cards(
    columns: Sequence[Filled], rows: Sequence[int], tones: Sequence[str], most: int
) -> list[str]:
    """A line for each fact of each arm, where a table is too wide."""
    arm, *others = columns
    lines = []
    for row in rows:
        lines += broken(arm.cells[row], most)
        for column in others:
            if column.cells[row] == NOTHING:
                continue
            said = fold(f"{column.title}: {column.cells[row]}", most - GAP)
            colour = tones[row] if column.name == "verdict" else ""
            lines += [
                f"{'':{GAP}}{TONES[colour]}{text}{PLAIN}" if colour else f"{'':{GAP}}{text}"
                for text in said
            ]
    return lines
