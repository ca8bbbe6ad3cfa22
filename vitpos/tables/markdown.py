"""A table in GitHub's Markdown, with what must be known to read it."""

import re
from collections.abc import Sequence

from vitpos.tables.cells import Sheet
from vitpos.tables.columns import Filled, blocks
from vitpos.tables.remarks import Remark
from vitpos.tables.safe import visible
from vitpos.tables.verdicts import tone

BOLD = ("mean", "verdict")  # of an arm that is better, and of no other
MARKED = re.compile(r"[\\`*\[\]|$~]|(?<![^\W_])_|_(?![^\W_])")  # underscores within words are text
NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "#": "&#35;", "!": "&#33;"}
LISTED = re.compile(r"^(\d*)([-+=.)])")
LINKED = re.compile(r"(?<=\w)(://)|(?<=www)(\.)", re.IGNORECASE)


def render(sheet: Sheet, columns: Sequence[Filled], below: Sequence[Remark]) -> str:
    """A table for each condition, and a paragraph for each line below."""
    parts = [paragraph(sheet.answer.question)] if sheet.answer.question else []
    for condition, rows in blocks(sheet.answer.rows).items():
        if condition:
            parts.append(f"#### {escaped(condition)}")
        parts.append(table(sheet, columns, rows))
    return "\n\n".join([*parts, *(paragraph(remark.line()) for remark in below)])


def table(sheet: Sheet, columns: Sequence[Filled], rows: Sequence[int]) -> str:
    """The rows of one condition."""
    lines = [
        [escaped(column.title) for column in columns],
        ["---" if column.left else "---:" for column in columns],
    ]
    for row in rows:
        better = tone(sheet.answer.rows[row]) == "better"
        lines.append(
            [
                f"**{escaped(column.cells[row])}**"
                if better and column.name in BOLD
                else escaped(column.cells[row])
                for column in columns
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def paragraph(text: str) -> str:
    """Text that is no list and no code, however it starts."""
    return LISTED.sub(lambda found: f"{found[1]}\\{found[2]}", escaped(text.strip()))


def escaped(text: str) -> str:
    """Text that is neither markup nor a link, a mention or an issue."""
    text = MARKED.sub(lambda found: f"\\{found[0]}", visible(text))
    text = "".join(NAMED.get(character, character) for character in text)
    return LINKED.sub(lambda found: "&#58;//" if found[1] else "&#46;", text)
