"""The live corner in a real browser: what is changed by hand, and what the network says then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_page
import networks
import probing
import pytest
import torch
from exported import copied

from vitpos import specimens
from vitpos.pages import live
from vitpos.pages.live.stored import RUNGS
from vitpos.pages.live.tracing import Program
from vitpos.probes.subject import Subject

pytestmark = pytest.mark.browser
CLASSES = tuple("abcdefghij")
SHOWN = (3, 0)
UNTOUCHED = probing.noise(6).pixels[SHOWN[0]]
CHECKED = "return document.querySelector('.live-worth p:last-child')?.textContent.includes('torch')"
LEFT, UP, RIGHT, DOWN, ESCAPE = "\ue012", "\ue013", "\ue014", "\ue015", "\ue00c"  # of WebDriver
HEIGHT, WIDTH, PATCH = networks.SIZE, networks.SIZE, networks.PATCH


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A small network whose answers depend on where patches are."""
    model = specimens.loud(networks.vit("learned1d+rope_mixed"), std=0.5)
    return probing.given(model, probing.noise(6), networks.options("learned1d"))


@pytest.fixture(scope="module")
def network(subject: Subject) -> Program:
    """The same copy in torch."""
    copy = copied(subject, RUNGS[0])
    return copy.program.changed(copy.store.kept)


@pytest.fixture(scope="module")
def found(subject: Subject) -> live.Live:
    """Its copy."""
    return live.export(subject, CLASSES, SHOWN)


