"""Vectors of sines and cosines of coordinates, or of the number of a cell in a sequence.

Fixed two-dimensional tables of this kind share one name and differ in three things. `layout` is
where the channels lie, with ``sin`` and ``cos`` of all waves side by side unless in pairs:

=============  ===========================================  ========================================
``rows``       sin row, cos row, sin column, cos column     MoCo v3
``cols``       sin column, cos column, sin row, cos row     MAE, SimpleViT
``sines``      sin row, sin column, cos row, cos column     timm
``row_pairs``  sin, cos, sin, cos ... of row, then column   DETR
``col_pairs``  sin, cos, sin, cos ... of column, then row   LaPE
=============  ===========================================  ========================================

`spectrum` is how ``temperature ** -e`` gets from short waves to long ones: ``exclusive``, with
``e = k / waves``, or ``inclusive``, with ``e = k / (waves - 1)``, which reaches the temperature
(SimpleViT). `coords` is the unit of row and column. Layouts of the same spectrum and unit differ by
a fixed permutation of channels; the spectra do not.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from vitpos.embeddings.additive import Additive
from vitpos.embeddings.base import Constant, Site, Trunk
from vitpos.embeddings.coordinates import Coordinates
from vitpos.orders import numbers
from vitpos.shapes import Table

LAYOUTS = ("rows", "cols", "sines", "row_pairs", "col_pairs")
LAYOUTS_1D = ("pairs", "halves")
SPECTRA = ("exclusive", "inclusive")


def waves(temperature: float, count: int, kind: str) -> Float[Tensor, " waves"]:
    """Radians per unit of each wave, the shortest first; `ValueError` if there is no such spectrum.

    A spectrum that reaches its temperature has a first and a last wave.
    """
    if kind not in SPECTRA:
        raise ValueError(f"spectrum is one of {', '.join(SPECTRA)}, not {kind!r}")
    if kind == "inclusive" and count < 2:
        raise ValueError("an inclusive spectrum needs a width for two waves or more")
    steps = count if kind == "exclusive" else count - 1
    return temperature ** -(torch.arange(count) / steps)


def pairs(angles: Float[Tensor, "*axes waves"]) -> Float[Tensor, "*axes channels"]:
    """Sine and cosine of each angle, next to one another."""
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def woven(angles: Float[Tensor, "2 cells waves"], layout: str) -> Table:
    """Sines and cosines of rows and columns in the order of `layout`."""
    rows, cols = angles
    match layout:
        case "rows":
            parts = [rows.sin(), rows.cos(), cols.sin(), cols.cos()]
        case "cols":
            parts = [cols.sin(), cols.cos(), rows.sin(), rows.cos()]
        case "sines":
            parts = [rows.sin(), cols.sin(), rows.cos(), cols.cos()]
        case "row_pairs":
            parts = [pairs(rows), pairs(cols)]
        case _:
            parts = [pairs(cols), pairs(rows)]
    return torch.cat(parts, dim=-1)


class Sinusoidal(Additive):
    """Fixed sines and cosines of row and column, a quarter of the width each.

    Vaswani et al. 2017 in two dimensions, by Carion et al. 2020 (DETR,
    https://arxiv.org/abs/2005.12872) and Chen et al. 2021 (MoCo v3,
    https://arxiv.org/abs/2104.02057). MoCo v3's own code numbers the tokens of an oblong grid
    column by column, unlike its patches; here rows are rows on every grid. All its models are
    square, so no result of the paper needs the other.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        layout: str,
        spectrum: str,
        temperature: float,
        coords: str,
        new_grid: str,
        augment: Mapping[str, float],
    ) -> None:
        super().__init__(trunk)
        if layout not in LAYOUTS:
            raise ValueError(f"layout is one of {', '.join(LAYOUTS)}, not {layout!r}")
        if trunk.dim % 4:
            raise ValueError(f"sincos2d needs a width divisible by 4, not {trunk.dim}")
        self.layout = layout
        self.coordinates = Coordinates(trunk.grid, coords, new_grid, augment)
        self.frequencies = Constant(waves(temperature, trunk.dim // 4, spectrum))

    @override
    def table(self, site: Site) -> Table:
        frequencies: Tensor = self.frequencies()
        places = self.coordinates(site, frequencies.device)
        return woven(places[..., None] * frequencies, self.layout)


class Sinusoidal1d(Additive):
    """Fixed sines and cosines of the number of a cell in a sequence.

    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, over the sequence `order`, counted from
    `start`. `layout`: sine and cosine of a wave are neighbours (``pairs``, as in the paper), or all
    sines come before all cosines (``halves``, as in its code, whose spectrum is ``inclusive``).
    Another grid is counted anew: the same number is then another place, unless the grid grew in
    rows only.
    """

    def __init__(
        self,
        trunk: Trunk,
        *,
        layout: str,
        spectrum: str,
        temperature: float,
        start: int,
        order: str,
    ) -> None:
        super().__init__(trunk)
        if layout not in LAYOUTS_1D:
            raise ValueError(f"layout is one of {', '.join(LAYOUTS_1D)}, not {layout!r}")
        if trunk.dim % 2:
            raise ValueError(f"sincos1d needs an even width, not {trunk.dim}")
        self.layout, self.start, self.order = layout, start, order
        numbers(trunk.grid, order, torch.device("cpu"))  # raises if there is no such order
        self.frequencies = Constant(waves(temperature, trunk.dim // 2, spectrum))

    @override
    def table(self, site: Site) -> Table:
        frequencies: Tensor = self.frequencies()
        number = self.start + numbers(site.grid, self.order, frequencies.device)
        angles = number[:, None] * frequencies
        if self.layout == "pairs":
            return pairs(angles)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)
