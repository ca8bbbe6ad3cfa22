"""The README's pictures of the pages, taken of real runs: `scripts/screenshots.py outputs/digits`.

Needs the browser that the tests need. Writes docs/pages/*.png.
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from vitpos.pages import writing

HERE = Path(__file__).parents[1]
FOLDER = HERE / "docs" / "pages"
WIDTH, HEIGHT = 1280, 900


def main(runs: list[Path]) -> None:
    """Write the pages into a folder of their own, open both, and keep what is seen first."""
    sys.path.insert(0, str(HERE / "tests"))
    from browser import browser

    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as profile:
        asked = writing.Asked(output=Path(folder))
        writing.pages(runs, asked, lambda *_: None, print)
        with browser(Path(profile)) as page:
            explorer, report = (Path(folder) / f"{name}.html" for name in ("explorer", "report"))
            page.open(explorer, "strategy=learned1d&step=4&patch=9", size=(WIDTH, HEIGHT))
            page.settle()
            keep(page, "explorer")
            page.open(report, size=(WIDTH, HEIGHT), scripts=False)
            page.set("Emulation.setScriptExecutionDisabled", value=False)
            page.run("document.getElementById('strategies').scrollIntoView()")
            keep(page, "report")


def keep(page: Any, name: str) -> None:
    """What the window shows."""
    path = FOLDER / f"{name}.png"
    picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    picture.save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]])
