"""Names and notes that are more than text to a terminal, a table, a page or a shell."""

import json
from collections.abc import Sequence
from typing import Any

from attacks.place import Attack, Place

ESCAPES = {
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "link": "\x1b]8;;file:///etc/passwd\x1b\\click\x1b]8;;\x1b\\",
    "C1": "\x9b2J\x9d0;owned\x9c",
    "device control": "\x1bP+q544e\x1b\\",
    "carriage return": "failed\rfinished",
    "backspace": "no\b\byes",
    "bidi": "\u202egnp.exe\u2066",
    "line separator": "a\u2028b\u2029c\x85d\x0b\x0ce",
    "NUL": "a\0b",
    "surrogate": "\ud800",
}
SHOWN = (
    ["show", "RUN"],
    ["show", "RUN", "--json"],
    ["list", "runs", "RECEIVED"],
    ["list", "runs", "RECEIVED", "--json"],
    ["compare", "STUDY"],
    *(["compare", "STUDY", "--format", f] for f in ("json", "csv", "markdown", "latex", "html")),
    ["diff", "RUN", "RUN"],
)
PAGES = (["report", "STUDY"], ["report", "STUDY", "--only", "appendix"])


def everywhere(text: str, words: Sequence[Sequence[str]] = SHOWN, **more: Any) -> Attack:
    """The arm, the data, the machine, classes and errors are called so."""

    def prepare(place: Place) -> None:
        record = place.record() | {"overrides": [text]}
        record |= {"arm": text, "created": text, "failure": {"kind": text, "detail": text}}
        record["data"] |= {"name": text, "classes": [text] * 10, "digest": text}
        record["machine"] |= {"cpu": text, "gpu": text, "device": text, "git": text}
        record["machine"]["versions"] = {"torch": text, text: text}
        record["attempts"] = [{"started": text, "ended": text, "status": text}]
        spoilt = text.encode("utf-8", "ignore").decode() != text  # which JSON can say all the same
        (place.run / "record.json").write_text(json.dumps(record)) if spoilt else place.record(
            **record
        )
        (place.run / "overrides.txt").write_bytes(text.encode("utf-8", "surrogatepass"))
        spelled = json.dumps(text, ensure_ascii=False)
        if text.isprintable():
            place.config(("notes: harmless", f"notes: {spelled}"))

    return Attack(prepare, words, codes=(0, 4), limited=False, **more)


def folder(name: str) -> Attack:
    """The folder of the run is called so."""

    def prepare(place: Place) -> None:
        place.run.rename(place.run.with_name(name))

    return Attack(prepare, (*SHOWN[2:5], *PAGES[1:]), codes=(0, 4), limited=False)


def table(form: str) -> list[str]:
    """The table of the study in one form."""
    return ["compare", "STUDY", "--format", form]


def spreadsheet(text: str) -> Attack:
    """A cell that a spreadsheet would calculate."""
    return everywhere(text, [table("csv")], unsaid=(f"\n{text}", f",{text}", f'"{text}'))


def page(text: str, *unsaid: str, drawn: bool = False) -> Attack:
    """Text in tables of HTML; in pages with pictures if `drawn`."""
    return everywhere(text, (table("html"), PAGES[0 if drawn else 1]), unsaid=unsaid)


def paper(text: str, *unsaid: str) -> Attack:
    """Text in tables of LaTeX."""
    return everywhere(text, [table("latex")], unsaid=unsaid)


def notebook(text: str, *unsaid: str) -> Attack:
    """Text in tables and reports of Markdown."""
    return everywhere(text, (table("markdown"), PAGES[1]), unsaid=unsaid)


FORMULAS = ("=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", '=HYPERLINK("http://x")')
ATTACKS = {
    **{f"escape: {name}": everywhere(text) for name, text in ESCAPES.items()},
    **{f"folder: {n}": folder(f"x{t}") for n, t in ESCAPES.items() if n in ("title", "C1", "bidi")},
    "folder: a command": folder("x; touch effect #"),
    "folder: an option": folder("--plugin=payload"),
    **{f"formula: {text[:5]!a}": spreadsheet(text) for text in FORMULAS},
    "HTML: a script": page("<script>fetch('//x')</script>", "<script>fetch", drawn=True),
    "HTML: an image": page("<img src=x onerror=alert(1)>", "<img src=x"),
    "HTML: out of a comment": page("--><script>alert(1)</script>", "--><script>"),
    "HTML: out of a script": page(
        "</script><script>alert(1)</script>", "</script><script>alert", drawn=True
    ),
    "HTML: out of an attribute": everywhere(
        '" onmouseover="alert(1)', [table("html")], unsaid=('" onmouseover="alert',)
    ),
    "HTML: a link": page("javascript:alert(1)"),
    "Markdown: a link": notebook("[x](javascript:alert(1))", "[x](javascript"),
    "Markdown: an image": notebook("![x](http://127.0.0.1/x)", "![x](http"),
    "Markdown: a cell": notebook(
        "a | b\n|---|",
    ),
    "Markdown: a fence": notebook("```\n<script>alert(1)</script>\n```", "<script>alert"),
    "LaTeX: input": paper("\\input{/etc/passwd}", "\\input{"),
    "LaTeX: write18": paper("\\immediate\\write18{touch effect}", "\\write18"),
    "LaTeX: catcode": paper("^^5cinput{x}", "^^5cinput{"),
    "a template": page("{{ 7 * 191 }}{% import os %}", "1337"),
    "a format": page("{0.__class__.__init__.__globals__}%s%n"),
    "long": page("x" * 10**6),
    "combining": everywhere("a" + "\u0301" * 1000),
}
