"""What a browser shows of an explorer page, beside what the page holds."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import explorer_pages as pages
import numpy as np


class Looked:
    """A page in the browser, and what it holds."""

    def __init__(self, browser: Any, path: Path, strategy: str, **state: Any) -> None:
        self.browser = browser
        self.meta, self.data = pages.held(path)
        self.arm = next(arm for arm in self.meta["arms"] if arm["name"] == strategy)
        browser.open(path, urlencode({"strategy": strategy, **state}))

    def numbers(self, array: dict[str, Any]) -> np.ndarray:
        """Of one array of the payload."""
        return pages.numbers(array, self.data)

    def seen(self, name: str) -> np.ndarray:
        """The pixels of a picture, [height, width, 4]."""
        width, height, pixels = self.browser.pixels(f'[data-picture="{name}"]')
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 4)

    def shows(self, name: str, values: np.ndarray, low: float, high: float, palette: str) -> bool:
        """Whether a picture is these values in these colours."""
        wanted = pages.painted(np.atleast_2d(values), low, high, palette, self.meta)
        return np.array_equal(self.seen(name), wanted)

    def shows_array(self, name: str, array: dict[str, Any], values: np.ndarray) -> bool:
        """The same in the colours that the array was stored for."""
        palette = "PuOr" if array["low"] == -array["high"] else "cividis"
        return self.shows(name, values, array["low"], array["high"], palette)


def reach(*arrays: dict[str, Any]) -> float:
    """The widest range of several arrays."""
    return max(array["high"] for array in arrays)


def turned(values: np.ndarray) -> np.ndarray:
    """Where the key lies, from where the query lies."""
    return values[..., ::-1, ::-1]
