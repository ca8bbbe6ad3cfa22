"""`explorer.html`: the template, its style and its scripts, and what runs have to show, in a file.

The file carries a policy that forbids it every request, and every script but its own.
"""

import base64
import hashlib
import html
from pathlib import Path

import jinja2

from vitpos.pages.payload import Packed

FOLDER = Path(__file__).parent / "explorer"
LAST = "main.js"  # starts what the others define


def page(title: str, packed: Packed) -> str:
    """The whole file as text."""
    code = script()
    digest = hashlib.sha256(code.encode()).digest()
    return template().render(
        title=html.escape(title),
        meta=packed.meta,
        blob=packed.blob,
        style=read("style.css"),
        script=code,
        digest=base64.b64encode(digest).decode("ascii"),
    )


def template() -> jinja2.Template:
    """With an error for what it asks for and nobody gives; `page` makes texts harmless."""
    known = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return known.from_string(read("template.html"))


def script() -> str:
    """All scripts as one, in the order of their names, the one that starts them last."""
    files = sorted((FOLDER / "js").glob("*.js"), key=lambda path: (path.name == LAST, path.name))
    return "\n".join(path.read_text("utf-8") for path in files)


def read(name: str) -> str:
    """A file of the page."""
    return (FOLDER / name).read_text("utf-8")
