"""Two palettes that are readable with any colour vision.

Cividis for magnitudes (Nuñez et al. 2018, https://doi.org/10.1371/journal.pone.0199239) and PuOr,
white in the middle, for values with a sign (Brewer's 11 classes, https://colorbrewer2.org). Both
are short tables of anchors with straight lines between them; cividis stays within 2 of 255 levels
of the published 256 colours. What is not a number is mid grey.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)


@dataclass(frozen=True)
class Palette:
    """Colours along a line, and one for the lines between tiles."""

    places: Float[np.ndarray, " anchors"]  # in 0..1, increasing
    colours: Float[np.ndarray, "anchors 3"]  # in 0..255
    line: tuple[int, int, int]

    def paint(
        self, values: Float[np.ndarray, "*shape"], low: float, high: float
    ) -> UInt8[np.ndarray, "*shape 3"]:
        """From `low` at one end to `high` at the other; the middle if there is no range at all."""
        span = high - low
        place = (values - low) / span if span > 0 else np.where(np.isnan(values), np.nan, 0.5)
        channels = [np.interp(place, self.places, channel) for channel in self.colours.T]
        colours = np.stack(channels, axis=-1)
        return np.where(np.isnan(colours), GREY, colours).round().astype(np.uint8)


def _palette(anchors: dict[int, str], line: tuple[int, int, int]) -> Palette:
    places = np.array(list(anchors), dtype=np.float64)
    colours = np.array([list(bytes.fromhex(colour)) for colour in anchors.values()], np.float64)
    return Palette(places / places[-1], colours, line)


CIVIDIS = _palette(
    {0: "00224e", 17: "002e6c", 22: "003171", 28: "123570", 35: "203a6f", 53: "38476c"}
    | {86: "585e6d", 125: "7a7a78", 152: "938e78", 175: "aaa073", 203: "c7b767", 234: "e9d34e"}
    | {246: "f7de3e", 251: "fde334", 255: "fee838"},
    WHITE,
)
PUOR = _palette(
    {0: "7f3b08", 1: "b35806", 2: "e08214", 3: "fdb863", 4: "fee0b6", 5: "f7f7f7"}
    | {6: "d8daeb", 7: "b2abd2", 8: "8073ac", 9: "542788", 10: "2d004b"},
    BLACK,
)
