"""What the benchmark of a step makes of its timings."""

import argparse
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from scripts import bench_step
from scripts.rounds import Contender, Turn, alternate, ratios, spread, turn


def rounds(*pairs: tuple[float, float]) -> list[dict[str, Turn]]:
    """Rounds in which `usual` and `ours` made so many images a second."""
    return [{"usual": Turn(a, a, 0, {}), "ours": Turn(b, 2 * b, 0, {})} for a, b in pairs]


def test_ratios_are_taken_within_rounds() -> None:
    """A machine that is half as fast for a whole round moves no ratio."""
    found = rounds((10, 20), (5, 10), (10, 30))

    assert ratios(found, "ours", "usual", "rate") == {"median": 2, "min": 2, "max": 3}
    assert ratios(found, "ours", "usual", "cpu_rate")["median"] == 4


def test_spread_is_of_one_contender() -> None:
    """It is the distance of its extremes, as a share of its median."""
    found = rounds((10, 1), (8, 1), (12, 9))

    assert spread(found, "usual", "rate") == pytest.approx(0.4)


def test_contenders_take_turns() -> None:
    """Each is prepared before its turn, and whoever was last is first in the next round."""
    said: list[str] = []

    def contender(name: str) -> Contender:
        return Contender(count(), 1, lambda: said.append(name))

    alternate({n: contender(n) for n in "ab"}, rounds=3, seconds=0, least=1)

    assert said == list("abbaab")


def test_first_step_of_a_turn_does_not_count() -> None:
    """A turn of no time makes the least number of steps, after one that warms up."""
    steps = count()
    found = turn(Contender(steps, 128, lambda: None), 0, 3, lambda: {"bf16": 1.0})

    assert next(steps) == 4
    assert found.rate > 0
    assert found.peaks == {"bf16": 1.0}


@pytest.mark.parametrize(
    ("moved", "force", "code"), [(0.2, [], 0), (0.4, [], 1), (0.4, ["--force"], 0)]
)
def test_restless_reference_is_no_reference(
    moved: float,
    force: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The program says so, writes nothing and ends with 1, unless it is forced."""

    def answer(args: argparse.Namespace) -> Iterator[dict[str, object]]:
        facts = {"shape": "cifar", "batch": 128, "threads": 1, "reference": "usual script"}
        yield {**facts, "reference_spread": moved, "results": {}}

    file = tmp_path / "record.json"
    monkeypatch.setattr(bench_step, "step", answer)
    monkeypatch.setattr("sys.argv", ["bench_step", "step", "--json", str(file), *force])

    assert bench_step.main() == code
    assert file.exists() == (code == 0)
    assert ("too much" in capsys.readouterr().err) == (code == 1)


def test_record_replaces_the_one_of_its_question(tmp_path: Path) -> None:
    """Another batch is another question."""
    file = tmp_path / "record.json"
    for batch, rate in ((128, 1), (1024, 2), (128, 3)):
        record = {"what": "step", "shape": "cifar", "batch": batch, "threads": 1, "clock": "cpu"}
        bench_step.save(file, {**record, "rate": rate})

    found = json.loads(file.read_text())["records"]
    assert [(r["batch"], r["rate"]) for r in found] == [(1024, 2), (128, 3)]
