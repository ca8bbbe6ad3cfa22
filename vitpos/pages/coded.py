"""Numbers as bytes: what a page holds of an array.

Codes 0..254 are values ``low + (high - low) * (code / 254) ** (1 / gamma)``; 255 is not a number.
Of numbers with a sign, low is -high, so that 127 is exactly zero. With a gamma of 1/2 small numbers
keep more of their digits. Of raw arrays the codes are the values, all of 0..255.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

STEPS, MISSING = 254, 255
DIGITS = 6  # of the ends of a range
Values = Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."]


@dataclass(frozen=True)
class Coded:
    """An array as a page has it."""

    codes: UInt8[np.ndarray, "..."]
    low: float
    high: float
    gamma: float = 1.0
    raw: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.codes.shape

    def values(self) -> Float[np.ndarray, "..."]:
        """The numbers that the page shows: not quite those that were coded."""
        if self.raw:
            return self.codes.astype(np.float64)
        part = (self.codes / STEPS) ** (1 / self.gamma)
        found = self.low + (self.high - self.low) * part
        return np.where(self.codes == MISSING, np.nan, found)

    def of(self, *index: slice | int) -> "Coded":
        """A part of it, in the same range."""
        codes = np.ascontiguousarray(self.codes[index])
        return Coded(codes, self.low, self.high, self.gamma, self.raw)


def signed(values: Values, bound: float | None = None) -> Coded:
    """In -high..high, where high is `bound` or the largest magnitude."""
    x = numbers(values)
    high = rounded(magnitude(x) if bound is None else bound)
    return coded(x, 0.0 - high, high)


def unsigned(values: Values) -> Coded:
    """From the smallest to the largest."""
    x = numbers(values)
    finite = x[np.isfinite(x)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return coded(x, rounded(low), rounded(high))


def shares(values: Values) -> Coded:
    """From 0 to the largest, by square roots: for probabilities."""
    x = numbers(values)
    return coded(x, 0.0, rounded(magnitude(x)), 0.5)


def cosines(values: Values) -> Coded:
    """In -1..1, whatever there is, so that pictures of different runs compare."""
    return coded(numbers(values), -1.0, 1.0)


def raw(values: Values) -> Coded:
    """Bytes as they are, such as pixels."""
    return Coded(np.ascontiguousarray(array(values), np.uint8), 0.0, 255.0, raw=True)


def coded(x: Float[np.ndarray, "..."], low: float, high: float, gamma: float = 1.0) -> Coded:
    """Numbers in a range that is known; what lies beyond it counts as its end."""
    span = high - low
    middle = 0.5 if low == -high else 0.0  # of a range that is none
    place = (x - low) / span if span > 0 else np.full_like(x, middle)
    codes = np.rint(STEPS * np.clip(place, 0, 1) ** gamma)
    found = np.where(np.isfinite(x), codes, MISSING).astype(np.uint8)
    return Coded(np.ascontiguousarray(found), low, high, gamma)


def magnitude(x: Float[np.ndarray, "..."]) -> float:
    """The largest of the finite numbers, whatever its sign."""
    finite = np.abs(x[np.isfinite(x)])
    return float(finite.max()) if finite.size else 0.0


def rounded(value: float) -> float:
    """To six digits: what a page says of a range."""
    return float(f"{value:.{DIGITS}g}")


def array(values: Values) -> Shaped[np.ndarray, "..."]:
    """On the CPU."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def numbers(values: Values) -> Float[np.ndarray, "..."]:
    """The same in float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return values.astype(np.float64)