@pytest.fixture(scope="module")
def page(subject: Subject, found: live.Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with it."""
    path = tmp_path_factory.mktemp("live") / "live.html"
    return live_page.written(path, found, subject.samples, SHOWN)


@pytest.fixture
def corner(browser: Any, page: Path) -> Iterator[Any]:
    """The page, with the network awake; nothing may go wrong in it."""
    opened(browser, page)
    yield browser

    assert browser.trouble() == []
    assert browser.requests() == []


def opened(browser: Any, page: Path, **asked: Any) -> None:
    """Until the network has been compared with torch."""
    browser.open(page, **asked)
    browser.run("document.getElementById('part-live').scrollIntoView()")
    browser.wait(CHECKED)
    browser.wait("return document.querySelectorAll('.live-classes tbody tr').length > 0")


def button(browser: Any, text: str) -> None:
    """Press it."""
    browser.run(
        "[...document.querySelectorAll('.live button')]"
        ".find(one => one.textContent === arguments[0]).click()",
        text,
    )


def shown(browser: Any) -> torch.Tensor:
    """The picture as it is seen, one channel after another."""
    width, height, data = browser.pixels("[data-picture=live-image]")
    pixels = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(height, width, 4)
    return pixels[..., :3].permute(2, 0, 1)


def settled(browser: Any, network: Program, pixels: torch.Tensor) -> None:
    """Wait until the page says what torch says of a picture, with the weights of the page.

    It must be something else than before, or this would say nothing.
    """
    percent = [100 * network.play(x[None].float())[0].softmax(-1) for x in (pixels, UNTOUCHED)]
    assert torch.equal(pixels, UNTOUCHED) or (percent[0] - percent[1]).abs().max() > 0.15
    browser.wait(
        "const wanted = " + str(percent[0].tolist()) + ";"
        "const rows = [...document.querySelectorAll('.live-classes tbody tr')];"
        "return rows.every((row, i) => Math.abs(parseFloat(row.cells[2].textContent)"
        " - wanted[i]) < 0.06)",
    )


def exchanged(pixels: torch.Tensor, first: int, second: int) -> torch.Tensor:
    """Two patches, each in the place of the other."""
    cells = pixels.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH).flatten(1, 2).clone()
    cells[:, [first, second]] = cells[:, [second, first]]
    rows = cells.unflatten(1, (HEIGHT // PATCH, WIDTH // PATCH))
    return rows.permute(0, 1, 3, 2, 4).reshape(3, HEIGHT, WIDTH)


def test_agrees_with_torch_in_the_browser(corner: Any, network: Program) -> None:
    """The page says so by itself, and its classes have the probabilities of torch."""
    said = corner.run("return document.querySelector('.live-worth').innerText")
    most = float(said.partition("by at most ")[2].rpartition("by at most ")[2].split(";")[0]
                 .replace("\u2212", "-"))  # fmt: skip

    assert most < 1e-4
    settled(corner, network, UNTOUCHED)


def test_patches_are_carried_by_keyboard(corner: Any, network: Program) -> None:
    """Arrows choose, Space lifts and puts down, Escape puts back, undo takes back."""
    before = shown(corner)
    corner.run("document.querySelector('.live-cells [tabindex=\"0\"]').focus()")
    corner.press(UP, " ", LEFT, LEFT, " ")

    assert torch.equal(shown(corner), exchanged(before, 6, 4))
    settled(corner, network, shown(corner))
    assert "patch 4" in corner.run("return document.activeElement.ariaLabel")
    assert "from patch 6" in corner.run("return document.activeElement.ariaLabel")
    corner.press(" ", DOWN, ESCAPE)

    assert torch.equal(shown(corner), exchanged(before, 6, 4))
    button(corner, "Undo")

    assert torch.equal(shown(corner), before)
    button(corner, "Redo")

    assert torch.equal(shown(corner), exchanged(before, 6, 4))


def test_patches_are_dragged(corner: Any, network: Program) -> None:
    """What is dropped on another patch takes its place; it counts as one change."""
    from selenium.webdriver.common.action_chains import ActionChains

    before = shown(corner)
    cells = corner.driver.find_elements("css selector", ".live-cells button")
    chain = ActionChains(corner.driver, duration=50)
    chain.move_to_element(cells[1]).click_and_hold().move_to_element(cells[2])
    chain.move_to_element(cells[7]).release().perform()

    assert torch.equal(shown(corner), exchanged(before, 1, 7))
    settled(corner, network, shown(corner))
    button(corner, "Undo")

    assert torch.equal(shown(corner), before)


def test_shuffled_patches_are_the_same_patches(corner: Any, network: Program) -> None:
    """In another order; restoring brings the image back."""
    before = shown(corner)
    button(corner, "Shuffle all patches")
    after = shown(corner)

    assert not torch.equal(after, before)
    assert torch.equal(after.flatten().sort().values, before.flatten().sort().values)
    settled(corner, network, after)
    button(corner, "Restore")

    assert torch.equal(shown(corner), before)


def test_it_can_be_told_that_patches_are_elsewhere(corner: Any, network: Program) -> None:
    """The picture stays; the answer is that to the picture with the patches moved."""
    before = shown(corner)
    corner.run("document.querySelector('.live input[value=tell]').click()")
    corner.run("document.querySelector('.live-cells [tabindex=\"0\"]').focus()")
    corner.press(" ", RIGHT, " ")

    assert torch.equal(shown(corner), before)
    assert "told to be patch 10" in corner.run("return document.activeElement.ariaLabel")
    settled(corner, network, exchanged(before, 10, 11))


@pytest.mark.parametrize(("word", "down", "right"), [("up", -1, 0), ("right", 0, 1)])
def test_the_image_is_shifted(corner: Any, network: Program, word: str, down: int, right: int):
    """By a pixel; what comes in is black."""
    wanted = torch.zeros_like(before := shown(corner))
    wanted[:, max(0, down) : HEIGHT + min(0, down), max(0, right) : WIDTH + min(0, right)] = before[
        :, max(0, -down) : HEIGHT - max(0, down), max(0, -right) : WIDTH - max(0, right)
    ]
    corner.run(f"document.querySelector('[data-shift={word}]').click()")

    assert torch.equal(shown(corner), wanted)
    settled(corner, network, wanted)


def test_one_draws_by_keyboard(corner: Any, network: Program) -> None:
    """On an empty sheet: the pen leaves a line where it went down, and one undo takes it back."""
    corner.run("document.querySelector('.live input[value=draw]').click()")
    button(corner, "Empty sheet")

    assert not shown(corner).any()
    corner.run("document.querySelector('.live-sheet').focus()")
    corner.press(" ", *[RIGHT] * 6, " ", UP, UP)
    drawn = shown(corner)

    assert drawn[:, HEIGHT // 2, WIDTH // 2 : WIDTH // 2 + 6].min() > 200
    assert not drawn[:, : HEIGHT // 2 - 3].any()
    settled(corner, network, drawn)
    button(corner, "Undo")

    assert not shown(corner).any()


def test_attention_is_that_of_torch(corner: Any, network: Program) -> None:
    """Of the layer, the head and the patch that are chosen."""
    for name, value in (("Layer", "0"), ("Head", "1")):
        corner.run(
            "const label = [...document.querySelectorAll('.live-attention label')]"
            ".find(one => one.textContent.startsWith(arguments[0]));"
            "label.control.value = arguments[1]; label.control.dispatchEvent(new Event('change'))",
            name,
            value,
        )
    corner.run("document.querySelector('[data-figure=live-attention] summary').click()")
    corner.wait("return document.querySelectorAll('[data-figure=live-attention] td').length > 16")
    told = corner.run(
        "return [...document.querySelectorAll('[data-figure=live-attention] tbody td')]"
        ".map(cell => parseFloat(cell.textContent.replace('\u2212', '-')))"
    )
    wanted = network.play(UNTOUCHED[None].float())[3][1, 10]

    assert told == pytest.approx(wanted.tolist(), abs=0.001)
    assert sum(told) == pytest.approx(1, abs=0.01)


def test_runs_without_a_worker(
    browser: Any, found: live.Live, subject: Subject, network: Program, tmp_path: Path
) -> None:
    """Where none may start, the page computes by itself."""
    page = live_page.written(tmp_path / "alone.html", found, subject.samples, SHOWN, worker=False)
    opened(browser, page)
    button(browser, "Shuffle all patches")

    settled(browser, network, shown(browser))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("mode", ["move", "draw"])
def test_axe_finds_nothing_serious(browser: Any, page: Path, dark: bool, mode: str) -> None:
    """Names, roles, contrast: in both lights."""
    opened(browser, page, dark=dark)
    browser.run(f"document.querySelector('.live input[value={mode}]').click()")
    browser.settle()

    assert browser.violations() == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out(browser: Any, page: Path, width: int) -> None:
    """At any width."""
    opened(browser, page, size=(width, 900))

    assert browser.run("return document.documentElement.scrollWidth") <= width
