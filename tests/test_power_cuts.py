"""The power goes at any moment, and the disk keeps no more of it than it must.

Whatever was reported as saved is there; whatever is left, the run goes on to the same bits.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import amounts
import pytest
from crashing import Point, Recoveries, begin, digest, go_on, still
from disk import Disk, Operation
from power import PowerDisk

from vitpos import checkpoints
from vitpos.runs import RunFolder

__all__ = ["still"]
pytestmark = pytest.mark.usefixtures("still")
Tell = Callable[[str, object], None]
PARTS = amounts.amount(1, 8)


class Cut(NamedTuple):
    """What a power cut may leave, and what had been reported as saved."""

    point: Point
    step: int  # of the newest checkpoint that was
    over: bool  # whether the run was


@pytest.mark.torture
@pytest.mark.parametrize("part", range(PARTS))
def test_what_was_saved_stays(
    part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Tell
) -> None:
    """After each operation: everything unsynced lost, kept, torn or zeros, in any combination."""
    recoveries = Recoveries(tmp_path)
    found = cuts(recoveries.outputs, monkeypatch)
    mine = amounts.share(found, part, PARTS)
    tried = amounts.some(mine, 40)
    for cut in tried:
        recoveries.back(cut.point, lambda outputs, cut=cut: kept(cut, outputs))

    assert len({cut.step for cut in found}) == 4
    record_property("states that a power cut may leave", len(mine))
    record_property("gone on from, to the same bytes", len(tried))


def kept(cut: Cut, outputs: Path) -> Path:
    """Go on, if what was reported as saved is there."""
    for config in outputs.glob("runs/*/config.yaml"):
        folder = RunFolder(config.parent)
        newest = checkpoints.load(folder.checkpoints, lambda note: None)

        assert (newest[0] if newest else 0) >= cut.step
        assert folder.is_over() or not cut.over
    return go_on(outputs)


def cuts(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> list[Cut]:
    """All that power cuts may leave of a run, each state once, with the most that was promised."""
    found: dict[int, Cut] = {}
    power, saved, save = PowerDisk(), [0], checkpoints.save

    def told(folder: Path, step: int, *more: Any) -> None:
        save(folder, step, *more)
        saved[0] = step

    def keep(operation: Operation | None) -> None:
        where = f"{operation.kind} {operation.path}" if operation else "nothing more"
        name = f"at power cut before {len(disk.done) + 1}, {where}"
        for state in power.states():
            found[digest(state)] = Cut(Point(name, state), saved[0], operation is None)
        if operation is not None:
            power.follow(operation)

    outputs.mkdir()
    disk = Disk(outputs, before=keep)
    monkeypatch.setattr(checkpoints, "save", told)
    with disk.watched():
        begin(outputs)
    keep(None)
    monkeypatch.setattr(checkpoints, "save", save)
    shutil.rmtree(outputs)
    return list(found.values())
