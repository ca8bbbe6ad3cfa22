"""TensorBoard: event files are a view of a run folder, and can be rebuilt from it.

A run is one TensorBoard run, whatever it writes. Torch's `add_hparams` would make a second one per
call (https://github.com/pytorch/pytorch/issues/32651), so the messages of the HPARAMS plugin go
into the run's own file. Runs with the same `group` are one row there, with means over their seeds.

Readers keep the first message of a kind, so how a run ended stands in a file of its own, which
an attempt to continue the run deletes.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from vitpos import reach, snapshots
from vitpos.boards import columns, events, positions
from vitpos.boards.columns import Value
from vitpos.boards.replay import numbers, replay
from vitpos.errors import BadRun
from vitpos.snapshots import Snapshot

Status = Literal["finished", "interrupted", "diverged", "failed"]

COLUMNS = {  # metrics of the HPARAMS table; the same in every run, since only one run's are used
    "test/accuracy": "test accuracy",
    "val/accuracy": "val accuracy",
    "test/loss": "test loss",
    "val/loss": "val loss",
    "cost/params": "parameters",
    "cost/params_embedding": "parameters of the embedding",
    "cost/flops_per_image": "FLOPs per image",
    "perf/images_per_second": "images per second",
}
AT_THE_END = ("test/", "cost/")  # tags that are known once, when the run is over


class Board:
    """The event files of one run, each event on disk as soon as it is told.

    An OSError, say of a full disk, ends the view and not the run: one RuntimeWarning, then silence.

    No sub-folder is made. `purge_step` is for a run that continues: the first step that will be
    told again; what an earlier attempt told of it and of later steps is forgotten. `clock` gives
    seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        *,
        purge_step: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._clock, self._open = folder, clock, True
        self._path = folder / f"events.out.tfevents.{self._stamp():010d}.vitpos"
        for ending in events.files(folder, ".end"):
            self._guard(ending.unlink)
        self._tell(events.header(clock()))
        if purge_step is not None:
            self._tell(events.again(clock(), purge_step))

    def begin(
        self, *, config_text: str, hparams: Mapping[str, Value], group: str, started: float
    ) -> None:
        """The config as text, and the run's row in the HPARAMS table.

        `group` names the arm: the same for all its seeds and for nothing else. `started` is in
        seconds since 1970.
        """
        self._summary(
            0,
            events.code("config", config_text),
            events.experiment(columns.own(hparams), COLUMNS),
            events.session(group, started, hparams),
        )

    def record(self, row: dict[str, float | int]) -> None:
        """One line of `metrics.jsonl` or `timings.jsonl`: each key with a slash is a scalar."""
        scalars = [events.scalar(tag, value) for tag, value in row.items() if "/" in tag]
        self._summary(int(row["step"]), *scalars)

    def image(self, tag: str, picture: UInt8[np.ndarray, "height width 3"], step: int) -> None:
        """A picture of `vitpos.pictures`, as PNG."""
        self._summary(step, events.image(tag, picture))

    def position(self, snapshot: Snapshot) -> None:
        """What the position embedding looked like at a step."""
        for tag, picture in positions.drawn(snapshot).items():
            self.image(tag, picture, snapshot.step)

    def finish(self, metrics: dict[str, float | int], status: Status, step: int) -> None:
        """What is known only at the end, `test/` and `cost/`, and how the run ended."""
        final = [events.scalar(t, v) for t, v in metrics.items() if t.startswith(AT_THE_END)]
        self._summary(step, *final)
        now = self._clock()
        self._tell(
            events.header(now),
            events.summary(now, 0, [events.ended(status, now)]),
            path=self._path.with_name(f"{self._path.name}.end"),
        )

    def close(self) -> None:
        """Nothing is written after this."""
        self._open = False

    def _summary(self, step: int, *values: Summary.Value) -> None:
        if values:
            self._tell(events.summary(self._clock(), step, values))

    def _tell(self, *told: Event, path: Path | None = None) -> None:
        self._guard(lambda: events.append(path or self._path, told))

    def _guard(self, work: Callable[[], None]) -> None:
        if not self._open:
            return
        try:
            work()
        except OSError as error:
            self._open = False
            reason = error.strerror or error
            message = f"no more TensorBoard events for `{self._folder}`: {reason}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    def _stamp(self) -> int:
        """Seconds since 1970, later than the name of any file here: readers go by the names."""
        stamps = [path.name.split(".")[3] for path in events.files(self._folder)]
        return max(int(self._clock()), *(int(s) + 1 for s in stamps if s.isdecimal()), 0)


def final(summary: dict[str, Any]) -> dict[str, float | int]:
    """The numbers of a `summary.json` for `Board.finish`: metrics, and costs under `cost/`."""
    costs = {f"cost/{name}": value for name, value in (summary.get("cost") or {}).items()}
    return numbers({**(summary.get("metrics") or {}), **costs})


def rebuild(folder: Path, into: Path | None = None) -> None:
    """Write the event files of a run folder again, from what `vitpos.boards.replay` reads in it.

    They take the place of those in the folder itself, or of those in the folder `into`. Pictures of
    images are lost; those of the position embedding are made of its snapshots. The time of an event
    is the start of the run plus the `perf/seconds` until then. What cannot be read is a BadRun
    before anything is deleted.
    """
    run = replay(folder)
    now = run.started
    clear(into or folder)
    board = Board(into or folder, clock=lambda: now)
    board.begin(
        config_text=run.config_text,
        hparams=columns.hparams(run.config),
        group=run.group,
        started=run.started,
    )
    kept = {snapshot.step: snapshot for snapshot in snapshots.read(folder).snapshots}
    before: dict[str, float | int] = {"step": 0}
    for row in (before, *run.rows):
        now += row.get("perf/seconds", 0.0)
        board.record(row)
        if row["step"] in kept:
            board.position(kept[int(row["step"])])
    step, distances = reach.read(folder, run.summary.get("steps"))
    board.record({"step": step, **distances})
    if run.status in events.STATUSES:
        step = int(run.rows[-1]["step"]) if run.rows else 0
        board.finish(final(run.summary), run.status, step)
    board.close()


def clear(folder: Path) -> None:
    """Delete the event files of a folder; raises `BadRun`."""
    try:
        for path in events.files(folder):
            path.unlink()
    except OSError as error:
        raise BadRun(f"cannot delete the event files of `{folder}`: {error.strerror}") from None
