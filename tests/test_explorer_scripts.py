"""The explorer's scripts and template, as far as one can tell without a browser."""

import base64
import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest
from explorer_pages import of_every_kind, written

from vitpos.pages import explorer

FILES = sorted((explorer.FOLDER / "js").glob("*.js"))
MARKUP = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "createContextualFragment",
)
ELSEWHERE = ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "localStorage", "sessionStorage")
PROGRAMS = ("eval(", "new Function", "javascript:")
LINES = 250


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_script_is_strict_and_short_and_takes_text_as_text(path: Path) -> None:
    """Nothing becomes markup or a program, nothing is asked for or kept elsewhere."""
    text = path.read_text("utf-8")

    assert text.startswith("'use strict';\n// ")
    assert len(text.splitlines()) <= LINES
    assert [word for word in (*MARKUP, *ELSEWHERE, *PROGRAMS) if word in text] == []


def test_every_name_is_given_once() -> None:
    """All scripts are one: a second function of the same name would quietly replace the first."""
    text = explorer.script()
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    twice = [name for name, count in Counter(names).items() if count > 1]

    assert twice == []


def test_scripts_and_template_know_the_same_places() -> None:
    """What a script looks for by its id is in the template, or made by a script."""
    text, template = explorer.script(), explorer.read("template.html")
    asked = set(re.findall(r"byId\('([\w-]+)'\)", text))
    there = set(re.findall(r'id="([\w-]+)"', template)) | set(re.findall(r"id: '([\w-]+)'", text))

    assert asked - there == set()


def test_the_template_asks_for_nothing_from_elsewhere() -> None:
    """No address in it; and the policy forbids what others might put in."""
    template = explorer.read("template.html") + explorer.read("style.css")

    assert re.findall(r"https?://|url\(|@import|src=|<link|onclick", template) == []


def test_the_policy_allows_one_script_and_inline_styles(tmp_path: Path) -> None:
    """And pictures that the page makes itself; everything else is forbidden."""
    world = of_every_kind()
    text = written(tmp_path / "explorer.html", world.meta(), world.pack).read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    told = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    code = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0].encode()
    digest = base64.b64encode(hashlib.sha256(code).digest()).decode()

    assert told == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}'",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
