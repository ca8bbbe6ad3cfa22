"""Sizes that follow from a config, by arithmetic alone: before anything heavy is loaded."""

from dataclasses import dataclass
from itertools import pairwise

from vitpos.schema import Backbone, Patch, Run
from vitpos.words import counted


@dataclass(frozen=True)
class Stage:
    """Blocks of one width on one grid; plain networks have a single one."""

    dim: int
    heads: int
    depth: int
    side: int  # cells each way
    prefix: int  # CLS and registers, which only the last stage has
    attends: bool  # else it has convolutions

    @property
    def cells(self) -> int:
        """On its grid."""
        return self.side**2

    @property
    def tokens(self) -> int:
        """Cells and prefix tokens."""
        return self.cells + self.prefix


def stages(backbone: Backbone, side: int, patch: Patch) -> list[Stage]:
    """From images of `side` pixels up: twice the width, twice the heads, half the side each."""
    depths = backbone.depths or [backbone.depth]
    prefix = (backbone.pool == "cls") + backbone.registers
    return [
        Stage(
            dim=backbone.dim << i,
            heads=backbone.heads << i,
            depth=depth,
            side=side // patch.size >> i,
            prefix=prefix if i == len(depths) - 1 else 0,
            attends=i >= backbone.convolutions,
        )
        for i, depth in enumerate(depths)
    ]


def stages_of(run: Run) -> list[Stage]:
    """Those of a run."""
    return stages(run.backbone, run.image_size, run.patch)


def step(run: Run) -> int:
    """Pixels of which the sides of images must be multiples."""
    return run.patch.size << max(0, len(run.backbone.depths) - 1)


def stepped(run: Run) -> str:
    """The same in words."""
    count, size = len(run.backbone.depths), run.patch.size
    if count < 2:
        return f"patches of {size}"
    return f"{step(run)} pixels: patches of {size}, halved {counted(count - 1, 'time')}"


def tokens(run: Run) -> int:
    """How many attend to one another, of a training image: cells of the first such stage, prefix.

    `metrics.cost` counts the same.
    """
    first = next(stage for stage in stages_of(run) if stage.attends)
    return first.cells + (run.backbone.pool == "cls") + run.backbone.registers


def cells(run: Run) -> int:
    """How many patches there are of a training image."""
    return (run.image_size // run.patch.size) ** 2


def weighed(run: Run) -> int:
    """Weights of all blocks, about, each as often as it is used for an image."""
    return sum(12 * stage.depth * stage.dim**2 * stage.cells for stage in stages_of(run))


def halvings(size: int) -> int:
    """How often a size can be halved."""
    return (size & -size).bit_length() - 1


def widths(dim: int, count: int) -> list[int]:
    """Channels after each of `count` convolutions: twice as many each time, at last `dim`."""
    return [max(8, dim >> (count - 1 - i)) if i < count - 1 else dim for i in range(count)]


def reading(patch: Patch, channels: int, side: int, dim: int) -> int:
    """Multiplications that make tokens of an image of `side` pixels each way."""
    size, cells = patch.size, (side // patch.size) ** 2
    match patch.kind:
        case "overlap":
            return cells * dim * channels * (2 * size - 1) ** 2
        case "spt":
            return cells * dim * channels * 5 * size**2
        case "conv_stem":
            sides = [side >> i for i in range(1, 1 + halvings(size))]
            made = widths(dim, len(sides))
            pairs = zip([channels, *made], made, sides, strict=False)
            return sum(9 * a * b * n**2 for a, b, n in pairs) + cells * dim**2
        case "hybrid":
            return residual(patch, channels, side, dim)
    return cells * dim * channels * size**2


def residual(patch: Patch, channels: int, side: int, dim: int) -> int:
    """The same for residual blocks below patches of what is left of their size."""
    halved, cells = halvings(patch.size), (side // patch.size) ** 2
    made = widths(dim, 1 + max(1, halved))
    found = 9 * channels * made[0] * side**2 + cells * dim**2 * (patch.size >> halved) ** 2
    for i, (a, b) in enumerate(pairwise(made), 1):
        found += (9 * a * b + 9 * b * b + a * b) * (side >> min(i, halved)) ** 2
    return found
