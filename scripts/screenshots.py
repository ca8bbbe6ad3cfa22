"""The pictures of the explorer in the README: python scripts/screenshots.py explorer.html FOLDER.

One in light colours of a strategy and what it is, one in dark ones of two strategies side by side.
It needs what the browser tests need. Strategies may be named; else the page chooses.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import browser

SIZE = (1280, 900)
SHOTS = {  # what is seen of the page, and how
    "explorer-light": ("#part-strategy", False),
    "explorer-dark": ("#part-versus", True),
}
BOX = (
    "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
    "return [0, box.top + scrollY];"
)


def main() -> None:
    """Both pictures, each one window of the page."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("page", type=Path)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--strategy", default="")
    asked.add_argument("--versus", default="")
    given = asked.parse_args()
    lacks = browser.missing()
    if lacks:
        sys.exit(f"error: no {' and no '.join(lacks)}")
    state = {"strategy": given.strategy, "versus": given.versus, "layer": 2}
    given.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as profile,
        browser.browser(Path(profile)) as window,
    ):
        for name, (part, dark) in SHOTS.items():
            window.open(given.page, urlencode(state), size=SIZE, dark=dark)
            path = given.folder / f"{name}.png"
            window.run(f"document.querySelector('{part}').scrollIntoView()")
            window.settle()
            window.screenshot(path)
            left, top = (int(side) for side in window.run(BOX, part))
            with Image.open(path) as whole:
                seen = whole.crop((left, top, SIZE[0], min(top + SIZE[1], whole.height)))
            seen.convert("RGB").save(path, optimize=True)
            print(path)


if __name__ == "__main__":
    main()
