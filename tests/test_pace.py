"""How fast steps follow one another."""

import pytest

from vitpos import pace
from vitpos.pace import Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


def test_the_first_step_stands_apart(clock: list[float]) -> None:
    """What is compiled in it slows no rate, but counts as time of its epoch."""
    found = Pace(batch=50)
    for at in (110.0, 111.0, 112.0):
        found.step(at)

    assert found.first == 10.0
    assert found.epoch() == {"perf/images_per_second": 50.0, "perf/seconds": 12.0}


def test_what_happens_between_epochs_does_not_count(clock: list[float]) -> None:
    """Validation and checkpoints are neither in the rate nor in the seconds of the next epoch."""
    found = Pace(batch=50)
    found.step(110.0)
    clock[0] = 150.0
    found.begin()
    for at in (152.0, 154.0):
        found.step(at)

    assert found.epoch() == {"perf/images_per_second": 25.0, "perf/seconds": 4.0}


def test_knows_no_rate_before_the_second_step(clock: list[float]) -> None:
    """A rate from nothing would be wrong."""
    found = Pace(batch=50)
    found.step(110.0)

    assert found.rate == 0.0
