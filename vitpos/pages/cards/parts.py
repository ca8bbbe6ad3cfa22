"""The strategies of a network, each for itself: of every stage, and of all that work together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vitpos.embeddings.base import PositionEmbedding, Site
from vitpos.embeddings.staged import Staged
from vitpos.embeddings.together import Together
from vitpos.grid import Grid
from vitpos.pages.opened import Opened
from vitpos.schema import Run
from vitpos.sizes import stages_of


@dataclass(frozen=True)
class Part:
    """A strategy now and at the start.

    `key` is what comes before the names of its views where several speak, such as `stage1/peg/`;
    `begin` is the number of its first block, where layers are counted from 0.
    """

    name: str
    title: str
    key: str
    options: Mapping[str, Any]
    now: PositionEmbedding
    start: PositionEmbedding
    begin: int

    @property
    def grid(self) -> Grid:
        """That it was built for."""
        return self.now.trunk.grid

    @property
    def layers(self) -> range:
        """Where it may speak, counted from 0 in its stage."""
        return range(self.now.trunk.depth)

    def site(self, layer: int, grid: Grid | None = None) -> Site:
        """A block of its stage, on the grid it was built for or another one."""
        return Site(grid or self.grid, layer, self.now.trunk.prefix)


def parts(one: Opened) -> Iterator[Part]:
    """All of them, in the order in which they speak."""
    run = one.run
    now, start = one.subject.model.position, one.start.position
    if not isinstance(now, Staged) or not isinstance(start, Staged):
        yield from together(run, now, start, "", "", 0)
        return
    begin = 0
    for number, stage in enumerate(stages_of(run)):
        if stage.attends:
            title, key = f", stage {number}", f"stage{number}/"
            yield from together(run, now.of(number), start.of(number), title, key, begin)
        begin += stage.depth


def together(
    run: Run, now: PositionEmbedding, start: PositionEmbedding, title: str, key: str, begin: int
) -> Iterator[Part]:
    """The strategy, or all that speak together."""
    if not isinstance(now, Together) or not isinstance(start, Together):
        ((name, options),) = run.embedding.items()
        yield Part(name, f"{name}{title}", key, options, now, start, begin)
        return
    for (name, own), (_, first) in zip(now.strategies(), start.strategies(), strict=True):
        yield Part(name, f"{name}{title}", f"{key}{name}/", run.embedding[name], own, first, begin)
