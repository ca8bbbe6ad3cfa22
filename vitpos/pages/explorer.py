"""`explorer.html`: the template, its style and its scripts, and what runs have to show, in a file.

The file carries a policy that forbids it every request, and every script but its own.
"""

import base64
import hashlib
import html
import re
from pathlib import Path

import jinja2

from vitpos.pages.payload import Packed

FOLDER = Path(__file__).parent / "explorer"
LAST = "main.js"  # starts what the others define
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def page(title: str, packed: Packed) -> str:
    """The whole file as text."""
    parts = {
        "title": html.escape(title),
        "meta": packed.meta,
        "blob": packed.blob,
        "style": read("style.css"),
        "script": script(),
    }
    shown = template()
    first = shown.render(policy="", **parts)
    return shown.render(policy=policy(first), **parts)


def template() -> jinja2.Template:
    """With an error for what it asks for and nobody gives; `page` makes texts harmless."""
    known = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return known.from_string(read("template.html"))


def policy(page: str) -> str:
    """What the page may do: run the scripts that are in it as they are, and nothing else."""
    digests = [hashlib.sha256(code.encode()).digest() for code in SCRIPT.findall(page)]
    allowed = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)
    rules = [
        "default-src 'none'",
        f"script-src {allowed}",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


def script() -> str:
    """All scripts as one, in the order of their names, the one that starts them last."""
    files = sorted((FOLDER / "js").glob("*.js"), key=lambda path: (path.name == LAST, path.name))
    return "\n".join(path.read_text("utf-8") for path in files)


def read(name: str) -> str:
    """A file of the page."""
    return (FOLDER / name).read_text("utf-8")
