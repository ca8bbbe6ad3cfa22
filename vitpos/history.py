"""What a run leaves behind while it goes on: lines, checkpoints, events, and how fast it was."""

import time
from collections.abc import Mapping

from vitpos import checkpoints, config
from vitpos.runs import RunFolder
from vitpos.showcase import Showcase
from vitpos.train import Loop


class History:
    """Writes the folder of a run as its loop moves on.

    A line of metrics is written before the checkpoint of the same step; whatever is later than the
    checkpoint that a run goes on from is forgotten, and comes again.
    """

    def __init__(self, folder: RunFolder, loop: Loop) -> None:
        self.folder, self.loop = folder, loop
        checkpoints.forget(folder.checkpoints, loop.step)
        for lines in (folder.metrics, folder.timings):
            lines.rewrite([row for row in lines.read() if row.get("step", 0) <= loop.step])
        self.showcase = Showcase(folder, loop) if loop.run.tensorboard else None
        self.saved = self.last = time.monotonic()
        self.saved_step = loop.step
        self.first: float | None = None  # seconds of the first step, with what is compiled in it
        self.seconds, self.images = 0.0, 0  # of this epoch's steps, but for the first of all
        self.rate = 0.0  # images per second

    def step(self) -> None:
        """A step is done."""
        now = time.monotonic()
        spent, self.last = now - self.last, now
        if self.first is None:
            self.first = spent
            return
        self.seconds += spent
        self.images += self.loop.training.batch_size
        self.rate = self.images / max(self.seconds, 1e-9)

    def epoch(self, row: Mapping[str, float | int]) -> None:
        """An epoch is done and validated."""
        timing = {
            "epoch": row["epoch"],
            "step": row["step"],
            "perf/images_per_second": round(self.rate, 2),
            "perf/seconds": round(self.seconds + (self.first or 0.0), 4),
        }
        self.first = 0.0 if self.first is None else self.first
        self.folder.metrics.append(row)
        self.folder.timings.append(timing)
        if self.showcase is not None:
            self.showcase.epoch({**row, **timing})
        waited = time.monotonic() - self.saved
        over = self.loop.step == self.loop.total
        if over or waited >= self.loop.training.checkpoint_seconds:
            self.save()
        self.seconds, self.images = 0.0, 0
        self.last = time.monotonic()

    def save(self) -> None:
        """Save the state of the loop, if it is one to go on from."""
        if self.saved_step == self.loop.step:
            return
        self.loop.stop_if_spoilt()
        identity = config.identity(self.loop.run)
        checkpoints.save(self.folder.checkpoints, self.loop.step, self.loop.tensors(), identity)
        self.saved, self.saved_step = time.monotonic(), self.loop.step

    def performance(self) -> dict[str, float | int]:
        """Over the whole run: the median epoch's speed, and the time in all attempts."""
        rows = self.folder.timings.read()
        rates = sorted(row.get("perf/images_per_second", 0.0) for row in rows) or [0.0]
        return {
            "images_per_second": rates[len(rates) // 2],
            "train_seconds": round(sum(row.get("perf/seconds", 0.0) for row in rows), 2),
            "first_step_seconds": round(self.first or 0.0, 3),
        }

    def trouble(self) -> list[str]:
        """What went wrong with the view of the run, which goes on without; each told once."""
        told = list(self.showcase.trouble) if self.showcase is not None else []
        if self.showcase is not None:
            self.showcase.trouble.clear()
        return told

    def close(self, status: str, summary: Mapping[str, object]) -> None:
        """No more lines."""
        if self.showcase is not None:
            self.showcase.close(status, summary)
