"""Attention over few tokens to be computed in several ways: cases, answers, errors."""

from typing import NamedTuple

import torch
from torch import Tensor

from vitpos.kernels import tile, tile_reference
from vitpos.kernels.tile_reference import Form, Given


class Case(NamedTuple):
    """What attention is asked to do."""

    grid: tuple[int, int]
    width: int
    prefix: int = 0
    turned: str = ""  # shared, own: by heads
    pairing: str = "neighbours"
    fraction: float = 1.0
    bias: str = ""  # shared, own: by images
    axes: str = ""  # shared, own: by heads
    carried: int = 0  # channels of values, if other than of queries
    images: int = 2

    @property
    def tokens(self) -> int:
        """Of one image."""
        return self.grid[0] * self.grid[1] + self.prefix

    def __str__(self) -> str:
        parts = [f"{self.tokens}x{self.width}", *(["wide"] if self.carried else [])]
        parts += [f"turned-{self.turned}-{self.pairing}"] if self.turned else []
        parts += [f"bias-{self.bias}"] if self.bias else []
        return "-".join([*parts, *([f"axes-{self.axes}"] if self.axes else [])])


CASES = [
    Case((4, 4), 32),
    Case((5, 10), 48, turned="shared"),
    Case((7, 7), 48, prefix=1, turned="own", pairing="quarters", fraction=0.5, bias="own"),
    Case((4, 4), 48, turned="own", pairing="halves", fraction=0.5, carried=32),
    Case((4, 4), 64, turned="own", pairing="halves", bias="shared", images=3),
    Case((8, 8), 48, turned="own", bias="shared", axes="shared"),
    Case((8, 8), 64, prefix=1, bias="shared", axes="own", images=1),
    Case((8, 16), 32, turned="shared", bias="own", images=1),
    Case((1, 5), 25),
]


def question(
    case: Case, dtype: torch.dtype, seed: int = 0, device: str = "cpu"
) -> tuple[list[Tensor], Given, Form]:
    """Random numbers for it, packed where queries and values are of one width."""
    random = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random).to(device)

    heads, width, tokens = 2, case.width, case.tokens
    packed = noise(case.images, tokens, 3, heads, width).to(dtype)
    qkv = [packed]
    if case.carried:
        v = noise(case.images, heads, tokens, case.carried).to(dtype)
        qkv = [packed[:, :, 0].transpose(1, 2), packed[:, :, 1].transpose(1, 2), v]
    rows, cols = case.grid
    planes, how_many = int(case.fraction * width) // 2, {"shared": 1, "own": heads}
    angles = noise(how_many.get(case.turned, 1), tokens, width // 2)
    angles[..., planes:] = 0
    images = case.images if case.bias == "own" else 1
    bias = noise(images, heads, tokens, tokens).to(dtype)
    table = noise(how_many.get(case.axes, 1), 2 * (rows + cols) - 2, width) / 4
    given = Given(
        angles if case.turned else None, None, bias if case.bias else None,
        table if case.axes else None,
    )  # fmt: skip
    return qkv, given, Form(width**-0.5, case.pairing, planes, 0.7, rows, cols, case.prefix)


def answers(qkv: list[Tensor], given: Given, form: Form, plain: bool = False) -> dict[str, Tensor]:
    """What is read and all gradients; `plain` by autograd over the formula. `given` has angles."""
    qkv = [x.detach().clone().requires_grad_() for x in qkv]
    angles, _, bias, table = (
        None if x is None else x.detach().clone().requires_grad_() for x in given
    )
    circle = (None, None) if angles is None else (angles.cos(), angles.sin())
    known = Given(*circle, bias, table)
    if plain:
        found = tile_reference.forward(*tile.triple(qkv), known, form)
    else:
        found = tile.attend(qkv, known, form)
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(1)).to(found)
    (found * weight).sum().backward()
    asked = {f"input {i}": x for i, x in enumerate(qkv)}
    asked |= {"angles": angles, "bias": bias, "table": table}
    grads = {name: x.grad for name, x in asked.items() if x is not None}
    return {"read": found.detach(), **grads}


def exact(qkv: list[Tensor], given: Given, form: Form) -> dict[str, Tensor]:
    """The same in float64, of the same numbers."""
    wide = Given(*(None if x is None else x.cpu().double() for x in given))
    return answers([x.cpu().double() for x in qkv], wide, form, plain=True)


def error(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, as a part of the largest number."""
    away = (found.double().cpu() - wanted.double().cpu()).abs().max()
    return (away / wanted.double().abs().max().clamp(min=1e-30)).item()


def compared(
    case: Case, dtype: torch.dtype, seed: int = 0, device: str = "cpu"
) -> dict[str, float]:
    """How far what runs on this device is from float64."""
    asked = question(case, dtype, seed, device)
    found, wanted = answers(*asked), exact(*asked)
    assert found.keys() == wanted.keys()
    return {name: error(found[name], wanted[name]) for name in found}
