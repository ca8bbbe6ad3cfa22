"""`vitpos plot --what position`: the pictures of the report, for a paper."""

from pathlib import Path

import matplotlib as mpl
import pytest
from drawn_answers import answer, row, run
from run_folders import call
from small_cards import KINDS, card, thing
from small_runs import _quick, train

from vitpos.pages.report.figures import figures
from vitpos.plots import positions, style
from vitpos.plots.draw import KINDS as PICTURES
from vitpos.plots.request import Wanted
from vitpos.plots.scene import Scene

__all__ = ["_quick"]


def drawn(*names):
    """A figure of strategies of these kinds."""
    with style.styled():
        panels = [positions.panel(name, [thing(name, (3, 4))]) for name in names]
        return panels, positions.picture(panels, "title", "caption")


def texts(figure):
    """All that is written in it."""
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def test_each_arm_has_the_picture_of_its_card():
    """Pixel for pixel, enlarged; what has none says why."""
    panels, figure = drawn(*KINDS)
    images = figure.findobj(mpl.image.AxesImage)
    shown = [panel for panel in panels if panel.picture is not None]

    assert [panel.name for panel in shown] == [kind for kind in KINDS if kind != "nothing"]
    for panel, image in zip(shown, images, strict=True):
        pixels = image.get_array()
        times = pixels.shape[0] // panel.picture.pixels.shape[0]
        card_picture = figures(card(panel.name, panel.name))[0].picture
        assert (pixels[::times, ::times] == card_picture.rgb()).all()
    assert any("This strategy adds nothing" in text for text in texts(figure))


def test_names_and_ranges_stand_beside_pictures():
    """The same range as on the card."""
    panels, figure = drawn("map")
    said = texts(figure)

    assert "map" in said
    assert any(f"{panels[0].picture.low:.3g} to" in text for text in said)


def test_words_do_not_cover_pictures():
    """Of two rows, the words of the first end above the second."""
    _, figure = drawn(*KINDS)
    figure.draw_without_rendering()
    boxes = [image.get_window_extent() for image in figure.findobj(mpl.image.AxesImage)]
    words = [
        text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_text()
    ]

    assert not any(box.overlaps(word) for box in boxes for word in words)


def test_without_a_finished_run_there_is_nothing(tmp_path):
    """And it is said why."""
    of = answer([row([run(tmp_path, "a", 0, None, status="running")], "a", None)])

    assert PICTURES["position"](Scene(of), Wanted()) == "no run is finished"


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_draws_a_real_run(capsys, tmp_path, form):
    """The network is loaded, and nothing is written but the picture; twice the same."""
    path = train(tmp_path, "embedding=rope2d")
    there = sorted(path.rglob("*"))
    contents = []
    for number in range(2):
        code, said, _ = call(
            capsys, "plot", path, "--what", "position", "--format", form,
            "--output", tmp_path / str(number),
        )  # fmt: skip
        contents.append(Path(said.strip()).read_bytes())

        assert code == 0

    assert contents[0] == contents[1]
    assert sorted(path.rglob("*")) == there
