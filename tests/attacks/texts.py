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
        path = place.run / "record.json"
        record = json.loads(path.read_text())
        record |= {"arm": text, "created": text, "failure": {"kind": text, "detail": text}}
        record["data"] |= {"name": text, "classes": [text] * 10, "digest": text}
        record["machine"] |= {"cpu": text, "gpu": text, "device": text, "git": text}
        record["machine"]["versions"] = {"torch": text, text: text}
        record["attempts"] = [{"started": text, "ended": text, "status": text}]
        path.write_text(json.dumps(record))
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


def pages(text: str, *unsaid: str, drawn: bool = False) -> Attack:
    """Text in tables for browsers, LaTeX and spreadsheets; in pages with pictures if `drawn`."""
    return everywhere(text, (*SHOWN[4:10], PAGES[0 if drawn else 1]), unsaid=unsaid)


FORMULAS = ("=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", '=HYPERLINK("http://x")')
ATTACKS = {
    **{f"escape: {name}": everywhere(text) for name, text in ESCAPES.items()},
    **{f"folder: {n}": folder(f"x{t}") for n, t in ESCAPES.items() if n in ("title", "C1", "bidi")},
    "folder: a command": folder("x; touch effect #"),
    "folder: an option": folder("--plugin=payload"),
    **{f"formula: {text[:5]!a}": pages(text, f"\n{text}", f",{text}") for text in FORMULAS},
    "HTML: a script": pages("<script>fetch('//x')</script>", "<script>fetch", drawn=True),
    "HTML: an image": pages("<img src=x onerror=alert(1)>", "<img src=x"),
    "HTML: out of a comment": pages("--><script>alert(1)</script>", "--><script>"),
    "HTML: out of a script": pages(
        "</script><script>alert(1)</script>", "</script><script>alert", drawn=True
    ),
    "HTML: out of an attribute": pages('" onmouseover="alert(1)', '" onmouseover="alert'),
    "HTML: a link": pages("javascript:alert(1)"),
    "Markdown: a link": pages("[x](javascript:alert(1))", "[x](javascript"),
    "Markdown: an image": pages("![x](http://127.0.0.1/x)", "![x](http"),
    "Markdown: a cell": pages(
        "a | b\n|---|",
    ),
    "Markdown: a fence": pages("```\n<script>alert(1)</script>\n```", "<script>alert"),
    "LaTeX: input": pages("\\input{/etc/passwd}", "\\input{"),
    "LaTeX: write18": pages("\\immediate\\write18{touch effect}", "\\write18"),
    "LaTeX: catcode": pages("^^5cinput{x}", "^^5cinput{"),
    "a template": pages("{{ 7 * 191 }}{% import os %}", "1337"),
    "a format": pages("{0.__class__.__init__.__globals__}%s%n"),
    "long": pages("x" * 10**6),
    "combining": everywhere("a" + "\u0301" * 10_000),
}
