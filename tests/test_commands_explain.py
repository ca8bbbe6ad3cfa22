"""`vitpos explain` tells what one wants to know of a strategy, with a picture."""

import json
import re

import networks
import pytest
import torch
from run_folders import call

from vitpos import build, catalogue, config, glossary
from vitpos.explain import explain, lines, ruled
from vitpos.specimens import fitting
from vitpos.switches import SWITCHES
from vitpos.terminal import sketch
from vitpos.terminal.sketch import Style


def sized(names):
    """Overrides for a network that suits these strategies."""
    return [f"backbone.{key}={value}" for key, value in fitting(names).items()]


@pytest.mark.parametrize("name", networks.NAMES)
def test_explains_every_strategy(name):
    """All that its file says is on the page, in lines that fit, with a picture in 60 columns."""
    facts = explain([f"embedding={name}", *sized(name)])
    entry, [part] = catalogue.entry(name), facts["strategies"]
    for how in Style:
        page = lines(facts, 80, how)
        text = " ".join(" ".join(page).split())

        assert entry.description in text
        told = {word: " ".join(fact.split()) for word, fact in entry.facts.items()}
        assert entry.parameters is None or f"{entry.parameters:,} numbers in" in text
        assert [word for word, fact in told.items() if fact not in text] in ([], ["parameters"])
        assert all(f"{option} = " in text for option in (o["name"] for o in part["options"]))
        assert how is Style.COLOUR or all(len(line) <= 80 for line in page if fits(line, 80))
    shown = name != "none" and "test_shows_itself" not in entry.exceptions
    assert (part["picture"] is not None) == shown


def fits(line, width):
    """Whether a line can be that short: addresses are not broken."""
    return max(map(len, line.split()), default=0) <= width // 2


@pytest.mark.parametrize("names", ["none", "learned1d", "rope_mixed", "learned1d+swin_rpb"])
def test_counts_what_a_network_has_more(names):
    """The difference of two networks, of the sizes that the overrides give."""
    words = ["backbone.depth=3", "backbone.pool=cls", "patch.size=4", "seed=3"]
    more, bare = (
        sum(p.numel() for p in build.network(config.compose([*words, e]), 10).parameters())
        for e in (f"embedding={names}", "embedding=none")
    )

    assert explain([f"embedding={names}", *words])["network"]["adds"] == more - bare


def test_speaks_of_several(capsys):
    """Each strategy of `a+b` has its part, in order; a bare name is an embedding."""
    code, said, _ = call(capsys, "explain", "peg+rope2d")
    titles = [line.partition(":")[0] for line in said.splitlines() if line[:1].strip()]

    assert code == 0
    assert titles.index("peg") < titles.index("rope2d")
    assert said.count("this network") == 1


def test_tells_values_and_what_they_mean(capsys):
    """Changed options with their usual value, switches with their meaning."""
    _, said, _ = call(capsys, "explain", "learned1d", "embedding.learned1d.inject=qk")
    text = " ".join(said.split())

    assert "inject = qk (usually input)" in text
    assert glossary.VALUES["inject"]["qk"] in text
    assert "one of input, every_layer, shared, lape, concat, qk" in text


def test_every_value_of_a_switch_is_explained():
    """A word that a switch may be is in the glossary."""
    missing = {
        f"{name}={value}"
        for name, switch in SWITCHES.items()
        for value in switch.rules.get("one_of", ())
        if not glossary.means(name, value)
    }

    assert missing == set()


@pytest.mark.parametrize(
    ("word", "why"),
    [("backbone.heads=3", "64 channels are not divisible"), ("patch.size=5", "28 pixels are not")],
)
def test_a_network_that_cannot_be_is_no_obstacle(capsys, word, why):
    """The strategy is told; what is wrong with the network stands beside its size."""
    code, said, errors = call(capsys, "explain", "rope2d", word)

    assert (code, errors) == (0, "")
    assert said.startswith("rope2d: ")
    assert why in " ".join(said[said.index("this network") :].split())


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("rope2d", "what the middle cell sees, in every head, layer 0:"),
        ("swin_rpb", "what the middle cell sees, a map per head, layer 0:"),
        ("peg", "what the middle cell sees, a map per kernel, layer 1:"),
        ("coordconv", "what every cell is told, a map per channel, layer 0:"),
    ],
)
def test_a_picture_says_what_it_shows(capsys, name, title):
    """Not every map is that of a head."""
    _, said, _ = call(capsys, "explain", name)

    assert title in said.splitlines()


