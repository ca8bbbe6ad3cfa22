"""`report.html`: all there is to see of a comparison, in one file that needs nothing."""

import base64
import io
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from drawn_answers import answer, row, run
from PIL import Image
from small_cards import KINDS, alike, card, coded

from vitpos.pages import report
from vitpos.pages.coded import Coded
from vitpos.pages.report import figures, painted
from vitpos.pages.report.page import LIMIT, page
from vitpos.palettes import CIVIDIS, GREY, PUOR
from vitpos.plots import style

ODD = "</script><img src=x onerror=alert(1)>\u202e & \"'"
VOID = {"meta", "img", "br", "circle", "path", "link", "hr"}


class Reader(HTMLParser):
    """All elements of a page in order, with their attributes; and whether they nest."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.wrong = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Remember."""
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Remember."""
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Close what was opened last."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def all(self, tag):
        """The attributes of every element of a kind."""
        return [attrs for name, attrs in self.found if name == tag]


def compared(tmp_path, *names):
    """A comparison of arms of these names, three seeds each."""
    rows = []
    for number, name in enumerate(names):
        runs = [run(tmp_path, name, seed, 0.7 + number / 50 + seed / 100) for seed in range(3)]
        rows.append(row(runs, name, None, params=1000.0 + number))
    return answer(rows, question="Which is best?")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A report with a card of every kind."""
    found = compared(tmp_path_factory.mktemp("runs"), *KINDS)
    return page(found, [card(kind, kind) for kind in KINDS], title="A study")


def test_is_one_page_that_nests(whole):
    """Everything that is opened is closed, in order."""
    seen = Reader(whole)

    assert seen.wrong == []
    assert [tag for tag in seen.open if tag not in ("th", "td")] == []


def test_asks_for_nothing_and_runs_nothing(whole):
    """The policy forbids it, and there is nothing to forbid."""
    seen = Reader(whole)
    policy = seen.all("meta")[1]["content"]

    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert not seen.all("script")
    assert not seen.all("link")
    assert all(image["src"].startswith("data:image/") for image in seen.all("img"))
    assert all(link["href"].startswith("#") for link in seen.all("a"))
    assert not re.findall(r"\son\w+=", whole)
    assert "://" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", whole)


def test_links_lead_somewhere_and_headings_do_not_jump(whole):
    """Every anchor is there once; levels of headings go down one at a time."""
    seen = Reader(whole)
    ids = [attrs["id"] for _, attrs in seen.found if "id" in attrs]
    levels = [int(tag[1]) for tag, _ in seen.found if re.fullmatch(r"h[1-6]", tag)]

    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in seen.all("a")} <= set(ids)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - sooner <= 1 for sooner, later in pairwise(levels))


def test_pictures_say_in_words_what_they_show(whole):
    """Charts and pictures have texts; only those that repeat what stands beside them are silent."""
    seen = Reader(whole)
    silent = [image for image in seen.all("img") if not image["alt"]]

    assert len(silent) == len(KINDS)
    assert all(svg["aria-label"] for svg in seen.all("svg"))
    assert all(image["width"] and image["height"] for image in seen.all("img") if "width" in image)


@pytest.mark.parametrize("kind", KINDS)
def test_no_card_is_empty(kind):
    """Whatever a strategy is, there is something to see of it."""
    found = figures.figures(card("a", kind))

    assert found[0].title != "Measured kernel" or kind == "nothing"
    assert {"Measured kernel", "Tokens, alike"} <= {figure.title for figure in found}
    assert all(figure.alt.startswith("a") for figure in found)


def test_says_why_there_is_nothing_to_see(whole):
    """A strategy that adds nothing says so."""
    assert "This strategy adds nothing: a bag." in whole


def test_names_are_inert(tmp_path):
    """What strangers wrote is text, in the table, in cards and in the title."""
    made = card(ODD, "table")
    made["words"]["explanation"] = ODD
    made["missing"] = [ODD]
    text = page(compared(tmp_path, ODD), [made], title=ODD, left_out=[ODD])
    seen = Reader(text)

    assert seen.wrong == []
    assert not seen.all("script")
    assert not [image for image in seen.all("img") if image["src"] == "x"]
    assert "\u202e" not in text


def test_the_same_runs_give_the_same_bytes(tmp_path):
    """No date, no chance."""
    found = compared(tmp_path / "runs", "a", "b")
    cards = [card("a", "table"), card("b", "rotation")]
    for name in ("one", "two"):
        report.write(found, cards, tmp_path / f"{name}.html", title="same")

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_stays_within_its_limit(tmp_path):
    """Pictures that say least go first, and the page says which; numbers never do."""
    found = compared(tmp_path, "a", "b")
    cards = [card("a", "table", grid=(8, 8)), card("b", "map", grid=(8, 8))]
    full = page(found, cards)
    less = page(found, cards, limit=len(full) - 1)
    least = page(found, cards, limit=1)

    assert "For want of room" not in full
    assert "left out: what strategies are on another grid" in less
    assert (
        len(Reader(least).all("img")) < len(Reader(less).all("img")) < len(Reader(full).all("img"))
    )
    assert "Measured kernel" in least
    assert "1,234 parameters" in least


