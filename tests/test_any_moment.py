"""Signals and kills at random moments, several in a row: the run ends as if none had come."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import amounts
import pytest
from forty_steps import OPTIONS, WORDS
from small_runs import results
from warm import Warm

from vitpos.runs import RunFolder

pytestmark = pytest.mark.torture
RUN = (*WORDS, "device=cpu", "embedding=learned1d", "training.checkpoint_seconds=0",
       *OPTIONS["together"])  # fmt: skip
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
Tell = Callable[[str, object], None]
IN_A_ROW = 3  # signals that one run gets at most


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    """One for all."""
    found = Warm()
    yield found
    found.close()


@dataclass
class Whole:
    """The run that nothing disturbs."""

    results: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def whole(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Done once, the second time to know how long it takes."""
    for name in "ab":
        outputs, began = tmp_path_factory.mktemp(name), time.monotonic()
        assert finish(warm, outputs) == 0
        seconds = time.monotonic() - began
    return Whole(results(only(outputs)), seconds)


def only(outputs: Path) -> Path:
    """The run in there."""
    [path] = [path.parent for path in outputs.glob("runs/*/config.yaml")]
    return path


def begin(warm: Warm, outputs: Path) -> int:
    """Go on with the run in there, or begin it if there is not as much as a config."""
    if any(outputs.glob("runs/*/config.yaml")):
        return warm.begin(path=only(outputs))
    shutil.rmtree(outputs / "runs", ignore_errors=True)
    return warm.begin(outputs=outputs, words=RUN)


def finish(warm: Warm, outputs: Path) -> int:
    """The same, undisturbed."""
    begin(warm, outputs)
    return warm.end()


def disturbed(warm: Warm, outputs: Path, number: int, after: float) -> tuple[int, float]:
    """Send this signal after some seconds; the exit code, and how long it took to end."""
    process = begin(warm, outputs)
    time.sleep(after)
    sent = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(process, number)
    return warm.end(), time.monotonic() - sent


@dataclass
class Count:
    """What was tried so far."""

    signals: int = 0
    runs: int = 0  # gone on with to the same bits
    late: int = 0  # signals that came after the end
    slowest: float = 0.0  # seconds from a signal to the end

    def disturb(self, warm: Warm, outputs: Path, number: signal.Signals, after: float) -> bool:
        """Send one; whether it came before the end. It ends soon with its code."""
        code, took = disturbed(warm, outputs, number, after)
        assert code in (128 + number, 0), f"{number.name} after {after} s"
        assert took < amounts.seconds(10), f"{number.name} after {after} s"
        self.slowest = max(self.slowest, took)
        self.signals += bool(code)
        self.late += not code
        return bool(code)

    def finish(self, warm: Warm, outputs: Path, whole: Whole, said: str) -> None:
        """Go on with what is left: all files are as if nothing had come."""
        assert finish(warm, outputs) == 0, said
        path = only(outputs)
        assert results(path) == whole.results, said
        assert RunFolder(path).record()["status"] == "finished", said
        assert not [*path.rglob(".*.tmp")], said
        shutil.rmtree(outputs)
        self.runs += 1

    def tell(self, record_property: Tell) -> None:
        """For the figures."""
        record_property("signals", self.signals)
        record_property("runs that ended exact", self.runs)
        record_property("signals after the end", self.late)
        record_property("slowest end, s", round(self.slowest, 2))


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_at_any_moment_costs_no_bit(
    number: signal.Signals, warm: Warm, whole: Whole, tmp_path: Path, record_property: Tell
) -> None:
    """Up to three in a row for a run; gone on with, it has the same bits in all files."""
    chance, count = random.Random(number.name), Count()
    while count.signals < amounts.amount(2, 20) and count.late < 100:
        outputs, moments = tmp_path / str(count.runs), list[float]()
        for _ in range(chance.randint(1, IN_A_ROW)):
            moments.append(chance.uniform(0, whole.seconds))
            if not count.disturb(warm, outputs, number, moments[-1]):
                break
        count.finish(warm, outputs, whole, f"{number.name} after {moments} s")

    assert count.late < 100
    count.tell(record_property)


def test_signals_of_all_kinds_in_a_row_cost_no_bit(
    warm: Warm, whole: Whole, tmp_path: Path, record_property: Tell
) -> None:
    """A run is disturbed again and again, by whatever comes."""
    chance, count = random.Random(0), Count()
    for number in range(amounts.amount(1, 5)):
        outputs = tmp_path / str(number)
        for _ in range(amounts.amount(6, 12)):
            after = chance.uniform(0, whole.seconds / 3)
            count.disturb(warm, outputs, chance.choice(SIGNALS), after)
        count.finish(warm, outputs, whole, f"run {number}")

    assert count.runs
    count.tell(record_property)
