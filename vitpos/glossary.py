"""What the values of switches mean, in a few words each; their modules say it at length."""

from collections.abc import Mapping
from typing import Any

VALUES = {
    "inject": {
        "input": "added once, before the first block",
        "every_layer": "added before every block, each time from a table of its own",
        "shared": "the same vectors added before every block",
        "lape": "added to what attention reads, through a chain of LayerNorms",
        "concat": "put beside the tokens and projected back to their width, before the first block",
        "qk": "in every block added to what queries and keys are made of, not to values",
    },
    "coords": {
        "index": "0, 1, 2 ...",
        "index1": "1, 2, 3 ...",
        "centre": "middles of cells, the image from -1 to 1",
        "unit": "middles of cells, the image from 0 to 1",
        "corner": "the first cell at -1, the last at 1",
        "corner01": "the first cell at 0, the last at 1",
        "fraction": "the index divided by the number of cells",
        "turn": "from 1 on, as part of a full turn",
        "aspect": "middles of cells, in units of the longer side",
        "longer": "the same, but starting where `centre` does",
        "shorter": "as `longer`, in units of the shorter side",
    },
    "new_grid": {
        "extrapolate": "goes on with cells of the same size",
        "rescale": "fits the new grid into the extent of the trained one",
        "pi": "waves get longer with the grid",
        "ntk": "long waves get longer with the grid, short ones stay",
        "yarn": "waves longer than the grid get longer with it, and logits warmer",
    },
    "order": {
        "raster": "row by row",
        "snake": "row by row, every other one backwards",
        "hilbert": "along Hilbert's curve",
        "morton": "by interleaved bits of row and column",
        "spiral": "from the border inwards",
        "random": "shuffled once",
    },
    "resample": {
        "bicubic": "the table is resized, bicubic",
        "bilinear": "the table is resized, bilinear",
        "corners": "the table is resized, bilinear, corner cells upon corner cells",
        "nearest": "the table is resized, nearest",
        "geometric": "the table is resized, the more the farther the offset",
    },
    "pairing": {
        "neighbours": "channels 2k and 2k + 1",
        "halves": "channel k and the one half a head further",
        "quarters": "as `halves`, in each half of a head by itself",
    },
    "prefix": {
        "none": "nothing",
        "learned": "free numbers of their own",
        "identity": "are not turned",
        "centre": "turn like a cell in the middle",
        "before": "turn like a cell before the first row and column",
        "origin": "count as the place where coordinates are zero",
        "zero": "no bias, to them or from them",
    },
}


def means(switch: str, value: object) -> str:
    """What a value of a switch means; nothing for a number."""
    return VALUES.get(switch, {}).get(str(value), "")


def new_grid(options: Mapping[str, Any]) -> str:
    """How a strategy with these options meets a grid that it was not trained on."""
    for switch in ("new_grid", "resample"):
        if switch in options:
            value = str(options[switch])
            return (
                f"{value} ({means(switch, value)})"
                if switch == "new_grid"
                else means(switch, value)
            )
    return "needs no rule"