def test_a_strategy_that_does_not_fit_is_explained_all_the_same(capsys):
    """What the network would need is said, and there is no picture."""
    code, said, _ = call(capsys, "explain", "rope2d", "backbone.dim=60", "backbone.heads=6")
    _, data, _ = call(capsys, "explain", "rope2d", "backbone.dim=60", "backbone.heads=6", "--json")

    assert code == 0
    assert "needs another backbone.dim / backbone.heads = 10" in " ".join(said.split())
    assert json.loads(data)["network"]["adds"] is None


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ("embedding=nope", "embedding = nope: there is no such embedding", "did you mean"),
        ("nope", "embedding = nope: there is no such embedding", "did you mean"),
        ("peg embedding.peg.inject=lape", "unknown key embedding.peg.inject", "add vectors to tok"),
        ("peg embedding.peg.kernel=2", "embedding.peg.kernel = 2: must be one of", ""),
        ("learned1d embedding.learned1d.inject=lapr", "must be one of input", "did you mean lape"),
    ],
)
def test_mistakes_are_told_in_a_line(capsys, words, error, hint):
    """As for a run."""
    code, said, errors = call(capsys, "explain", *words.split())

    assert (code, said) == (2, "")
    assert error in errors
    assert hint in errors
    assert len(errors.splitlines()) <= 2


def test_pictures_are_plain_where_colours_are_not_wanted(capsys):
    """No escape codes without a terminal; with `--plain`, nothing but ASCII in the picture."""
    _, shaded, _ = call(capsys, "explain", "rope2d")
    _, plain, _ = call(capsys, "explain", "rope2d", "--plain")
    picture = plain[plain.index("what the middle cell sees") : plain.index("this network")]

    assert "\x1b" not in shaded + plain
    assert "█" in shaded
    assert picture.isascii()


@pytest.mark.parametrize(
    ("terminal", "no_color", "how"),
    [
        (True, None, Style.COLOUR),
        (True, "1", Style.SHADES),
        (False, None, Style.SHADES),
    ],
)
def test_colours_are_for_terminals_that_take_them(monkeypatch, capsys, terminal, no_color, how):
    """`NO_COLOR` and pipes get shades, `--plain` and ASCII terminals letters."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)

    assert sketch.style(plain=False) is how
    assert sketch.style(plain=True) is Style.ASCII


@pytest.mark.parametrize("how", list(Style))
def test_pictures_have_a_row_for_each_row(how):
    """Darker for less, and in letters two characters a cell."""
    drawn = sketch.sketch([torch.arange(6.0).view(2, 3).numpy()], how)

    assert drawn[-1].startswith("0 ")
    assert drawn[-1].endswith(" 5")
    if how is Style.ASCII:
        assert drawn[:-1] == ["  ::==", "**%%@@"]
    if how is Style.COLOUR:
        assert {line.count("▀") for line in drawn[:-1]} == {24}
        assert len(drawn[:-1]) == 8


@pytest.mark.parametrize("cells", [(1, 1), (4, 4), (1, 40), (8, 8), (64, 64), (7, 100)])
@pytest.mark.parametrize("how", list(Style))
@pytest.mark.parametrize("count", [1, 2, 12])
def test_maps_fit_into_sixty_columns(cells, how, count):
    """Cells are left out of maps that are too large, and maps that have no room."""
    maps = [
        torch.randn(cells, generator=torch.Generator().manual_seed(i)).numpy() for i in range(count)
    ]
    drawn = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in sketch.sketch(maps, how)]

    assert max(map(len, drawn)) <= 60


def test_rules_are_said_in_words():
    """As one would say them."""
    assert ruled({"above": 1, "at_most": 9}) == "above 1, at most 9"
    assert ruled({"multiple_of": 4}) == "a multiple of 4"
    assert ruled({"one_of": [True, "a"]}) == "one of true, a"
