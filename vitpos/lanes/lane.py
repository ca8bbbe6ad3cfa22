"""One of several runs that are trained together: its folder, its loop, who is shown how far it is.

What is written is what `vitpos.experiment` writes of a run alone.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vitpos import __version__, experiment, metrics
from vitpos.durable import write_json
from vitpos.errors import BadRun, Diverged, NoResources
from vitpos.experiment import Show
from vitpos.history import History
from vitpos.runs import RunFolder, now
from vitpos.schema import Run
from vitpos.train import Epoch, Loop, Step


@dataclass(frozen=True)
class Asked:
    """A run to begin, or one to go on with `before`."""

    run: Run
    overrides: Sequence[str]
    show: Show
    before: Path | None = None


class Lane:
    """A run while it is trained. `status` is empty until it is over."""

    def __init__(self, asked: Asked, folder: RunFolder, loop: Loop) -> None:
        self.show, self.folder, self.loop = asked.show, folder, loop
        self.status = ""
        self.error: Diverged | None = None

    def begin(self, number: int, of: int) -> None:
        """The first step is next, as lane `number`, counted from 0, of so many."""
        loop, record = self.loop, self.folder.record()
        self.history = History(self.folder, loop)
        self.facts = metrics.cost(loop.model, loop.run.dataset.channels, loop.run.image_size)
        lane = {"lane": number, "lanes": of}
        self.show.begin(self.folder.path, experiment.describe(loop) | self.facts | lane)
        self.attempts = [*record["attempts"]]
        self.attempt: dict[str, Any] = {
            "started": now(), "from_step": loop.step, "vitpos": __version__, **lane,
        }  # fmt: skip
        mended = {"failure": None} if "failure" in record else {}  # of an attempt before this one
        attempts = [*self.attempts, self.attempt]
        self.folder.update(status="running", attempts=attempts, **mended)

    def follow(self, event: Step | Epoch | Diverged, since: float) -> None:
        """Write down and show what happened; training ended at `since` if an epoch is over."""
        if isinstance(event, Diverged):
            self.diverge(event)
            return
        if isinstance(event, Epoch):  # the others are validated one after the other
            event = replace(event, trained=since)
        try:
            experiment.follow(event, self.history, self.loop, self.show)
        except Diverged as error:
            self.diverge(error)

    def save(self) -> None:
        """Save the state now."""
        try:
            self.history.save()
        except Diverged as error:
            self.diverge(error)

    def finish(self, manner: str) -> None:
        """All steps are made."""
        try:
            summary = experiment.finish(self.folder, self.loop, self.history, self.facts)
        except Diverged as error:
            self.diverge(error)
            return
        self.close("finished", manner)
        self.show.end(self.folder.path, summary)

    def diverge(self, error: Diverged) -> None:
        """It is no run any more; the others do not notice."""
        summary = experiment.head(self.loop, "diverged") | {"metrics": {}, "cost": self.facts}
        with suppress(NoResources, BadRun):
            write_json(self.folder.path / "summary.json", summary)
        self.close("diverged")
        self.history.close("diverged", {})
        text = f"{self.folder.path}: {error}"
        error.problems[0] = error.problems[0]._replace(message=text)
        self.error = error
        self.show.note(text)

    def close(self, status: str, manner: str = "eager") -> None:
        """Say in the record how it ended."""
        self.status = status
        self.attempt.update(ended=now(), status=status, to_step=self.loop.step, steps=manner)
        with suppress(NoResources, BadRun):  # what went wrong first is what counts
            self.folder.update(status=status, attempts=[*self.attempts, self.attempt])

    def abandon(self, status: str) -> None:
        """It ends here, whatever the reason."""
        if not self.status and hasattr(self, "history"):
            self.close(status)
            self.history.close(status, {})

    def rest(self) -> None:
        """What the other lanes do is not this one's time."""
        self.history.pace.begin()
