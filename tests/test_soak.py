"""A sweep of many short runs comes to the same end, whatever is done to it and to its members."""

import random
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import amounts
import pytest
from disasters import disk
from soaking import ARMS, Place, differences, miscounted, outcome
from storms import ENDS, Storm
from traces import left_behind, opened, resident, shared_memory

pytestmark = [pytest.mark.slow, pytest.mark.torture]
MIB = 2**20
Tell = Callable[[str, Any], None]


def undisturbed(place: Place, early: int) -> tuple[float, list[int]]:
    """Run the study; seconds of a member, and what the sweep grew by from `early` members on.

    That is bytes of memory, and files that it has open.
    """
    terminal = place.start()
    first: tuple[int, int] | None = None
    last, process = (0, 0), terminal.process.pid
    while terminal.drain():
        ended = place.ended()
        if early <= ended < place.count:
            last = resident(process), opened(process)
            first = first or last
    terminal.wait(0)
    assert first is not None
    pace = statistics.median(row["seconds"] for row in place.journal())
    return pace, [now - then for now, then in zip(last, first, strict=True)]


def test_every_member_ends_once_whatever_happens(tmp_path: Path, record_property: Tell) -> None:
    """A third of them killed, the disk full once, five restarts: nothing is lost, doubled or left.

    Tables, curves, weights, predictions and evaluations are those of a sweep that nothing happened
    to, and the sweep itself does not grow.
    """
    began, shared = time.monotonic(), shared_memory()
    seeds = amounts.amount(4, 50)
    quiet = Place(tmp_path / "quiet", seeds)
    pace, grown = undisturbed(quiet, amounts.amount(4, 20))
    expected = outcome(quiet.study)
    torn = Place(tmp_path / "torn", seeds)
    with disk(torn.outputs, small=amounts.whole) as full:
        storm = Storm(torn, full, pace, random.Random(6))
        storm.rage()
        torn.start(resume=True).wait(0)
        ends = torn.journal()
        disturbed = {row["identity"] for row in ends if row["detail"] != "finished"}
        untouched = {row["identity"] for row in ends} - disturbed - {*storm.hit, *storm.touched}
        wrong = miscounted(torn, untouched) + miscounted(quiet, untouched)
        wrong += differences(expected, outcome(torn.study))
        wrong += left_behind(torn.folder, torn.study, shared)
    wrong += left_behind(quiet.folder, quiet.study, shared)
    figures = {
        "runs": quiet.count,
        **storm.told(),
        "members that nothing happened to": len(untouched),
    }
    figures |= {"KiB more memory": grown[0] // 1024, "files more open": grown[1]}
    for name, figure in (figures | {"seconds in all": round(time.monotonic() - began)}).items():
        record_property(name, figure)

    assert not wrong, "\n".join(wrong)
    assert quiet.count == ARMS * seeds == len({name for name in expected if "weights" in name})
    assert 3 * len(storm.hit) >= quiet.count
    assert (len(storm.restarts), storm.full) == (len(ENDS), 1)
    assert grown[0] < 16 * MIB
    assert grown[1] <= 8
    shutil.rmtree(tmp_path, ignore_errors=True)
