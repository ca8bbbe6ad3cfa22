"""Augmentation policies: TrivialAugment (Wide) and RandAugment on whole batches, per sample.

What may happen to an image is a finite list of settings (an operation, a level, a sign), each
worked out once, in double precision, to the six numbers its operation needs. A table row is then
one setting for each slot of the policy. Levels and results are those of torchvision.

Sources: Müller & Hutter 2021, https://arxiv.org/abs/2103.10158; Cubuk et al. 2019,
https://arxiv.org/abs/1909.13719.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from vitpos import schema
from vitpos.data import colours
from vitpos.data.colours import Numbers
from vitpos.data.draws import Draws
from vitpos.data.geometry import Pixels, Rows, nearest

Space = dict[str, tuple[Tensor, bool]]  # for each operation: its levels, and whether signed
BINS = 31
CHANGES: dict[str, Callable[[Pixels, Numbers], Pixels]] = {
    "Warp": nearest,
    "Brightness": colours.brightness,
    "Color": colours.colour,
    "Contrast": colours.contrast,
    "Sharpness": colours.sharpness,
    "Posterize": colours.posterize,
    "Solarize": colours.solarize,
    "AutoContrast": colours.autocontrast,
    "Equalize": colours.equalize,
}
KINDS = ["Identity", *CHANGES]


def space(shear: float, translate: float, rotate: float, factor: float, bits: int) -> Space:
    """The fourteen operations, each up to its strongest level."""

    def levels(end: float, start: float = 0.0) -> Tensor:
        return torch.linspace(start, end, BINS)

    still = torch.tensor(0.0)
    return {
        "Identity": (still, False),
        "ShearX": (levels(shear), True),
        "ShearY": (levels(shear), True),
        "TranslateX": (levels(translate), True),
        "TranslateY": (levels(translate), True),
        "Rotate": (levels(rotate), True),
        "Brightness": (levels(factor), True),
        "Color": (levels(factor), True),
        "Contrast": (levels(factor), True),
        "Sharpness": (levels(factor), True),
        "Posterize": (8 - (torch.arange(BINS) / ((BINS - 1) / bits)).round().int(), False),
        "Solarize": (levels(0.0, start=255.0), False),
        "AutoContrast": (still, False),
        "Equalize": (still, False),
    }


def trivial_space() -> Space:
    """TrivialAugment Wide."""
    return space(shear=0.99, translate=32.0, rotate=135.0, factor=0.99, bits=6)


def rand_space(size: int) -> Space:
    """RandAugment for images of `size` pixels."""
    return space(shear=0.3, translate=150.0 / 331.0 * size, rotate=30.0, factor=0.9, bits=4)


def at(space: Space, magnitude: float) -> Space:
    """The same operations with one level each: `magnitude` of 30, between levels if need be."""
    low = min(int(magnitude), BINS - 2)

    def only(levels: Tensor) -> Tensor:
        if levels.ndim == 0:
            return levels
        if not levels.is_floating_point():
            return levels[round(magnitude)].view(1)
        return torch.lerp(levels[low], levels[low + 1], magnitude - low).view(1)

    return {name: (only(levels), signed) for name, (levels, signed) in space.items()}


def numbers_of(name: str, level: float, size: int) -> tuple[str, tuple[float, ...]]:
    """The kind of a change and the numbers it needs: a matrix, two weights, a mask, a bound."""
    match name:
        case "ShearX":  # about the corner of the image
            return "Warp", (1.0, level, level * size / 2, 0.0, 1.0, 0.0)
        case "ShearY":
            return "Warp", (1.0, 0.0, 0.0, level, 1.0, level * size / 2)
        case "TranslateX":
            return "Warp", (1.0, 0.0, -float(int(level)), 0.0, 1.0, 0.0)
        case "TranslateY":
            return "Warp", (1.0, 0.0, 0.0, 0.0, 1.0, -float(int(level)))
        case "Rotate":
            cos, sin = math.cos(math.radians(-level)), math.sin(math.radians(-level))
            return "Warp", (cos, sin, 0.0, -sin, cos, 0.0)
        case "Brightness" | "Color" | "Contrast" | "Sharpness":
            return name, (1.0 + level, 1.0 - (1.0 + level))
        case "Posterize":
            return name, (256.0 - 2 ** (8 - int(level)),)
        case _:
            return name, (level,)


def grouped(
    pixels: Pixels, kinds: Int[Tensor, " batch"], numbers: Numbers, names: list[str]
) -> Pixels:
    """Change each image by its kind, each kind only where it is asked for: less work."""
    pixels = pixels.clone()
    for name in names:
        chosen = (kinds == KINDS.index(name)).nonzero().squeeze(1)
        if len(chosen):
            few = CHANGES[name](pixels.index_select(0, chosen), numbers.index_select(0, chosen))
            pixels.index_copy_(0, chosen, few)
    return pixels


def masked(
    pixels: Pixels, kinds: Int[Tensor, " batch"], numbers: Numbers, names: list[str]
) -> Pixels:
    """The same, each kind for all images: the host need not know which are chosen."""
    for name in names:
        chosen = (kinds == KINDS.index(name))[:, None, None, None]
        pixels = torch.where(chosen, CHANGES[name](pixels, numbers), pixels)
    return pixels


class Policy:
    """One operation after another on each image, as its table row says."""

    def __init__(
        self, augment: schema.Augment, *, size: int, channels: int, device: torch.device
    ) -> None:
        trivial = augment.policy == "trivial"
        self.slots = 1 if trivial else augment.policy_ops
        self.space = trivial_space() if trivial else at(rand_space(size), augment.policy_magnitude)
        self.levels = BINS if trivial else 1
        self.names = [name for name in CHANGES if channels == 3 or name != "Color"]
        self.change = grouped if device.type == "cpu" else masked
        kinds, numbers = self.settings(size)
        self.kinds, self.numbers = kinds.to(device), numbers.to(device)

    def settings(self, size: int) -> tuple[Int[Tensor, " settings"], Numbers]:
        """Kind and numbers of every operation at every level with either sign."""
        kinds, numbers = [], []
        for name, (levels, signed) in self.space.items():
            for level in levels.expand(self.levels).tolist():
                for sign in (1, -1 if signed else 1):
                    kind, few = numbers_of(name, sign * float(level), size)
                    kinds.append(KINDS.index(kind))
                    numbers.append((*few, *[0.0] * (6 - len(few))))
        return torch.tensor(kinds), torch.tensor(numbers)

    def tables(self, draws: Draws) -> Rows:
        operation = draws.integers("policy/operation", 0, len(self.space) - 1, self.slots)
        level = draws.integers("policy/level", 0, self.levels - 1, self.slots)
        sign = draws.integers("policy/sign", 0, 1, self.slots)
        return {"policy": ((operation * self.levels + level) * 2 + sign).int()}

    def __call__(self, pixels: Pixels, rows: Rows) -> Pixels:
        for setting in rows["policy"].unbind(1):
            kinds = self.kinds.index_select(0, setting)
            numbers = self.numbers.index_select(0, setting)
            pixels = self.change(pixels, kinds, numbers, self.names)
        return pixels
