"""The explorer stays by itself: no request, no script of strangers, no blank page."""

import re
from pathlib import Path

import explorer_pages as pages
import pytest

pytestmark = pytest.mark.browser
HOSTILE = "</script><img src=x onerror=alert(1)>"
ODD = ("<!--<script>", "a&amp;b\"'`", "\u202e", "x" * 300, "${1}{{ 2 }}", "__proto__")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strategies of every kind."""
    world = pages.of_every_kind()
    return pages.written(
        tmp_path_factory.mktemp("page") / "explorer.html", world.meta(), world.pack
    )


def test_asks_nobody_and_complains_of_nothing(browser, page):
    """Whatever strategy is shown: no request leaves the file, no error, no breach of policy."""
    meta, _ = pages.held(page)
    browser.open(page)
    for arm in meta["arms"]:
        for step in range(5):
            browser.run(f"choose({{strategy: {arm['name']!r}, step: {step}}})")
    browser.settle()

    assert browser.trouble() == []
    assert browser.requests() == []


def test_its_policy_stops_what_it_does_not_do(browser, page):
    """Scripts, images and requests from anywhere: the file itself forbids them."""
    browser.open(page)
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        "document.body.append(script);"
        "const image = new Image(); image.src = 'http://127.0.0.1:9/x.png';"
        "document.body.append(image); fetch('http://127.0.0.1:9/').catch(() => {});"
    )
    browser.wait("return window.__trouble.filter(x => x.startsWith('policy')).length >= 3")

    assert browser.run("return window.ran === undefined")


def test_names_of_strangers_are_only_text(browser, tmp_path):
    """Of runs, classes, families, data: shown as they are, never run."""
    world = pages.World(prefix=[HOSTILE])
    for name in (HOSTILE, *ODD):
        world.arm(name, world.table(), kind=f"family {name}")
    world.frame |= {"classes": [HOSTILE] * 3, "dataset": HOSTILE, "name": HOSTILE}
    meta = world.meta(HOSTILE) | {"left_out": [HOSTILE], "made_by": HOSTILE}
    for arm in world.arms:
        arm["words"] = {
            key: [HOSTILE] if isinstance(value, list) else HOSTILE
            for key, value in arm["words"].items()
        }
        arm["provenance"]["run"] = HOSTILE
        arm["objects"][0]["title"] = HOSTILE
    browser.open(pages.written(tmp_path / "explorer.html", meta, world.pack))
    for name in (HOSTILE, *ODD):
        browser.run("choose({strategy: arguments[0]})", name)

        assert browser.run("return document.getElementById('strategy-name').textContent") == name
    assert browser.run("return document.querySelectorAll('img, script:not([id])').length") == 1
    assert browser.run("return document.title") == HOSTILE
    assert browser.trouble() == []


@pytest.mark.parametrize(
    ("pattern", "instead", "words"),
    [
        ('id="blob">.{40}', 'id="blob">', "it cannot be unpacked"),
        ('id="blob">', 'id="blob">\u00e9', "it is not base64"),
        ('id="meta">{', 'id="meta">', "description of the data inside this file is damaged"),
        ('"format": 1', '"format": 2', "reads format 1, and the data has format 2"),
        ('"at": 0', '"at": 99999999', "shorter than its description says"),
        ('"arms": ', '"arms": [], "other": ', "There is no strategy"),
    ],
)
def test_a_damaged_file_says_so(browser, page, tmp_path, pattern, instead, words):
    """In the place of a blank page."""
    text = page.read_text("utf-8")
    damaged = tmp_path / "explorer.html"
    damaged.write_text(re.sub(pattern, instead, text, count=1), "utf-8")
    browser.open(damaged)
    told = browser.run("return document.getElementById('trouble').innerText")

    assert words in told
    assert "report.html" in told


def test_a_cut_file_says_so(browser, page, tmp_path):
    """A download that stopped in the middle of the data: the script is not there to say it."""
    text = page.read_text("utf-8")
    cut = tmp_path / "explorer.html"
    cut.write_text(text[: text.index('id="blob"') + 2000], "utf-8")
    browser.open(cut, ready=False)

    assert "This page is not complete" in browser.run("return document.body.innerText")


def test_an_old_browser_is_told(browser, page):
    """What it lacks, and what to do."""
    browser.open(page, before="delete window.DecompressionStream;")

    assert "DecompressionStream" in browser.run(
        "return document.getElementById('trouble').innerText"
    )


def test_without_scripts_it_names_the_report(browser, page):
    """That reads without them."""
    browser.open(page, scripts=False)
    told = browser.run("return document.body.innerText")

    assert "scripts are switched off" in told
    assert "report.html" in told
