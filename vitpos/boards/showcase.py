"""What TensorBoard shows of a run: curves, config, sample images, position tables and maps."""

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

import torch

from vitpos import config, identities, pictures, reach
from vitpos.boards.board import Board, Status, final
from vitpos.boards.columns import hparams
from vitpos.errors import NoResources, UserError
from vitpos.probes import attention
from vitpos.probes.asking import no_classes
from vitpos.probes.subject import Subject
from vitpos.runs import RunFolder
from vitpos.snapshots import Snapshot
from vitpos.train import Loop

IMAGES = 128  # of which attention is looked at: as many as in Dosovitskiy et al. 2021, fig. 7


class Showcase:
    """The event file of a run while it goes on. It can be rebuilt; it never stops a run."""

    def __init__(self, folder: RunFolder, loop: Loop) -> None:
        self.folder, self.loop = folder, loop
        self.trouble: list[str] = []
        with self.minding():
            self.board = Board(folder.path, purge_step=loop.step + 1 if loop.step else None)
            self.board.begin(
                config_text=config.dump(loop.run),
                hparams=hparams(asdict(loop.run)),
                group=identities.row_of(loop.run),
                started=time.time(),
            )
            if not loop.step:
                self.samples()

    @contextmanager
    def minding(self) -> Iterator[None]:
        """Keep what is warned of, so that it can be said once and never raised."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            yield
        self.trouble += [str(warning.message) for warning in said]

    def epoch(self, row: Mapping[str, Any]) -> None:
        """The numbers of an epoch."""
        with self.minding():
            self.board.record(dict(row))

    def position(self, snapshot: Snapshot) -> None:
        """What the position embedding looks like now."""
        with self.minding():
            self.board.position(snapshot)

    def distances(self) -> None:
        """How far each head looks in the end, which is kept with the snapshots."""
        try:
            facts = distances(self.loop)
            if facts is None:
                return
            reach.keep(self.folder.path, facts)
        except Exception as error:  # a view: whatever it is, the run is finished
            said = error if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            self.trouble.append(f"no attention distances: {said}")
            return
        self.board.record({"step": self.loop.step, **reach.scalars(facts)})

    def samples(self) -> None:
        """A few training images, and as the network sees them."""
        loop = self.loop
        count = len(loop.samples.labels)  # often in the order of their classes
        ids = torch.arange(0, count, max(1, count // 16), device=loop.machine.device)[:16]
        plain = loop.samples.pixels[ids]
        images, _ = loop.augment(plain, loop.samples.labels[ids], ids, loop.augment.tables(0))
        mean, std = (
            images.new_tensor(n).view(1, -1, 1, 1) for n in (loop.data.mean, loop.data.std)
        )
        self.board.image("images/plain", pictures.samples(plain, 8), 0)
        self.board.image("images/augmented", pictures.samples(images * std + mean, 8), 0)

    def close(self, status: str, summary: Mapping[str, object]) -> None:
        """How it ended."""
        with self.minding():
            if status == "finished":
                self.distances()
            if status in ("finished", "interrupted", "diverged", "failed"):
                self.board.finish(final(dict(summary)), cast(Status, status), self.loop.step)
            self.board.close()


def distances(loop: Loop) -> dict[str, Any] | None:
    """Of heads, in pixels, on validation images; `uniform` is that of attention to all alike.

    None where attention is not between all cells of a grid. Raises `NoResources` where there is no
    room for the attention of some images.
    """
    model, data = loop.weights, loop.data
    subject = Subject(loop.run, model, data.validation, data.mean, data.std, loop.machine, IMAGES)
    was = model.training
    model.eval()
    try:
        if no_classes(subject) or attention.PROBE.why_not(subject):
            return None
        looks = attention.looked(subject)
    except torch.OutOfMemoryError as error:
        raise NoResources("no memory to look at attention") from error
    finally:
        model.train(was)
    return {
        "step": loop.step,
        "images": min(IMAGES, len(data.validation.labels)),
        "uniform": round(float(looks[0].reach.mean()), 6),
        "distance": [[round(float(x), 6) for x in look.distance] for look in looks],
    }
