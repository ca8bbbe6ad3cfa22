"""A real browser that looks at pages from files: Debian's chromium, driven by selenium.

Where there is none, tests that ask for it are skipped on a laptop and fail with CI=true, so that CI
is never green without them. Nothing is downloaded: both programs are named by their paths.
"""

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = "chromium", "chromedriver"
ALLOWED = ("file:", "data:", "blob:", "about:")
PATIENCE = 30  # seconds, for a page to say that it is ready
WATCH = """
window.__trouble = [];
const note = (kind, text) => window.__trouble.push(kind + ': ' + text);
addEventListener('error', event => note('error', event.message), true);
addEventListener('unhandledrejection', event => note('rejection', event.reason));
addEventListener('securitypolicyviolation',
  event => note('policy', event.violatedDirective + ' ' + event.blockedURI));
"""
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations
  .filter(one => ['serious', 'critical'].includes(one.impact))
  .map(one => one.id + ': ' + one.nodes.map(node => node.html).join(' ').slice(0, 500))));
"""
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1"),
)


def missing() -> list[str]:
    """What a browser test needs and this machine lacks."""
    lacks = [program for program in (CHROMIUM, DRIVER) if shutil.which(program) is None]
    try:
        import selenium  # noqa: F401
    except ImportError:
        lacks.append("selenium")
    return lacks


def skip_or_fail() -> None:
    """Ends a test that cannot run here: skipped on a laptop, failed in CI."""
    lacks = missing()
    if lacks and os.environ.get("CI") == "true":
        pytest.fail(f"CI has no {' and no '.join(lacks)}: see .ci/run")
    if lacks:
        pytest.skip(f"no {' and no '.join(lacks)} here")


@dataclass
class Browser:
    """One window. Each page is opened afresh, with all that was set for the page before undone."""

    driver: Any

    def open(
        self,
        path: Path,
        state: str = "",
        *,
        size: tuple[int, int] = (1280, 1600),
        dark: bool = False,
        still: bool = False,
        scripts: bool = True,
        before: str = "",
        ready: bool = True,
    ) -> None:
        """Shows a file, with `state` behind the #, until its pictures are there.

        `size` is the viewport in pixels, `dark` and `still` what the reader prefers of colours and
        of motion, `before` runs in front of the scripts of the page. Nobody waits for
        `window.__ready` without `scripts`, nor where the page will never be `ready`.
        """
        self.driver.get("about:blank")  # else another # of the same file would not load it again
        self.set("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.resize(size)
        self.prefer(dark=dark, still=still)
        self.driver.get_log("performance")  # what the browser asked for itself
        self.driver.get_log("browser")
        added = self.set("Page.addScriptToEvaluateOnNewDocument", source=WATCH + before)
        self.driver.get(path.resolve().as_uri() + (f"#{state}" if state else ""))
        self.set("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
        if scripts and ready:
            self.wait("return Boolean(window.__ready)")

    def set(self, command: str, **values: Any) -> Any:
        """A command of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(command, values)

    def resize(self, size: tuple[int, int]) -> None:
        """The viewport in CSS pixels, narrower than any window may be."""
        width, height = size
        self.set(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, *, dark: bool = False, still: bool = False, media: str = "") -> None:
        """What the reader's system asks of pages; `media` is `print` on paper."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.set("Emulation.setEmulatedMedia", media=media, features=features)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script `return`s inside the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str) -> None:
        """Until a script returns true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, PATIENCE, poll_frequency=0.02).until(lambda _: self.run(script))

    def settle(self) -> None:
        """Two frames: whatever the page does next is painted."""
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => done()));"
        )

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus; `Keys` of selenium names those without a letter."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(key).perform()

    def pixels(self, selector: str) -> tuple[int, int, bytes]:
        """Width, height and RGBA of the canvas that a CSS selector finds first."""
        width, height, text = self.run(
            "const canvas = document.querySelector(arguments[0]);"
            "const data = canvas.getContext('2d')"
            ".getImageData(0, 0, canvas.width, canvas.height).data;"
            "let text = '';"
            "for (let i = 0; i < data.length; i += 8192)"
            " text += String.fromCharCode(...data.subarray(i, i + 8192));"
            "return [canvas.width, canvas.height, btoa(text)];",
            selector,
        )
        return width, height, base64.b64decode(text)

    def trouble(self) -> list[str]:
        """Errors, broken promises, breaches of the page's own policy, complaints in the console."""
        told = self.run("return window.__trouble || []")
        severe = [
            line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"
        ]
        return [*told, *severe]

    def violations(self) -> list[str]:
        """What axe-core finds that is serious or critical for some reader."""
        self.set("Runtime.evaluate", expression=axe())
        found: list[str] = self.driver.execute_async_script(AXE)
        return found

    def requests(self) -> list[str]:
        """Whatever the page asked for since it was opened, from anywhere but the file itself."""
        events = [
            json.loads(line["message"])["message"] for line in self.driver.get_log("performance")
        ]
        asked = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith(ALLOWED)]

    def screenshot(self, path: Path) -> None:
        """The whole page as a PNG, however long."""
        shot = self.set("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def printed(self) -> bytes:
        """The page as a PDF on A4."""
        pdf = self.set("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        return base64.b64decode(pdf["data"])


def axe() -> str:
    """The checker of accessibility, as a script."""
    found = util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.fail("no axe-core: pip install axe-playwright-python")
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A window that keeps what it must in a folder; closed at the end."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which(CHROMIUM) or CHROMIUM
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which(DRIVER)), options=options)
    try:
        driver.set_script_timeout(PATIENCE)
        driver.set_page_load_timeout(PATIENCE)
        yield Browser(driver)
    finally:
        driver.quit()
