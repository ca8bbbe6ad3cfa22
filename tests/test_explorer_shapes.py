"""The explorer fits: few and many strategies, any grid, any screen, paper, and readers' aids."""

import re
import zlib
from pathlib import Path
from urllib.parse import urlencode

import explorer_pages as pages
import numpy as np
import pytest

pytestmark = pytest.mark.browser
WIDTHS = [(360, 740), (768, 1024), (1280, 900), (3840, 2160)]
SLOWEST = 1.0  # seconds for any control: ten times what it may take, for busy machines


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strategies of every kind."""
    world = pages.of_every_kind()
    return pages.written(
        tmp_path_factory.mktemp("page") / "explorer.html", world.meta(), world.pack
    )


def overflow(browser) -> list[str]:
    """What sticks out of the window to the right."""
    return browser.run(
        "const wide = document.documentElement.clientWidth;"
        "if (document.documentElement.scrollWidth <= wide) return [];"
        "return [...document.body.querySelectorAll('*')]"
        ".filter(x => x.getBoundingClientRect().right > wide + 1)"
        ".map(x => `${x.tagName} ${x.id} ${x.className}`);"
    )


@pytest.mark.parametrize("size", WIDTHS, ids=lambda size: str(size[0]))
def test_nothing_scrolls_sideways(browser, page, size):
    """On telephones and on walls, whatever is shown."""
    browser.open(page, size=size)
    for strategy in ("learned", "bias", "peg", "none"):
        for step in (1, 3, 4):
            browser.run(f"choose({{strategy: '{strategy}', step: {step}}})")
            browser.settle()

            assert overflow(browser) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("strategy", ["both", "peg"])
def test_axe_finds_nothing_serious(browser, page, dark, strategy):
    """Names, roles, contrast: in both lights, with a table open."""
    browser.open(page, urlencode({"strategy": strategy, "step": 1}), dark=dark)
    browser.run("document.querySelector('[data-figure=kernel] details').open = true")
    browser.settle()

    assert browser.violations() == []


def test_follows_the_light_of_the_system_or_of_the_reader(browser, page):
    """Dark where that is wanted, unless the reader chose."""
    paper = "return getComputedStyle(document.body).backgroundColor"
    seen = []
    for dark, state in ((False, ""), (True, ""), (True, "theme=light"), (False, "theme=dark")):
        browser.open(page, state, dark=dark)
        seen.append(browser.run(paper))

    assert seen[0] == seen[2] == "rgb(246, 246, 243)"
    assert seen[1] == seen[3] == "rgb(14, 18, 24)"


def test_moves_nothing_for_those_who_want_it_still(browser, page):
    """No button plays, and links to parts do not glide."""
    browser.open(page, "strategy=learned", still=True)

    assert browser.run("return document.getElementById('choose-play').hidden")
    assert browser.run(
        "return document.getAnimations().filter(x => x.playState === 'running').length === 0"
    )


def test_prints_with_its_pictures(browser, page):
    """On several pages; controls stay on the screen."""
    browser.open(page, "strategy=learned")
    paper = browser.printed()
    browser.prefer(media="print")
    shown = browser.run(
        "return [...document.querySelectorAll('.noprint')].filter(x => x.checkVisibility()).length"
    )

    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type/Page\n") >= 3
    assert len(zlib.compress(paper)) > 50_000
    assert shown == 0


def test_one_strategy(browser, tmp_path):
    """Nothing to compare with is said, not left empty."""
    world = pages.World(prefix=[])
    world.arm("alone", world.table())
    browser.open(pages.written(tmp_path / "explorer.html", world.meta(), world.pack))

    assert "one strategy" in browser.run("return document.getElementById('versus-words').innerText")
    assert browser.trouble() == []


def test_sixty_strategies(browser, tmp_path):
    """All can be chosen, each control answers in time, and nothing overflows."""
    world = pages.World(grid=(8, 8), heads=4, depth=4, dim=32)
    for i in range(60):
        found = [world.table, world.map, world.rotation][i % 3]()
        world.arm(f"strategy number {i}", found, kind=f"family {i % 7}", rung="queries")
    browser.open(pages.written(tmp_path / "explorer.html", world.meta(), world.pack))
    took = browser.run(
        "return [...document.querySelectorAll('[data-strategy]')].map(button => {"
        " const start = performance.now(); button.click(); return performance.now() - start; })"
    )

    assert len(took) == 60
    assert max(took) < 1000 * SLOWEST
    assert overflow(browser) == []
    assert browser.trouble() == []


@pytest.mark.parametrize(
    "sizes",
    [
        {"grid": (2, 7)},
        {"grid": (7, 1), "channels": 3},
        {"heads": 1, "depth": 1},
        {"grid": (1, 1), "prefix": []},
        {"prefix": ["CLS", "register 1", "register 2"]},
    ],
    ids=str,
)
def test_any_shape(browser, tmp_path, sizes):
    """Oblong grids, one patch, one head, one layer, many tokens in front: all is drawn."""
    world = pages.of_every_kind(**sizes)
    path = pages.written(tmp_path / "explorer.html", world.meta(), world.pack)
    browser.open(path)
    for arm in world.arms:
        browser.run(f"choose({{strategy: '{arm['name']}', patch: 99, head: 0}})")
    for step in range(5):
        browser.run(f"choose({{step: {step}}})")
    width, height, _ = browser.pixels('[data-picture="kernel"]')

    assert (height, width) == world.around
    assert browser.trouble() == []


def test_goes_from_one_grid_to_another(browser, tmp_path):
    """The patch at the same place of the image is chosen; nothing is subtracted across grids."""
    coarse = pages.World(grid=(2, 2), patch=8)
    coarse.arm("coarse", coarse.table())
    fine = pages.World(grid=(4, 4), patch=4, prefix=[], beside=coarse)
    fine.arm("fine", fine.table())
    path = pages.written(tmp_path / "explorer.html", fine.meta(), fine.pack)
    browser.open(path, "strategy=coarse&step=1&patch=1")
    browser.run("document.querySelector('[data-key=go-fine]').click()")
    chosen = browser.run("return document.getElementById('selected').textContent")
    told = browser.run("return document.getElementById('versus-pictures').innerText")

    assert chosen == "Chosen: patch 7 (row 1, column 3)"
    assert "Their grids differ, 4 × 4 and 2 × 2" in told
    assert not browser.run("return document.querySelector('[data-figure$=difference]')")
    assert browser.trouble() == []


def test_counts_blocks_over_all_stages(browser, tmp_path):
    """Of a network of several stages, layers have the numbers that the payload says."""
    world = pages.World()
    world.arm("late", world.map())
    arm = world.arms[0]
    for part in (arm["kernel"], arm["attention"], arm["distance"], arm["objects"][0]):
        part["layers"] = [3, 4]
    arm["similarity_of"] = [-1, 3, 4]
    world.frame["depth"] = 6
    browser.open(pages.written(tmp_path / "explorer.html", world.meta(), world.pack), "layer=1")
    captions = browser.run(
        "return ['map', 'kernel', 'similarity', 'attention'].map(name =>"
        " document.querySelector(`[data-figure=${name}] figcaption`).textContent)"
    )

    assert all(re.search("(layer|block) 4", text, re.IGNORECASE) for text in captions), captions
    assert browser.run("return document.getElementById('choose-layer').options.length") == 2
    assert browser.trouble() == []


def test_what_is_not_a_number_is_grey(browser, tmp_path):
    """And is called so, in pictures, charts and tables."""
    world = pages.World(prefix=[])
    world.arm("torn", world.table(missing=True))
    world.arms[0]["objects"][0]["history"] = []
    world.arms[0]["results"]["values"][1] = None
    world.arms[0]["distance"]["pixels"][0][0] = None
    path = pages.written(tmp_path / "explorer.html", world.meta(), world.pack)
    browser.open(path, "channel=2")
    width, height, pixels = browser.pixels('[data-picture="table"]')
    seen = np.frombuffer(pixels, np.uint8).reshape(height, width, 4)
    browser.run("document.querySelector('[data-figure=table] summary').click()")
    browser.settle()
    cells = browser.run(
        "return [...document.querySelectorAll('[data-figure=table] td')].map(x => x.textContent)"
    )

    assert seen[1, 2].tolist() == [128, 128, 128, 255]
    assert cells.count("not a number") == 1
    assert browser.trouble() == []


def test_is_ready_in_time(browser, page):
    """Reading, building and painting: far within what a reader waits for."""
    browser.open(page)
    times = browser.run("return window.__ready")

    assert times["painted"] - times["started"] < 3000
