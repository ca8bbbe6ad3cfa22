"""`explorer.html`: the template, its style and its scripts, and what runs have to show, in a file.

The file carries a policy that forbids it every request, and every script but its own.
"""

import base64
import hashlib
import html
from pathlib import Path

import jinja2

from vitpos.pages import live
from vitpos.pages.payload import Packed, encoded

FOLDER = Path(__file__).parent / "explorer"
LAST = "main.js"  # starts what the others define


def page(title: str, packed: Packed, network: bytes | None = None) -> str:
    """The whole file as text; with a `network`, also what runs it (see `vitpos.pages.live`)."""
    code = script() if network is None else script(live.script())
    digest = hashlib.sha256(code.encode()).digest()
    more = {} if network is None else {"network": encoded(network)}
    return template().render(
        title=html.escape(title),
        meta=packed.meta,
        blob=packed.blob,
        style=read("style.css") + ("" if network is None else live.style()),
        script=code,
        digest=base64.b64encode(digest).decode("ascii"),
        **more,
    )


def template() -> jinja2.Template:
    """With an error for what it asks for and nobody gives; `page` makes texts harmless."""
    known = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return known.from_string(read("template.html"))


def script(more: str = "") -> str:
    """All scripts as one, in the order of their names; then `more`, and what starts them last."""
    names = sorted(path.name for path in (FOLDER / "js").glob("*.js") if path.name != LAST)
    parts = [*(read(f"js/{name}") for name in names), more, read(f"js/{LAST}")]
    return "\n".join(part for part in parts if part)


def read(name: str) -> str:
    """A file of the page."""
    return (FOLDER / name).read_text("utf-8")
