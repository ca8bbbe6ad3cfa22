"""Pictures of the explorer show their arrays: pixels are the colours of the palette, exactly."""

from pathlib import Path

import explorer_pages as pages
import numpy as np
import pytest
from looking import Looked, reach, turned

pytestmark = pytest.mark.browser
PATCH, LAYER, HEAD, CHANNEL = 5, 1, 2, 3


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strategies of every kind."""
    world = pages.of_every_kind()
    return pages.written(
        tmp_path_factory.mktemp("page") / "explorer.html", world.meta(), world.pack
    )


def test_paints_an_image_as_it_is(browser, page):
    """Pixels are the data's."""
    looked = Looked(browser, page, "none", image=1)
    image = looked.numbers(looked.meta["frames"][0]["images"][1]["pixels"])

    assert np.array_equal(looked.seen("step-image")[..., :3], image.repeat(3, axis=-1))


@pytest.mark.parametrize("time", ["start", "h0", "h1", "now"])
def test_paints_a_table_at_every_time(browser, page, time):
    """A row per token and a column per dimension; prefix tokens first, where they are known."""
    looked = Looked(browser, page, "learned", time=time, channel=CHANNEL, patch=PATCH)
    table = looked.arm["objects"][0]
    past = [one["values"] for one in table["history"]]
    high = reach(table["now"], table["start"], *past)
    array = {"start": table["start"], "now": table["now"], "h0": past[0], "h1": past[1]}[time]
    values = looked.numbers(array)
    rows = [looked.numbers(table["prefix"]), values] if time == "now" else [values]

    assert looked.shows("table", np.concatenate(rows), -high, high, "PuOr")
    assert looked.shows("table-grid", values[:, CHANNEL].reshape(3, 4), -high, high, "PuOr")


def test_paints_what_training_changed(browser, page):
    """The difference from initialisation, in its own range."""
    looked = Looked(browser, page, "learned", time="change")
    table = looked.arm["objects"][0]
    change = looked.numbers(table["now"]) - looked.numbers(table["start"])
    high = np.abs(change).max()

    assert looked.shows("table", change, -high, high, "PuOr")


def test_paints_colours_and_likeness_of_a_table(browser, page):
    """Principal components as they are, cosines from -1 to 1, and the table elsewhere."""
    looked = Looked(browser, page, "learned", patch=PATCH, channel=CHANNEL)
    table = looked.arm["objects"][0]
    cosines = looked.numbers(table["similarity"])
    other = looked.numbers(table["other"]["values"])[:, CHANNEL].reshape(6, 4)
    colours = looked.numbers(table["colours"]).reshape(3, 4, 3)

    assert np.array_equal(looked.seen("table-colours")[..., :3], colours)
    assert looked.shows("table-similarity", cosines[PATCH].reshape(3, 4), -1, 1, "cividis")
    assert looked.shows("table-tiles", pages.tiled(cosines.reshape(3, 4, 3, 4)), -1, 1, "cividis")
    assert looked.shows_array("table-elsewhere", table["other"]["values"], other)


@pytest.mark.parametrize("strategy", ["bias", "walls"])
def test_paints_maps(browser, page, strategy):
    """By offset as seen from the query, or as the cell in the middle sees all others."""
    looked = Looked(browser, page, strategy, layer=LAYER, head=HEAD)
    found = looked.arm["objects"][0]
    every, other = (looked.numbers(x) for x in (found["values"], found["other"]["values"]))
    if strategy == "bias":
        every, other = turned(every), turned(other)
    high = reach(found["values"], found["start"])

    assert looked.shows("map", every[LAYER, HEAD], -high, high, "PuOr")
    assert looked.shows("maps", pages.tiled(every), -high, high, "PuOr")
    assert looked.shows_array("map-elsewhere", found["other"]["values"], other[LAYER, HEAD])


def test_paints_the_mean_of_heads(browser, page):
    """Where no head is chosen."""
    looked = Looked(browser, page, "bias", layer=LAYER)
    found = looked.arm["objects"][0]
    every = turned(looked.numbers(found["values"]))
    high = reach(found["values"], found["start"])

    assert looked.shows("map", np.add.reduce(every[LAYER]) / 3, -high, high, "PuOr")


def test_paints_rotations(browser, page):
    """What becomes of equal vectors, by offset."""
    looked = Looked(browser, page, "waves", layer=LAYER, head=HEAD)
    kernel = looked.arm["objects"][0]["kernel"]
    every = turned(looked.numbers(kernel))

    assert looked.shows_array("rotation", kernel, every[LAYER, HEAD])
    assert looked.shows_array("rotations", kernel, pages.tiled(every))


def test_paints_responses(browser, page):
    """Of convolutions, the first two large."""
    looked = Looked(browser, page, "peg")
    found = looked.arm["objects"][0]
    values = looked.numbers(found["values"])
    high = reach(found["values"], found["start"])

    assert looked.shows("response-0", values[0, 0], -high, high, "PuOr")
    assert looked.shows("response-1", values[0, 1], -high, high, "PuOr")
    assert looked.shows("responses", pages.tiled(values), -high, high, "PuOr")


def test_paints_planes(browser, page):
    """Channels that are put behind an image."""
    looked = Looked(browser, page, "coords")
    planes = looked.arm["objects"][0]["values"]

    assert looked.shows_array("plane-0", planes, looked.numbers(planes)[0])
    assert looked.shows_array("plane-1", planes, looked.numbers(planes)[1])


