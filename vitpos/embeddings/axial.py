"""Rotations in which each plane turns with the row alone or with the column alone.

"2-D RoPE" is a family of dialects that differ in the frequencies, in the order of the planes, in
which channels make a plane, and in the unit of coordinates. They are options here and in `Rotary`;
the files `rope2d*.yaml` set them to what each model does. A dialect with the same frequencies and
another order of planes is the same function of other weights.

`layout` is the order of the planes of a head: all that turn with the column and then those that
turn with the row (``cols_rows``), the reverse (``rows_cols``), or column and row in turn, beginning
with a column (``alternate``).
"""

from math import log

import torch
from torch import Tensor
from typing_extensions import Unpack, override

from vitpos.embeddings.base import Constant, Trunk
from vitpos.embeddings.rotary import Rotary, Switches, spectrum
from vitpos.shapes import Spectra, Spectrum, Waves

LAYOUTS = ("cols_rows", "rows_cols", "alternate")
SPECTRA = ("full", "split", "late")
SPACINGS = ("linear", "log", "heads")


class Fixed(Rotary):
    """Waves that are numbers and not learned, the same in all layers."""

    fixed: Constant

    @override
    def waves(self, layer: int) -> Waves:
        found: Tensor = self.fixed()
        return found


class Axial(Fixed):
    """Wavelengths in geometric progression (Su et al. 2021, twice; Heo et al. 2024, RoPE-Axial).

    With ``n`` planes for each axis, plane ``k`` turns by ``scale * theta ** -(k / n)`` radians per
    unit (``full``). ``late`` begins at ``k = 1``. ``split`` deals out one progression of ``2 n``
    waves, the first to the rows and the next to the columns, in turn (Pixtral).
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        theta: float,
        scale: float,
        spectrum: str,
        layout: str,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk, **switches)
        rows, cols = progression(theta, halved(self.planes), spectrum)
        self.fixed = Constant(scale * laid(rows[None], cols[None], layout))


class Bands(Fixed):
    """Frequencies from `first` to `last`, both included, in radians per unit.

    At equal distances (``linear``: lucidrains' RVT, and what timm calls pixel frequencies) or equal
    ratios (``log``: DINOv3 with periods). With ``heads`` each head has its own: they take turns in
    one progression of equal ratios that does not include `last` (Crowson et al. 2024, HDiT).
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        first: float,
        last: float,
        spacing: str,
        layout: str,
        **switches: Unpack[Switches],
    ) -> None:
        super().__init__(trunk, **switches)
        own = bands(first, last, spacing, trunk.heads, halved(self.planes))
        self.fixed = Constant(laid(own, own, layout))


class Sections(Fixed):
    """Planes take turns between time, rows and columns (M-RoPE as Qwen3-VL has it, interleaved).

    Bai et al. 2025, https://arxiv.org/abs/2511.21631; in Qwen2-VL (https://arxiv.org/abs/2409.12191)
    each axis has a section of its own.

    One progression ``theta ** -(k / planes)`` for all; planes 1, 4, 7 ... turn with the row until
    plane ``3 rows``, planes 2, 5, 8 ... with the column until ``3 cols``. All others belong to
    time and stand still, as an image has none: a third of a head knows no position.
    """

    def __init__(
        self, trunk: Trunk, *, theta: float, rows: int, cols: int, **switches: Unpack[Switches]
    ) -> None:
        super().__init__(trunk, **switches)
        if self.planes < 3 or min(rows, cols) < 1:
            raise ValueError(f"{rows} and {cols} sections for {self.planes} planes of three axes")
        waves = torch.zeros(2, 1, self.planes)
        own = spectrum(theta, self.planes)
        for axis, sections in enumerate((rows, cols)):
            mine = slice(axis + 1, 3 * sections, 3)
            waves[axis, 0, mine] = own[mine]
        self.fixed = Constant(waves)


def halved(planes: int) -> int:
    """Planes of one axis; `ValueError` where axes cannot have as many each."""
    if planes % 2:
        raise ValueError(f"two axes need an even number of planes, not {planes}")
    return planes // 2


def progression(theta: float, planes: int, kind: str) -> tuple[Spectrum, Spectrum]:
    """Waves of rows and of columns; `kind` as in `Axial`."""
    if kind not in SPECTRA:
        raise ValueError(f"spectrum is one of {', '.join(SPECTRA)}, not {kind!r}")
    if kind == "split":
        both = spectrum(theta, 2 * planes)
        return both[::2], both[1::2]
    own = spectrum(theta, planes) if kind == "full" else spectrum(theta, planes, start=1)
    return own, own


def bands(first: float, last: float, spacing: str, heads: int, planes: int) -> Spectra:
    """Frequencies of one axis, [#heads, planes]; `spacing` as in `Bands`."""
    match spacing:
        case "linear":
            return torch.linspace(first, last, planes)[None]
        case "log":
            return torch.linspace(log(first), log(last), planes).exp()[None]
        case "heads":
            steps = torch.linspace(log(first), log(last), heads * planes + 1)[:-1]
            return steps.exp().view(planes, heads).T.contiguous()
    raise ValueError(f"spacing is one of {', '.join(SPACINGS)}, not {spacing!r}")


def laid(rows: Spectra, cols: Spectra, layout: str) -> Waves:
    """Planes that turn with the row and planes that turn with the column, in the order `layout`."""
    if layout not in LAYOUTS:
        raise ValueError(f"layout is one of {', '.join(LAYOUTS)}, not {layout!r}")
    by_row = torch.stack([rows, torch.zeros_like(rows)])
    by_col = torch.stack([torch.zeros_like(cols), cols])  # [2, #heads, planes / 2]
    match layout:
        case "cols_rows":
            return torch.cat([by_col, by_row], dim=-1)
        case "rows_cols":
            return torch.cat([by_row, by_col], dim=-1)
        case _:
            return torch.stack([by_col, by_row], dim=-1).flatten(-2)
