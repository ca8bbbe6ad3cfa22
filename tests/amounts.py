"""How much of something endless a test does: a fair sample in CI, all of it with `--torture`.

Such tests have the marker `torture`, and tell what they did by pytest's `record_property`; with
`--figures FILE` these numbers are written down.
"""

import json
import platform
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from vitpos import machine

Point = TypeVar("Point")
whole = False  # `--torture` was asked for


def amount(sample: int, all_of_it: int) -> int:
    """How many: of random cases, for example."""
    return all_of_it if whole else sample


def seconds(limit: float) -> float:
    """How long something may take: the whole is done on a machine that is known, and quiet.

    Elsewhere a machine may be slow or busy, and only what hangs is wrong.
    """
    return limit if whole else 20 * limit


def some(points: Sequence[Point], sample: int) -> list[Point]:
    """All points, or `sample` of them in even distances, the first and the last among them."""
    if whole or len(points) <= sample:
        return list(points)
    last = len(points) - 1
    return [points[round(i * last / (sample - 1))] for i in range(sample)]


def share(points: Sequence[Point], part: int, parts: int) -> list[Point]:
    """What falls to one of several processes: dealt at random, the same at all times."""
    dealt = random.Random(0).sample(range(len(points)), len(points))
    return [points[i] for i in sorted(dealt[part::parts])]


class Figures:
    """A plugin that writes down what the tests of the marker `torture` told of themselves.

    A file that is there keeps what it holds of other tests.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = {
            "date": time.strftime("%Y-%m-%d"),
            "commit": machine.commit(),
            "all of it": whole,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "system": platform.platform(),
        }
        self.tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what is told, of whichever process."""
        told = dict(report.user_properties)
        if report.when == "call" and told:
            ended = {"outcome": report.outcome, "seconds": round(report.duration, 1)}
            self.tests[report.nodeid.removeprefix("tests/")] = {**ended, **told, **self.place}

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        before = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.path.write_text(json.dumps(dict(sorted({**before, **self.tests}.items())), indent=2))