def test_says_what_a_strategy_without_an_object_is(browser, page):
    """No empty card: the reason, and pictures of what was measured."""
    looked = Looked(browser, page, "none")
    told = browser.run("return document.getElementById('object-words').textContent")

    assert looked.arm["objects"][0]["why"] in told


def test_paints_every_object_of_a_strategy(browser, page):
    """The second of two is chosen by its number."""
    looked = Looked(browser, page, "both", object=1, layer=0, head=0)
    kernel = looked.arm["objects"][1]["kernel"]

    assert looked.shows_array("rotation", kernel, turned(looked.numbers(kernel))[0, 0])


@pytest.mark.parametrize(
    "strategy", ["learned", "bias", "walls", "waves", "peg", "coords", "none", "both"]
)
def test_paints_what_is_measured_of_every_strategy(browser, page, strategy):
    """The kernel by offset, and how alike places are."""
    looked = Looked(browser, page, strategy, layer=LAYER, head=HEAD, patch=PATCH)
    kernel = looked.arm["kernel"]["values"]
    every = turned(looked.numbers(kernel))
    alike = looked.numbers(looked.arm["similarity"])[[0, LAYER + 1], PATCH].reshape(2, 3, 4)

    assert looked.shows_array("kernel", kernel, every[LAYER, HEAD])
    assert looked.shows_array("kernels", kernel, pages.tiled(every))
    assert looked.shows("similarity-start", alike[0], -1, 1, "cividis")
    assert looked.shows("similarity", alike[1], -1, 1, "cividis")


@pytest.mark.parametrize("query", ["patch", "CLS"])
def test_paints_attention(browser, page, query):
    """Of one query: the chosen layer and head, and all of them, each from 0 to the largest."""
    looked = Looked(
        browser, page, "learned", image=1, layer=LAYER, head=HEAD, patch=PATCH, query=query
    )
    asked = 0 if query == "CLS" else 1 + PATCH
    weights = looked.numbers(looked.arm["attention"]["values"])[1, :, :, asked, 1:]
    weights = weights.reshape(2, 3, 3, 4)
    one = weights[LAYER, HEAD]

    assert looked.shows("attention", one, 0, one.max(), "cividis")
    assert looked.shows("attentions", pages.tiled(weights), 0, weights.max(), "cividis")


def test_shows_the_nearest_query_that_was_kept(browser, page):
    """And says so, where not all of them were."""
    looked = Looked(browser, page, "waves", layer=0, head=1, patch=PATCH + 2)
    attention = looked.arm["attention"]
    weights = looked.numbers(attention["values"])[0, 0, 1, -1, 1:].reshape(3, 4)
    told = browser.run("return document.getElementById('attention-words').textContent")

    assert looked.shows("attention", weights, 0, weights.max(), "cividis")
    assert "patch 11 (row 2, column 3) is the nearest" in told


def test_paints_what_is_added_to_tokens(browser, page):
    """What is seen, where it is, and their sum: of the chosen patch, and of all tokens."""
    looked = Looked(browser, page, "learned", step=4, patch=PATCH)
    added = looked.arm["added"]
    seen, more = looked.numbers(added["before"])[0], looked.numbers(added["difference"])[0]
    both = seen + more
    high = np.abs(both).max()

    assert looked.shows_array("step-seen", added["before"], seen[1 + PATCH])
    assert looked.shows_array("step-added", added["difference"], more[1 + PATCH])
    assert looked.shows("step-entered", both[1 + PATCH], -high, high, "PuOr")
    assert looked.shows_array("step-all-added", added["difference"], more)


def test_paints_the_difference_of_two_strategies(browser, page):
    """Of what both have: the one less the other, zero in the middle."""
    looked = Looked(browser, page, "learned", versus="none", layer=LAYER, head=HEAD, patch=PATCH)
    other = next(arm for arm in looked.meta["arms"] if arm["name"] == "none")
    one, two = (
        turned(looked.numbers(arm["kernel"]["values"]))[LAYER, HEAD] for arm in (looked.arm, other)
    )
    high, most = np.abs([one, two]).max(), np.abs(one - two).max()

    assert looked.shows("versus-kernel-one", one, -high, high, "PuOr")
    assert looked.shows("versus-kernel-two", two, -high, high, "PuOr")
    assert looked.shows("versus-kernel-difference", one - two, -most, most, "PuOr")


def test_gives_each_picture_its_own_range_on_request(browser, page):
    """From its smallest to its largest value."""
    looked = Looked(browser, page, "none", layer=0, patch=PATCH, range="own")
    alike = looked.numbers(looked.arm["similarity"])[1, PATCH].reshape(3, 4)

    assert looked.shows("similarity", alike, alike.min(), alike.max(), "cividis")


def test_grid_view_follows_the_dimension(browser, page):
    """The slider moves through the same table, a column at a time."""
    from selenium.webdriver.common.keys import Keys

    looked = Looked(browser, page, "learned")
    browser.run("document.getElementById('choose-channel').focus()")
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    table = looked.arm["objects"][0]
    past = [one["values"] for one in table["history"]]
    high = reach(table["now"], table["start"], *past)
    values = looked.numbers(table["now"])

    assert looked.shows("table-grid", values[:, 2].reshape(3, 4), -high, high, "PuOr")
