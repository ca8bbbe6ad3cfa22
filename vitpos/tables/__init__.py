"""Answers as text: `render` one for a terminal, a paper, a page or a program.

==========  ======================================================================================
rich        a terminal's width, in green and red; piped, plain and 120 columns wide or `COLUMNS`
markdown    GitHub's
latex       booktabs; compiles by itself, and within a document that uses array and booktabs
html        one page without scripts or anything from elsewhere, light and dark
csv         a line per arm, numbers in full
json        everything, for programs; `machine` has the names
==========  ======================================================================================
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from vitpos.comparing.answer import Answer
from vitpos.errors import BadInput
from vitpos.tables import columns, html, latex, machine, markdown, remarks, terminal
from vitpos.tables.cells import Sheet

PIPED = 120  # columns of a file, whichever terminal it is made in
PAGES: dict[str, Callable[..., str]] = {
    "markdown": markdown.render,
    "latex": latex.render,
    "html": html.render,
}
DATA: dict[str, Callable[..., str]] = {"csv": machine.csv, "json": machine.json}
FORMATS = ("rich", *PAGES, *DATA)


def render(
    answer: Answer,
    format: str,
    *,
    width: int | None = None,
    colour: bool | None = None,
    timings: bool = True,
    only: Sequence[str] | None = None,
) -> str:
    """A table and what stands below it, without a newline at the end.

    `width` and `colour` are of `rich` alone; without them they follow standard output. Without
    `timings` all is left out that depends on when and where runs ran (speeds, memory, times, dates,
    folders): tables of the same numbers are then equal byte for byte. `only` names the columns to
    show, of `columns.COLUMNS`; csv and json have all. Raises `BadInput` for one that there is not.
    """
    if format in DATA:
        return DATA[format](Sheet(answer), timings=timings)
    sheet = Sheet(answer)
    found = columns.filled(sheet, only, timings=timings)
    below = remarks.remarks(sheet, timings=timings)
    if format in PAGES:
        return PAGES[format](sheet, found, below)
    if format != "rich":
        raise BadInput(f"a table cannot be {format}", f"one of {', '.join(FORMATS)}")
    draw = partial(terminal.render, sheet, found, below, asked=only is not None)
    return draw(width=width or columns_of_output(), colour=coloured() if colour is None else colour)


def lines_below(answer: Answer, *, timings: bool = True) -> list[str]:
    """What stands below a table, for where a format has no place for it."""
    return [remark.line() for remark in remarks.remarks(Sheet(answer), timings=timings)]


def columns_of_output() -> int:
    """How wide lines may be: `COLUMNS`, else the terminal, else the same for every file."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdigit() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or PIPED
    except (OSError, ValueError, AttributeError):
        return PIPED


def coloured() -> bool:
    """Whether standard output is a terminal that wants colours (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout is not None and sys.stdout.isatty()