@pytest.mark.slow
def test_many_strategies_fit(tmp_path):
    """24 of them, on a grid of 8 x 8, with 4 heads in 6 blocks."""
    names = [f"{kind}{number}" for number in range(4) for kind in KINDS]
    cards = [card(n, n[:-1], grid=(8, 8), heads=4, layers=6) for n in names]
    text = page(compared(tmp_path, *names), cards)

    assert len(text.encode()) <= LIMIT
    assert "For want of room" not in text


@pytest.mark.parametrize(
    ("grid", "heads", "layers"),
    [((1, 5), 1, 1), ((5, 1), 1, 1), ((30, 30), 1, 1), ((2, 2), 20, 30)],
)
def test_odd_sizes_are_drawn(tmp_path, grid, heads, layers):
    """Oblong grids, one head, more cells and blocks than there is room for."""
    made = card("a", *KINDS, grid=grid, heads=heads, layers=layers)
    text = page(compared(tmp_path, "a"), [made])

    assert Reader(text).wrong == []
    assert all(f.picture.width <= 720 for f in figures.figures(made))


def test_one_arm_without_a_card(tmp_path):
    """A comparison whose weights are lost still has its table and its charts."""
    text = page(compared(tmp_path, "a"), [], left_out=["a: its weights are lost"])

    assert "a: its weights are lost" in text
    assert 'id="strategies"' not in text
    assert 'class="chart"' in text


def decoded(picture):
    """The pixels of a picture in a page, and which of them are seen."""
    content = base64.b64decode(picture.uri.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    return pixels[..., :3], pixels[..., 3] > 0


def test_pixels_are_the_palette_of_the_numbers():
    """To the nearest of 253 colours: zero is white, what is no number is grey, gaps are clear."""
    values = coded(1, 1, 4, 5)
    values.codes[0, 0, 1, 2] = 127
    values.codes[0, 0, 3, 3] = 255
    pixels, seen = decoded(painted.mosaic(values, 100))
    levels = np.rint(values.codes[0, 0] * (252 / 254))
    wanted = PUOR.paint(levels / 126 - 1, -1.0, 1.0)
    wanted[3, 3] = GREY

    assert seen.all()
    assert np.array_equal(pixels, wanted)
    assert pixels[1, 2].tolist() == PUOR.paint(np.zeros(1), -1.0, 1.0)[0].tolist()


def test_tiles_lie_where_their_cells_do():
    """Tile (r, c) compares cell (r, c) with all; the own cell is the brightest."""
    similarity = alike(12)
    picture = painted.tiles(similarity, (3, 4), 100)
    pixels, seen = decoded(picture)
    bright = CIVIDIS.paint(np.ones(1), -1.0, 1.0)[0]

    assert pixels.shape[:2] == (3 * 4 - 1, 4 * 5 - 1)
    for cell in range(12):
        r, c = divmod(cell, 4)
        assert np.array_equal(pixels[4 * r + r, 5 * c + c], bright)
    assert not seen[3].any()
    assert not seen[:, 4].any()
    assert seen[0, 0]


def test_of_a_large_grid_some_tiles_are_shown():
    """Eight each way, from the first to the last."""
    picture = painted.tiles(alike(400), (20, 20), 100)

    assert picture.pixels.shape == (8 * 21 - 1, 8 * 21 - 1)
    assert painted.some(20) == [0, 3, 5, 8, 11, 14, 16, 19]


def test_a_map_on_paper_has_no_hidden_grey():
    """Gaps are white there."""
    picture = painted.mosaic(coded(2, 2, 3, 3), 50)

    assert (picture.rgb()[3] == 255).all()


def test_a_range_of_nothing_is_drawn(tmp_path):
    """Zeros everywhere, and not a number anywhere."""
    empty = Coded(np.full((1, 1, 3, 3), 255, np.uint8), -0.0, 0.0)
    made = card("a", "map")
    made["kernel"]["values"] = empty
    made["kernel"]["strength"] = made["kernel"]["floor"] = [None]

    assert Reader(page(compared(tmp_path, "a"), [made])).wrong == []


def test_leaves_the_style_of_others_alone(tmp_path):
    """Charts are drawn in ours, and then it is gone."""
    with style.styled():
        page(compared(tmp_path, "a"), [])
