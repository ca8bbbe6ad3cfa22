"""What a run leaves behind while it goes on: lines, snapshots, checkpoints, events, pace."""

import time
from collections.abc import Mapping

from vitpos import checkpoints, identities, snapshots, views
from vitpos.boards.showcase import Showcase
from vitpos.errors import NoResources
from vitpos.pace import Pace
from vitpos.runs import RunFolder
from vitpos.train import Loop


class History:
    """Writes the folder of a run as its loop moves on.

    A line of metrics and a snapshot are written before the checkpoint of the same step; whatever is
    later than the checkpoint that a run goes on from is forgotten, and comes again.
    """

    def __init__(self, folder: RunFolder, loop: Loop) -> None:
        self.folder, self.loop = folder, loop
        checkpoints.forget(folder.checkpoints, loop.step)
        snapshots.forget(folder.path, loop.step)
        for lines in (folder.metrics, folder.timings):
            lines.rewrite([row for row in lines.read() if row.get("step", 0) <= loop.step])
        self.showcase = Showcase(folder, loop) if loop.run.tensorboard else None
        self.told: list[str] = []
        if not loop.step:
            self.snapshot(epoch=0)
        self.saved, self.saved_step = time.monotonic(), loop.step
        self.pace = Pace(loop.training.batch_size)

    def step(self) -> None:
        """A step is done."""
        self.pace.step(time.monotonic())

    def epoch(self, row: Mapping[str, float | int], trained: float) -> None:
        """An epoch is done and validated; its last step was done at `trained`."""
        self.pace.step(trained)
        timing = {"epoch": row["epoch"], "step": row["step"], **self.pace.epoch()}
        self.folder.metrics.append(row)
        self.folder.timings.append(timing)
        if self.showcase is not None:
            self.showcase.epoch({**row, **timing})
        self.snapshot(int(row["epoch"]))
        waited = time.monotonic() - self.saved
        over = self.loop.step == self.loop.total
        if over or waited >= self.loop.training.checkpoint_seconds:
            self.save()
        self.pace.begin()

    def snapshot(self, epoch: int) -> None:
        """Keep what the position embedding looks like, if this is one of the epochs to do so."""
        epochs = self.loop.training.epochs
        if epoch not in snapshots.epochs_kept(epochs):
            return
        position = self.loop.weights.position
        found = views.taken(position, self.loop.step, epoch, epochs)
        try:
            snapshots.keep(self.folder.path, found)
        except NoResources as error:
            self.told.append(f"no snapshot of the position embedding: {error}")
        if found.left_out and not epoch:
            count = len(found.left_out)
            self.told.append(f"snapshots of the position embedding are without {count} large views")
        if self.showcase is not None:
            self.showcase.position(found)

    def save(self) -> None:
        """Save the state of the loop, if it is one to go on from."""
        if self.saved_step == self.loop.step:
            return
        self.loop.stop_if_spoilt()
        identity = identities.identity(self.loop.run)
        checkpoints.save(self.folder.checkpoints, self.loop.step, self.loop.tensors(), identity)
        self.saved, self.saved_step = time.monotonic(), self.loop.step

    def performance(self) -> dict[str, float | int]:
        """Over the whole run: the median epoch's speed, and the time in all attempts."""
        rows = self.folder.timings.read()
        rates = sorted(row.get("perf/images_per_second", 0.0) for row in rows) or [0.0]
        return {
            "images_per_second": rates[len(rates) // 2],
            "train_seconds": round(sum(row.get("perf/seconds", 0.0) for row in rows), 2),
            "first_step_seconds": round(self.pace.first or 0.0, 3),
        }

    def trouble(self) -> list[str]:
        """What went wrong with the view of the run, which goes on without; each told once."""
        told, self.told = self.told, []
        told += self.showcase.trouble if self.showcase is not None else []
        if self.showcase is not None:
            self.showcase.trouble.clear()
        return told

    def close(self, status: str, summary: Mapping[str, object]) -> None:
        """No more lines."""
        if self.showcase is not None:
            self.showcase.close(status, summary)
