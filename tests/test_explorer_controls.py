"""One reaches and chooses everything in the explorer, by keys alone, and a link restores it."""

from pathlib import Path
from urllib.parse import parse_qs, urlencode

import explorer_pages as pages
import pytest

pytestmark = pytest.mark.browser
CHOSEN = {
    "strategy": "both",
    "versus": "bias",
    "image": "1",
    "patch": "7",
    "step": "3",
    "layer": "1",
    "head": "2",
    "query": "CLS",
    "object": "0",
    "time": "h1",
    "channel": "4",
    "range": "own",
    "theme": "dark",
}
SHOWN = """
const value = id => document.getElementById(id).value;
const chosen = (place, attribute) => document.querySelector(`#${place} [${attribute}=true]`);
return {
  strategy: value('choose-strategy'), versus: value('choose-versus'), layer: value('choose-layer'),
  head: value('choose-head'), query: value('choose-query'), range: value('choose-range'),
  theme: document.documentElement.dataset.theme, object: value('choose-object'),
  channel: value('choose-channel'),
  patch: chosen('patches', 'aria-selected').dataset.cell,
  image: chosen('images', 'aria-checked').dataset.image,
  step: chosen('steps', 'aria-selected').dataset.step,
  time: ['start', 'h0', 'h1', 'now'][value('choose-time')],
}
"""
EVERY = """
return [...document.querySelectorAll('a[href], button, select, input, summary, [tabindex]')]
  .filter(node => node.tabIndex >= 0 && !node.disabled && node.checkVisibility())
  .map((node, i) => { node.dataset.stop = i; return i; });
"""
HERE = "return Number(document.activeElement.dataset.stop ?? -1)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strategies of every kind."""
    world = pages.of_every_kind()
    return pages.written(
        tmp_path_factory.mktemp("page") / "explorer.html", world.meta(), world.pack
    )


def link(browser) -> dict[str, str]:
    """What stands behind the # of the address."""
    told = browser.run("return location.hash.slice(1)")
    return {name: values[0] for name, values in parse_qs(told).items()}


def test_a_link_restores_everything(browser, page):
    """All that one can choose, and the address stays as it is."""
    browser.open(page, urlencode(CHOSEN))

    assert browser.run(SHOWN) == CHOSEN
    wanted = {name: value for name, value in CHOSEN.items() if (name, value) != ("object", "0")}
    assert browser.run("choose({}); return true")
    assert link(browser) == wanted


def test_a_link_followed_inside_the_page_restores_it(browser, page):
    """Without loading the file again."""
    browser.open(page)
    browser.run(f"location.hash = '{urlencode(CHOSEN)}'")
    browser.settle()

    assert browser.run(SHOWN) == CHOSEN


@pytest.mark.parametrize(
    "state",
    ["patch=99&layer=-3&head=77&image=x&step=9", "strategy=%3Cb%3E&time=h9&query=nobody&range=1"],
)
def test_an_odd_link_shows_what_there_is(browser, page, state):
    """What does not exist is as if it had not been asked for."""
    browser.open(page, state)
    shown = browser.run(SHOWN)

    assert shown["strategy"] == "learned"
    assert (shown["patch"], shown["layer"], shown["head"]) == ("6", "0", "-1")
    assert shown["time"] == "now"
    assert browser.trouble() == []


def test_a_patch_is_chosen_everywhere(browser, page):
    """By a click into one picture: image, sequence, rows, similarities and attention follow."""
    browser.open(page, "strategy=learned&step=3")
    browser.run(
        "const box = document.querySelector('[data-picture=similarity]');"
        "const area = box.getBoundingClientRect();"
        "box.dispatchEvent(new MouseEvent('click', {bubbles: true,"
        " clientX: area.left + 0.6 * area.width, clientY: area.top + 0.5 * area.height}));"
    )
    told = browser.run("return document.getElementById('selected').textContent")
    token = browser.run(
        "return document.querySelector('#sequence [aria-checked=true]').dataset.cell"
    )
    captions = browser.run(
        "return [...document.querySelectorAll('figcaption')].map(x => x.textContent).join('|')"
    )

    assert told == "Chosen: patch 6 (row 1, column 2)"
    assert token == "6"
    assert "to that of patch 6" in captions
    assert "where patch 6 (row 1, column 2) looks" in captions


def test_arrows_move_the_patch_and_the_page_says_so(browser, page):
    """Home and End go to the ends of a row; at the border it stays."""
    from selenium.webdriver.common.keys import Keys

    browser.open(page, "patch=0")
    browser.run("document.querySelector('#patches [tabindex=\"0\"]').focus()")
    said = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.END, Keys.ARROW_RIGHT, Keys.HOME):
        browser.press(key)
        said.append(int(browser.run("return document.activeElement.dataset.cell")))
    live = browser.run("return document.getElementById('selected').textContent")

    assert said == [1, 5, 7, 7, 4]
    assert live == "Chosen: patch 4 (row 1, column 0)"


