"""What TensorBoard shows of a run: curves, config, sample images, position tables and maps."""

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

import torch

from vitpos import config, identities, pictures
from vitpos.boards.board import Board, Status, final
from vitpos.boards.columns import hparams
from vitpos.runs import RunFolder
from vitpos.train import Loop


class Showcase:
    """The event file of a run while it goes on. It can be rebuilt; it never stops a run."""

    def __init__(self, folder: RunFolder, loop: Loop) -> None:
        self.loop = loop
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
                self.pictures()

    @contextmanager
    def minding(self) -> Iterator[None]:
        """Keep what is warned of, so that it can be said once and never raised."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            yield
        self.trouble += [str(warning.message) for warning in said]

    def epoch(self, row: Mapping[str, Any]) -> None:
        """The numbers of an epoch, and the position embedding at the end."""
        with self.minding():
            self.board.record(dict(row))
            if self.loop.step == self.loop.total:
                self.pictures()

    def pictures(self) -> None:
        """A few training images as the network sees them, and what the embedding can show."""
        loop, step = self.loop, self.loop.step
        count = len(loop.samples.labels)  # often in the order of their classes
        ids = torch.arange(0, count, max(1, count // 16), device=loop.machine.device)[:16]
        if step == 0:
            plain = loop.samples.pixels[ids]
            images, _ = loop.augment(plain, loop.samples.labels[ids], ids, loop.augment.tables(0))
            shape = (1, -1, 1, 1)
            mean, std = (images.new_tensor(n).view(shape) for n in (loop.data.mean, loop.data.std))
            self.board.image("images/plain", pictures.samples(plain, 8), step)
            self.board.image("images/augmented", pictures.samples(images * std + mean, 8), step)
        for tag, picture in position_pictures(loop).items():
            self.board.image(tag, picture, step)

    def close(self, status: str, summary: Mapping[str, object]) -> None:
        """How it ended."""
        with self.minding():
            if status in ("finished", "interrupted", "diverged", "failed"):
                self.board.finish(final(dict(summary)), cast(Status, status), self.loop.step)
            self.board.close()


@torch.no_grad()
def position_pictures(loop: Loop) -> dict[str, Any]:
    """Tables as mosaics of similarities, maps as heat maps, of the layers that have any."""
    position = loop.weights.position
    found: dict[str, Any] = {}
    for site in position.sites():
        for name, view in position.views(site).items():
            tag = f"position/{name}/layer{site.layer}"
            values = view.detach().float().cpu()
            if name.endswith("table"):
                found[tag] = pictures.similarity(values, site.grid)
            else:
                found[tag] = pictures.mosaic(values, min(8, len(values)), signed=True)
    return found
