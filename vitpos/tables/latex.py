r"""A table in LaTeX, with booktabs, in as many parts as the width of a page needs.

The file compiles by itself, and within a document that says ``\usepackage{array,booktabs}``: when
``\begin{document}`` has been passed, LaTeX has made ``\@nodocument`` do nothing. All is ASCII, so
that it does not matter how the document is encoded.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from vitpos.tables.cells import Sheet
from vitpos.tables.columns import Filled, blocks
from vitpos.tables.remarks import Remark
from vitpos.tables.safe import visible
from vitpos.tables.verdicts import tone

HEAD = r"""% needs \usepackage{array,booktabs}; \input this file, or compile it as it is
\expandafter\ifx\csname @nodocument\endcsname\relax
  \def\vitposend{}
\else
  \documentclass{article}
  \usepackage{array,booktabs}
  \pagestyle{empty}
  \def\vitposend{\end{document}}
  \begin{document}
\fi
\begingroup
\footnotesize
\setlength{\tabcolsep}{4pt}
\setlength{\parindent}{0pt}"""
FOOT = r"""\par
\endgroup
\vitposend"""
SPECIAL = {
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}"},
    **{"`": r"{\char96}", "'": r"{\char39}", "[": "{[}", "]": "{]}", "*": "{*}"},
    **{character: f"\\{character}" for character in "#$%&_{}"},
    **{"Δ": r"$\Delta$", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "−": "$-$"},
    **{"–": "--", "—": "---", "…": r"\ldots{}", "→": r"$\to$", "≤": r"$\le$", "≥": r"$\ge$"},
    **{"α": r"$\alpha$", "δ": r"$\delta$", "θ": r"$\theta$", "λ": r"$\lambda$", "ρ": r"$\rho$"},
}
ACCENTS = {
    **{"\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0308": r"\""},
    **{"\u030a": r"\r", "\u0327": r"\c", "\u030c": r"\v"},
}
PAGE = 87  # letters in a line of an article
FOLDED = 21  # letters of a verdict in one line
GAP = 2
FIRST = ("n", "mean", "difference", "verdict")
MINUS = re.compile(r"(?<![\w-])-(?=\d)")
JOINED = re.compile(r"([-,?!])(?=[-,?!{])")  # pairs that fonts draw as one character


def render(sheet: Sheet, columns: Sequence[Filled], below: Sequence[Remark]) -> str:
    """Tables that each begin with the arm, and a line for each remark."""
    parts = [HEAD]
    if sheet.answer.question:
        parts.append(f"{escaped(sheet.answer.question)}\\par\\medskip")
    for chosen in packed(columns):
        parts += [tabular(sheet, chosen), r"\par\smallskip"]
    parts += [f"{escaped(remark.line())}\\par" for remark in below]
    return "\n".join([*parts, FOOT])


def packed(columns: Sequence[Filled]) -> list[list[Filled]]:
    """The columns in tables as wide as a page: first what was found, then how and at what cost."""
    arm, *others = columns
    others.sort(key=lambda column: column.name not in FIRST)
    tables = [[arm]]
    for column in others:
        if len(tables[-1]) > 1 and sum(map(wide, tables[-1])) + wide(column) > PAGE:
            tables.append([arm])
        tables[-1].append(column)
    return tables


def wide(column: Filled) -> int:
    """About how many letters it takes."""
    title, _, rest = column.title.partition(" [")
    most = max(map(len, [title, rest, *column.cells]))
    return GAP + (min(most, FOLDED) if column.name == "verdict" else most)


def tabular(sheet: Sheet, columns: Sequence[Filled]) -> str:
    """Titles in two lines, and the rows of each condition."""
    shape = "".join(map(kind, columns))
    titles = [column.title.partition(" [") for column in columns]
    lines = [f"\\begin{{tabular}}{{{shape}}}", r"\toprule"]
    lines.append(line(escaped(words) for words, _, _ in titles))
    if any(rest for _, _, rest in titles):
        lines.append(line(escaped(f"[{rest}" if rest else "") for _, _, rest in titles))
    for condition, rows in blocks(sheet.answer.rows).items():
        lines.append(r"\midrule")
        if condition:
            said = f"\\multicolumn{{{len(columns)}}}{{l}}{{\\emph{{{escaped(condition)}}}}}"
            lines.append(line([said]))
        for row in rows:
            better = tone(sheet.answer.rows[row]) == "better"
            lines.append(line(cell(column, row, better=better) for column in columns))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def kind(column: Filled) -> str:
    """Words to the left, numbers to the right; long verdicts are folded."""
    if column.name == "verdict" and max(map(len, column.cells)) > FOLDED:
        return r">{\raggedright\arraybackslash}p{27mm}"
    return "l" if column.left else "r"


def line(cells: Iterable[str]) -> str:
    """One row."""
    return f"{' & '.join(cells)} \\\\"


def cell(column: Filled, row: int, *, better: bool) -> str:
    """One cell; numbers have a minus, which is longer than a hyphen."""
    text = escaped(column.cells[row])
    text = text.replace("(MDE ", "(MDE~") if column.left else MINUS.sub("$-$", text)
    return f"\\textbf{{{text}}}" if better and column.name in ("mean", "verdict") else text


def escaped(text: str) -> str:
    """Text that is no command, in ASCII."""
    return "".join(map(character, JOINED.sub(r"\1" + "\0", visible(text)))).replace("\0", "{}")


def character(one: str) -> str:
    """One character as LaTeX writes it; one that it cannot write by its number."""
    if one in SPECIAL:
        return SPECIAL[one]
    if one.isascii():
        return one
    parts = unicodedata.normalize("NFD", one)
    if len(parts) == 2 and parts[1] in ACCENTS and parts[0].isascii() and parts[0].isalpha():
        return f"{ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"(U+{ord(one):04X})"
