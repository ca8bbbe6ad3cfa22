"""`report.html` in a real browser: on screens, on paper, without scripts, in the dark."""

from pathlib import Path

import pytest
from drawn_answers import answer, row, run
from small_cards import KINDS, card

from vitpos.pages import report

pytestmark = pytest.mark.browser
PAPER = (703, 1016)  # pixels of A4 within its margins


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card of every kind."""
    folder = tmp_path_factory.mktemp("report")
    rows = []
    for number, name in enumerate(KINDS):
        runs = [run(folder / "s", name, seed, 0.5 + number / 9 + seed / 99) for seed in range(3)]
        rows.append(row(runs, name, None, params=1000.0 + number))
    cards = [card(kind, kind, grid=(4, 4), heads=4, layers=4) for kind in KINDS]
    report.write(answer(rows, question="Why?"), cards, folder / "report.html", title="A study")
    return folder / "report.html"


def test_asks_nobody_and_complains_of_nothing(browser, page):
    """No request leaves the file, no error, no breach of its policy; all pictures are there."""
    browser.open(page, ready=False)
    broken = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"

    assert browser.run(broken) == 0
    assert browser.trouble() == []
    assert browser.requests() == []


def test_needs_no_script(browser, page):
    """It looks the same without."""
    seen = []
    for scripts in (True, False):
        browser.open(page, scripts=scripts, ready=False)
        metrics = browser.set("Page.getLayoutMetrics")
        seen.append(metrics["cssContentSize"])

    assert seen[0] == seen[1]


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
def test_has_no_sideways_scroll(browser, page, width):
    """From a phone to a wall."""
    browser.open(page, size=(width, 900), ready=False)

    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_no_card_is_cut_on_paper(browser, page):
    """Each is less high than a page, and so are charts."""
    browser.open(page, size=PAPER, ready=False)
    browser.prefer(media="print")
    heights = browser.run(
        "return [...document.querySelectorAll('.card, .chart')]"
        ".map(one => one.getBoundingClientRect().height)"
    )
    inside = browser.run(
        "return [...document.querySelectorAll('.card, .chart')]"
        ".every(one => getComputedStyle(one).breakInside === 'avoid')"
    )

    assert max(heights) < PAPER[1]
    assert inside
    assert browser.printed().startswith(b"%PDF")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_read_it(browser, page, dark):
    """Axe finds nothing serious, and the dark page is dark."""
    browser.open(page, dark=dark, ready=False)
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")

    assert (sum(map(int, ground[4:-1].split(","))) < 128 * 3) == dark
    assert browser.violations() == []


def test_the_keyboard_reaches_links_and_what_scrolls(browser, page):
    """The first leads to the result; tables that are too wide take the focus."""
    browser.open(page, size=(360, 800), ready=False)
    stops = browser.run(
        "return [...document.querySelectorAll('a, [tabindex=\"0\"]')].map(e => e.tagName)"
    )
    first = browser.run("return document.querySelector('a').getAttribute('href')")

    assert first == "#result"
    assert stops.count("DIV") == 2
