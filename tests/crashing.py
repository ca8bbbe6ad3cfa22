"""What tests of crashes share: one small run by a clock that stands still, and the way back to it.

As the clock stands still, one state of the disk gives one end, byte for byte, so that states which
come about in several ways are looked at once.
"""

import functools
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import small_runs
from disk import CHANGES, Disk, Operation, contents, lay
from small_runs import Watch

from vitpos import experiment, machine, origin, runs
from vitpos.boards import showcase
from vitpos.boards.board import Board
from vitpos.errors import BadRun
from vitpos.train import Loop

SHORT = (
    "training.epochs=3", "training.batch_size=32", "training.ema=0.9", "backbone.dropout=0.1",
    "backbone.depth=1", "backbone.dim=8", "backbone.heads=1", "tensorboard=true",
)  # fmt: skip
State = dict[str, bytes | None]
SAME = ("metrics.jsonl", "summary.json", "predictions.npz")  # byte for byte


class Point(NamedTuple):
    """Where a process may end, and what lies on the disk then."""

    name: str
    state: State


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still, the memory is what it is, and few images are evaluated."""
    for module in (runs, experiment, origin):
        monkeypatch.setattr(module, "now", lambda: "2026-01-01 00:00:00 UTC")
    for name in ("time", "monotonic"):
        monkeypatch.setattr(f"time.{name}", lambda: 1_767_225_600.0)
    monkeypatch.setattr(showcase, "Board", functools.partial(Board, clock=lambda: 1_767_225_600.0))
    monkeypatch.setattr(experiment, "load", small_runs.few)
    monkeypatch.setattr(machine, "commit", lambda: None)
    monkeypatch.setattr(Loop, "peak_memory", lambda loop: 0)


def begin(outputs: Path) -> Path:
    """Do the run."""
    return experiment.start(small_runs.compose(outputs, *SHORT), [], Watch())


def go_on(outputs: Path) -> Path:
    """Resume the one run there is, or start it if it did not come as far as a config."""
    found = sorted(path.parent for path in outputs.glob("runs/*/config.yaml"))
    if not found:
        for path in outputs.glob("runs/*"):
            with pytest.raises(BadRun, match=r"no config\.yaml"):
                experiment.resume(path, Watch())
        return begin(outputs)
    return experiment.resume(found[-1], Watch())


def result(path: Path) -> Mapping[str, object]:
    """All that must be the same in the end, in bytes."""
    kept = [
        *SAME,
        *(str(p.relative_to(path)) for p in sorted(path.glob("positions/*.safetensors"))),
    ]
    numbers = {name: (path / name).read_bytes() for name in kept}
    folder = runs.RunFolder(path)
    tensors = small_runs.results(path)["tensors"]
    return numbers | {"weights": tensors, "status": folder.record()["status"]}


def check(path: Path, expected: Mapping[str, object], where: str) -> None:
    """Raise AssertionError, saying where, unless a run ended as if it had not been disturbed."""
    found = result(path)
    other = [name for name in expected if found.get(name) != expected[name]]
    assert not other, f"{where}: other {other}"
    assert not [*path.rglob(".*.tmp")], where


def points(outputs: Path, work: Callable[[Path], object]) -> list[Point]:
    """Where a process that does `work` may end: before and after each change, and in each write."""
    found: list[Point] = []
    disk = Disk(outputs, before=lambda operation: found.extend(here(operation, disk)))
    with disk.watched():
        work(outputs)
    found.append(Point("after all", contents(outputs)))
    return found


def here(operation: Operation, disk: Disk) -> Iterator[Point]:
    """What may lie on the disk if the process ends at this operation."""
    if operation.kind not in CHANGES:
        return
    name = f"{len(disk.done) + 1} {operation.kind} {operation.path}"
    state = contents(disk.folder)
    yield Point(f"before {name}", state)
    if operation.kind == "write":
        before = state[operation.path] or b""
        for part in sorted({len(operation.data) // 2, len(operation.data) - 1} - {0}):
            torn = before[: operation.at] + operation.data[:part]
            yield Point(f"{part} bytes of {name}", {**state, operation.path: torn})


def distinct(found: Iterable[Point], seen: set[int] | None = None) -> list[Point]:
    """Of points with the same disk the first, without those that were `seen`."""
    seen = set() if seen is None else seen
    return [p for p in found if (mark := digest(p.state)) not in seen and not seen.add(mark)]


def digest(state: State) -> int:
    """The same for the same state."""
    return hash(frozenset(state.items()))


def untold(state: State) -> State:
    """Without what TensorBoard was told."""
    return {n: None if "events.out.tfevents" in n else content for n, content in state.items()}


class Recoveries:
    """Goes on from one state of the disk after another, in a folder of always the same name."""

    def __init__(self, folder: Path) -> None:
        self.outputs = folder / "outputs"
        self.expected = result(begin(self.outputs))
        shutil.rmtree(self.outputs)

    def undisturbed(self) -> list[Point]:
        """Where a run that is not disturbed may end."""
        return self.of(Point("", {}), begin)

    def of(self, point: Point, work: Callable[[Path], object] = go_on) -> list[Point]:
        """Go on from there and compare what comes of it; where that may end in turn."""
        return self.back(point, lambda outputs: points(outputs, work))

    def back(self, point: Point, work: Callable[[Path], Any] = go_on) -> Any:
        """The same for any `work`; what it gives."""
        lay(point.state, self.outputs)
        try:
            found = work(self.outputs)
            (path,) = (p.parent for p in self.outputs.glob("runs/*/config.yaml"))
            check(path, self.expected, point.name)
        except Exception as error:
            error.add_note(f"going on after the end {point.name}")
            raise
        shutil.rmtree(self.outputs)
        return found
