"""Each format is what its readers take, whatever arms are called.

The files in golden/ are the table of `small_answers.golden`; after a change that is meant they are
written anew by `RENEW_GOLDEN=1 python -m pytest tests/test_tables_formats.py`.
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from small_answers import answer, golden, row, seeds

from vitpos import tables
from vitpos.statistics import Verdict
from vitpos.tables import latex, machine
from vitpos.tables.safe import visible

GOLDEN = Path(__file__).parent / "golden"
ENDINGS = {
    "rich": "txt",
    "markdown": "md",
    "latex": "tex",
    "html": "html",
    "csv": "csv",
    "json": "json",
}
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "a|b*c*_d_`e`[f](javascript:g)<script>alert(1)</script>",
    "https://evil.example @somebody #1 $x$ &amp; ~~no~~",
    "\\input{/etc/passwd} \\end{tabular} 50% $ # _ { } ~ ^",
    "[x] --- ''quoted'' \"so\" ?`",
    "* starred",
    "\x1b[31mred\x1b[0m \x9b31m \x07\r\nnext\tline",
    "\u202egnp.exe\u2066 \u200b\ufeff",
    "位置 Å é ß ø 🙂 θ±Δ–",
    "\udc80\udcff",
    " ",
    '"; DROP',
    "</td></table>",
)


def hostile():
    """An answer in which all text is somebody's attempt."""
    base = row(HOSTILE[0], seeds(0.8, 0.81, 0.82), condition=HOSTILE[4])
    rows = [
        row(name, seeds(0.81, 0.83, 0.82), base, Verdict.BETTER, condition=HOSTILE[4], recipe=name)
        for name in HOSTILE[1:]
    ]
    return answer(
        base,
        *rows,
        question=HOSTILE[6],
        caption=HOSTILE,
        notes=HOSTILE,
        warnings=HOSTILE,
        deviations=HOSTILE,
        recipe=HOSTILE[4],
    )


@pytest.mark.parametrize("kind", tables.FORMATS)
def test_golden(kind):
    """The same bytes as ever."""
    path = GOLDEN / f"table.{ENDINGS[kind]}"
    said = tables.render(golden(), kind, width=150, colour=False) + "\n"
    if os.environ.get("RENEW_GOLDEN"):
        path.write_text(said, "utf-8")

    assert path.read_text("utf-8") == said


@pytest.mark.parametrize("kind", tables.FORMATS)
def test_nothing_controls_a_terminal(kind):
    """Escapes, bells and marks that turn writing around are made visible."""
    said = tables.render(hostile(), kind, width=100, colour=False)

    assert [c for c in said if not c.isprintable() and c != "\n"] == []


def test_csv_has_no_formulas():
    """Text that a spreadsheet would compute starts with a quote; numbers stay numbers."""
    found = list(csv.DictReader(io.StringIO(tables.render(hostile(), "csv"))))

    assert [line["arm"][:2] for line in found[:4]] == ["'=", "'+", "'-", "'@"]
    assert not any(cell[:1] in ("=", "+", "@") for line in found for cell in line.values())
    assert len(found) == len(HOSTILE)


def test_csv_has_numbers_in_full():
    """As they are, under names that the documentation tells, in its order."""
    base = row("base", seeds(1 / 3, 0.8, 0.2))
    arm = row("arm", seeds(0.1, 0.2, 0.25), base, Verdict.WORSE)
    said = tables.render(answer(base, arm), "csv")
    first, second = csv.DictReader(io.StringIO(said))
    told = machine.__doc__.split("::\n")[1].split("Values are")[0].split()

    assert list(first) == told
    assert float(first["lowest"]) == 0.2
    assert float(second["difference"]) == arm.difference.mean
    assert (first["verdict"], second["verdict"]) == ("baseline", "worse")
    assert (first["params"], first["difference"], first["rank"]) == ("203914", "", "")


def test_json_has_everything():
    """Every number of the answer, the value of each seed, and the lines below."""
    found = json.loads(tables.render(golden(), "json"))
    arm = found["arms"][2]

    assert found["format"] == machine.FORMAT
    assert arm["values"] == {"0": 0.8461, "1": 0.8432, "2": 0.848, "4": 0.8435}
    assert (arm["lost"], arm["pairs_of"]) == ({"diverged": [3]}, [0, 1, 2, 4])
    assert (arm["diverged_low"], arm["diverged_high"]) == (0.00505, 0.71642)
    assert [run["seed"] for run in arm["runs"]] == [0, 1, 2, 4]
    assert [line["text"] for line in found["below"]][-1] == found["notes"][0]


