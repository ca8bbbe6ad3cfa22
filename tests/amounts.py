"""How much of something endless a test does: a fair sample in CI, all of it with `--torture`.

Such tests have the marker `torture`, and tell what they did by pytest's `record_property`; with
`--figures FILE` these numbers are written down.
"""

import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from vitpos import __version__, machine

Point = TypeVar("Point")
whole = False  # `--torture` was asked for


def amount(sample: int, all_of_it: int) -> int:
    """How many: of random cases, for example."""
    return all_of_it if whole else sample


def some(points: Sequence[Point], sample: int) -> list[Point]:
    """All points, or `sample` of them in even distances, the first and the last among them."""
    if whole or len(points) <= sample:
        return list(points)
    last = len(points) - 1
    return [points[round(i * last / (sample - 1))] for i in range(sample)]


class Figures:
    """A plugin that writes down what the tests of the marker `torture` told of themselves."""

    def __init__(self, path: Path) -> None:
        self.path, self.began = path, time.strftime("%Y-%m-%d")
        self.tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what is told, of whichever process."""
        told = dict(report.user_properties)
        if report.when == "call" and told:
            name = report.nodeid.removeprefix("tests/")
            self.tests[name] = {
                "outcome": report.outcome,
                "seconds": round(report.duration, 1),
                **told,
            }

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        document = {
            "date": self.began,
            "vitpos": __version__,
            "commit": machine.commit(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "system": platform.platform(),
            "whole": whole,
            "tests": dict(sorted(self.tests.items())),
        }
        self.path.write_text(json.dumps(document, indent=2) + "\n")
