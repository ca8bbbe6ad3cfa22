"""Sizes that follow from a config, by arithmetic alone: before anything heavy is loaded."""

from itertools import pairwise

from vitpos.schema import Patch, Run


def side(run: Run) -> int:
    """Pixels each way of what the network reads."""
    return run.dataset.size


def tokens(run: Run) -> int:
    """How many there are of a training image, prefix tokens too."""
    return cells(run) + (run.backbone.pool == "cls") + run.backbone.registers


def cells(run: Run) -> int:
    """How many patches there are of a training image."""
    return (side(run) // run.patch.size) ** 2


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