def test_tab_alone_reaches_every_control(browser, page):
    """Every stop of the Tab key is visited, each once, in the order of the page."""
    from selenium.webdriver.common.keys import Keys

    browser.open(page, "strategy=learned")
    stops = browser.run(EVERY)
    browser.run("document.activeElement.blur(); window.getSelection().collapse(document.body, 0)")
    seen = []
    for _ in stops:
        browser.press(Keys.TAB)
        seen.append(browser.run(HERE))

    assert sorted(seen) == stops


def test_arrows_choose_inside_each_group(browser, page):
    """Steps, images, strategies and tokens: groups that are one stop of the Tab key."""
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    for group, chosen in (
        ("#steps", "aria-selected"),
        ("#images", "aria-checked"),
        ("#strategies", "aria-checked"),
    ):
        browser.run(f"document.querySelector('{group} [tabindex=\"0\"]').focus()")
        browser.press(Keys.ARROW_RIGHT)
        at = browser.run(
            f"const all = [...document.querySelectorAll('{group} [{chosen}]')];"
            f"return [all.indexOf(document.activeElement),"
            f" all.findIndex(x => x.getAttribute('{chosen}') === 'true')]"
        )

        assert at == [1, 1]
    assert {"step": "1", "image": "1", "strategy": "bias"}.items() <= link(browser).items()


def test_reads_values_by_keys(browser, page):
    """A picture that has the focus tells the value under its cursor, and Enter chooses."""
    from selenium.webdriver.common.keys import Keys

    browser.open(page, "strategy=none&patch=0")
    meta, data = pages.held(page)
    arm = next(arm for arm in meta["arms"] if arm["name"] == "none")
    value = pages.numbers(arm["similarity"], data)[1, 0, 5]
    browser.run("document.querySelector('[data-figure=similarity] .canvas').focus()")
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    told = browser.run(
        "return document.querySelector('[data-figure=similarity] .readout').textContent"
    )
    browser.press(Keys.ENTER)

    number = told.rpartition(": ")[2].removesuffix(" (cosine)").replace("\u2212", "-")
    assert told.startswith("patch 5 (row 1, column 1): ")
    assert float(number) == pytest.approx(value, rel=5e-3, abs=1e-9)
    assert link(browser)["patch"] == "5"


def test_every_picture_and_chart_has_its_numbers_as_a_table(browser, page):
    """With a head for each row and column, and as many numbers as the picture."""
    browser.open(page, "strategy=learned")
    rows = browser.run(
        "return [...document.querySelectorAll('main figure')].map(figure => {"
        " const view = figure.querySelector('details'); view.open = true;"
        " view.dispatchEvent(new Event('toggle'));"
        " return [figure.dataset.figure, view.querySelectorAll('tbody tr').length,"
        " view.querySelectorAll('thead th').length]; })"
    )
    told = {name: (count, columns) for name, count, columns in rows}

    assert all(count and columns for count, columns in told.values())
    assert told["similarity"] == (3, 4)
    assert told["table"] == (13, 8)
    assert told["seeds"] == (8 * 5 + 8, 3)


def test_follows_training_with_the_slider(browser, page):
    """From initialisation to now, and what is shown is said."""
    from selenium.webdriver.common.keys import Keys

    browser.open(page, "strategy=learned")
    browser.run("document.getElementById('choose-time').focus()")
    said = []
    for key in (Keys.HOME, Keys.ARROW_RIGHT, Keys.END):
        browser.press(key)
        said.append(browser.run("return document.getElementById('time-words').textContent"))

    assert said == ["at initialisation", "after epoch 1 (step 10)", "now"]


def test_tells_what_becomes_of_n_with_other_patches(browser, page):
    """For every patch size that divides both sides, and draws them on request."""
    browser.open(page, "step=1")
    rows = browser.run(
        "return [...document.querySelectorAll('#step-words tbody tr')]"
        ".map(row => [...row.children].slice(0, 4).map(cell => cell.textContent))"
    )
    browser.run("document.querySelector('[data-key=cut-2]').click()")
    caption = browser.run("return document.querySelector('[data-figure=step-grid]').textContent")

    assert rows == [
        ["1 × 1", "12 × 16", "192", "193"],
        ["2 × 2", "6 × 8", "48", "49"],
        ["4 × 4", "3 × 4", "12", "13"],
    ]
    assert "If patches had 2 × 2 pixels: 48" in caption
    assert {"step": "1", "cut": "2"}.items() <= link(browser).items()
