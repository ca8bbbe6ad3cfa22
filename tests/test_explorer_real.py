"""The explorer of real runs: written by `vitpos report`, read by a browser."""

from pathlib import Path

import explorer_pages as made_up
import numpy as np
import pytest
from looking import Looked, reach, turned
from small_runs import few, train

from vitpos.data.samples import silent
from vitpos.pages.writing import Asked, pages
from vitpos.probes import loading

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TINY = ("training.epochs=1", "training.limit=16", "study=s", "patch.size=7")
RUNS = {
    "none": (),
    "learned1d": ("backbone.pool=cls",),
    "sincos2d": (),
    "learned1d+rope_mixed": (),
    "swin_rpb": (),
    "lookhere": (),
    "peg": (),
    "coordconv": (),
    "pyramid": ("backbone=pyramid", "backbone.depth=4", "embedding=swin_rpb"),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of each."""
    outputs = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        for place in ("vitpos.experiment.load", f"{loading.__name__}.load"):
            patch.setattr(place, few)
        patch.setattr("vitpos.machine.commit", lambda: None)
        for name, options in RUNS.items():
            embedding = () if name == "pyramid" else (f"embedding={name}",)
            train(outputs, *TINY, *embedding, *options)
        pages([outputs], Asked(only="explorer", output=outputs), silent, print)
    return outputs / "explorer.html"


def names(path: Path) -> list[str]:
    """Of its strategies."""
    return [arm["name"] for arm in made_up.held(path)[0]["arms"]]


def test_shows_every_run_without_trouble(browser, page):
    """Whatever is chosen: no error, no request, and every object has a picture or a reason."""
    browser.open(page)
    for name in names(page):
        browser.run("choose({strategy: arguments[0]})", name)
        for i in range(browser.run("return arm().objects.length")):
            for step in range(5):
                browser.run(f"choose({{object: {i}, step: {step}}})")
            told = browser.run("return document.getElementById('object-words').innerText")
            shown = browser.run(
                "return document.querySelectorAll('#object-pictures figure').length"
            )

            assert told
            assert shown or browser.run("return object().kind") == "nothing"
    browser.settle()

    assert len(names(page)) == len(RUNS)
    assert browser.trouble() == []
    assert browser.requests() == []


def test_paints_what_every_run_is_and_does(browser, page):
    """Objects, kernels and similarities are the arrays that the report wrote."""
    for name in names(page):
        looked = Looked(browser, page, name, layer=1, head=0, patch=0)
        kernel = looked.arm["kernel"].get("values")
        layer = min(1, kernel["shape"][0] - 1)
        every = turned(looked.numbers(kernel))
        high = kernel["high"]

        assert looked.shows("kernel", every[layer, 0], -high, high, "PuOr"), name
        assert looked.shows("kernels", made_up.tiled(every), -high, high, "PuOr"), name
        paints_object(looked, name)


def paints_object(looked: Looked, name: str) -> None:
    """The first object of a strategy, in the range of all its times."""
    found = looked.arm["objects"][0]
    kind = found["kind"]
    if kind in ("nothing", "planes"):
        return
    key = {"table": "now", "rotation": "kernel"}.get(kind, "values")
    high = reach(*(x for x in (found[key], found["start"]) if x))
    values = looked.numbers(found[key])
    if kind == "table":
        prefix = [looked.numbers(found["prefix"])] if found["prefix"] else []
        values = np.concatenate([*prefix, values])
    elif kind == "rotation" or "offset" in found.get("means", ""):
        values = turned(values)
    shown = {"table": "table", "response": "responses"}.get(kind, f"{kind}s")

    wanted = values if kind == "table" else made_up.tiled(values)
    assert looked.shows(shown, wanted, -high, high, "PuOr"), name
