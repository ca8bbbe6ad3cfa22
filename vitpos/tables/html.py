"""A table as one page: no script, nothing from elsewhere, and readable in the dark."""

from collections.abc import Sequence
from html import escape

from vitpos.tables.cells import Sheet
from vitpos.tables.columns import Filled, blocks
from vitpos.tables.remarks import Remark
from vitpos.tables.safe import visible
from vitpos.tables.verdicts import tone

STYLE = """
:root { color-scheme: light dark; --better: #1a7f37; --worse: #b42318; --line: #8886; }
@media (prefers-color-scheme: dark) { :root { --better: #4ac26b; --worse: #ff8a80; } }
body { font: 0.9rem/1.45 system-ui, sans-serif; margin: 1.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.75rem; text-align: right; white-space: nowrap; }
th { font-weight: normal; border-bottom: 1px solid var(--line); vertical-align: bottom; }
tbody th { border: 0; }
.words { text-align: left; }
.condition { padding-top: 1rem; text-align: left; font-style: italic; }
.better { color: var(--better); }
.worse { color: var(--worse); }
p { margin: 0.4rem 0; max-width: 60rem; }
""".strip()
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(sheet: Sheet, columns: Sequence[Filled], below: Sequence[Remark]) -> str:
    """The page."""
    question = safe(sheet.answer.question)
    lines = [
        "<!doctype html>",
        "<html lang=en>",
        "<meta charset=utf-8>",
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name=viewport content="width=device-width">',
        f"<title>{question or safe(sheet.answer.metric)}</title>",
        f"<style>\n{STYLE}\n</style>",
        *([f"<p>{question}</p>"] if question else []),
        "<div class=scroll>",
        *table(sheet, columns),
        "</div>",
    ]
    lines += [f"<p class={remark.kind}>{safe(remark.line())}</p>" for remark in below]
    return "\n".join([*lines, "</html>"])


def table(sheet: Sheet, columns: Sequence[Filled], caption: str = "") -> list[str]:
    """The table alone, line by line."""
    titles = "".join(
        f"<th scope=col{' class=words' if column.left else ''}>{safe(column.title)}</th>"
        for column in columns
    )
    lines = [
        "<table>",
        *([f"<caption>{safe(caption)}</caption>"] if caption else []),
        f"<thead><tr>{titles}</tr></thead>",
    ]
    for condition, rows in blocks(sheet.answer.rows).items():
        lines.append("<tbody>")
        if condition:
            lines.append(
                f"<tr><th class=condition scope=rowgroup colspan={len(columns)}>"
                f"{safe(condition)}</th></tr>"
            )
        lines += [body(columns, row, tone(sheet.answer.rows[row])) for row in rows]
        lines.append("</tbody>")
    return [*lines, "</table>"]


def body(columns: Sequence[Filled], row: int, verdict: str) -> str:
    """The cells of one arm."""
    arm, *others = columns
    cells = [f"<th scope=row class=words>{safe(arm.cells[row])}</th>"]
    for column in others:
        text, classes = safe(column.cells[row]), ["words"] if column.left else []
        if verdict and column.name == "verdict":
            classes.append(verdict)
        if verdict == "better" and column.name in ("mean", "verdict"):
            text = f"<strong>{text}</strong>"
        said = f' class="{" ".join(classes)}"' if classes else ""
        cells.append(f"<td{said}>{text}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def safe(text: str) -> str:
    """Text that is no markup."""
    return escape(visible(text))