def test_json_keeps_names_as_they_are():
    """However odd: a program gets back what the run is called."""
    found = json.loads(tables.render(hostile(), "json"))

    assert [arm["arm"] for arm in found["arms"]] == list(HOSTILE)


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)


def test_a_page_has_no_tags_of_others():
    """No script, no link, nothing loaded, and names as text."""
    said = tables.render(hostile(), "html")
    page = Page(said)

    assert set(page.tags) == {
        *("html", "meta", "title", "style", "p", "div", "table", "thead", "tbody", "tr", "th"),
        *("td", "strong"),
    }
    assert not {name for name in page.attributes if name.startswith("on") or name == "href"}
    assert HOSTILE[4] in page.text
    assert "prefers-color-scheme: dark" in said
    assert page.tags.count("td") % (page.tags.count("tr") - 2) == 0


def test_markdown_has_as_many_cells_in_each_line():
    """And neither tags, links, mentions nor formulas of others."""
    said = tables.render(hostile(), "markdown")
    table = [line for line in said.splitlines() if line.startswith("|")]
    plain = re.sub(r"\\.", "", said)

    assert len(table) == len(HOSTILE) + 2
    assert len({re.sub(r"\\.", "", line).count("|") for line in table}) == 1
    assert not re.search(r"<|\]\(|://|@|(?<!&)#\d|\$|`|~~|(?<!\*)\*(?!\*)", plain)


def test_markdown_is_read_as_it_was_meant():
    """By a parser: a table whose first cells are the names, and paragraphs of text alone."""
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parsed.parse(tables.render(hostile(), "markdown"))
    inside = {child.type for token in tokens for child in token.children or ()}
    texts = ["".join(child.content for child in t.children or ()) for t in tokens if t.children]
    width = [token.type for token in tokens].count("th_open")
    start = texts.index("arm") + width
    names = texts[start : start + width * len(HOSTILE) : width]

    assert inside <= {"text", "text_special", "strong_open", "strong_close"}
    assert [re.sub(r" ?\(\d+\)$", "", name) for name in names] == [
        " ".join(visible(name).split(" ")).strip() for name in HOSTILE
    ]
    assert {token.type for token in tokens if token.level == 0} == {
        *("paragraph_open", "paragraph_close", "inline", "heading_open", "heading_close"),
        *("table_open", "table_close"),
    } - {"inline"}


TABULAR = re.compile(r"\\begin{tabular}{([^\n]*)}\n(.*?)\\end{tabular}", re.DOTALL)
LATEX_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(deadline=None)
@given(text=LATEX_TEXT)
def test_latex_text_is_ascii_without_commands(text):
    """Every special character is escaped, and braces are balanced."""
    said = latex.escaped(text)
    bare = re.sub(r"\\[#$%&_{}]", "", said)
    commands = set(re.findall(r"\\([a-zA-Z]+|.)", bare))

    assert said.isascii()
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[#%&_~^<>|\"]", re.sub(r"\\[\^~\"]", "", bare))
    assert bare.count("$") % 2 == 0
    assert commands <= {
        *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater"),
        *("textbar", "char", "Delta", "pm", "times", "cdot", "ldots", "to", "le", "ge"),
        *("alpha", "delta", "theta", "lambda", "rho", "`", "'", "^", "~", '"', "r", "c", "v"),
    }


def test_latex_rows_have_a_cell_for_each_column():
    """No row starts with what would be an argument of the line break before it."""
    said = tables.render(hostile(), "latex")

    for shape, body in TABULAR.findall(said):
        kinds = re.sub(r">\{.*?\}p\{.*?\}", "l", shape)
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        cells = [re.sub(r"\\&", "", line).count("&") + 1 for line in rows]

        assert set(cells) - {1} == {len(kinds)}
        assert not [line for line in rows if line.lstrip().startswith(("[", "*"))]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("whole", [True, False], ids=["alone", "in a document"])
@pytest.mark.parametrize("found", [golden, hostile])
def test_latex_compiles(tmp_path, found, whole):
    """As it is, and within a document of one's own, where the golden table fits the page."""
    (tmp_path / "table.tex").write_text(tables.render(found(), "latex"), "ascii")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{array,booktabs}\n\\begin{document}\n"
        "\\begin{table}\\input{table}\\caption{A}\\end{table} \\input{table} more\n"
        "\\end{document}\n"
    )
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run(
        [*words, "table" if whole else "paper"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout[-2000:]
    assert found is hostile or "Overfull" not in done.stdout
