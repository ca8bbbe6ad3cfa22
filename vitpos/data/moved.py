"""Data sets whose images were moved about, always in the same way: `dataset.moved=rotated`.

What a sample's image becomes depends on the labels of its split and on its place there, on no run:
whoever trains on such a data set, is evaluated or probed on it, sees the same images.
"""

import torch

from vitpos.data.draws import Draws
from vitpos.data.geometry import Pixels, geometric
from vitpos.data.placing import cut, placed
from vitpos.data.samples import Samples
from vitpos.keys import key
from vitpos.schema import Geometry

MOVED = ("shifted", "rotated", "cluttered")
SHIFT = 4  # by up to a fourth of the side
TURN = 45.0  # degrees, either way
PIECES, PIECE = 4, 4  # how many, and how many times lower and narrower than the image
PART = 5000  # images at a time: floats need memory


def moved(samples: Samples, how: str) -> Samples:
    """The same classes; images shifted by whole pixels, rotated about the centre, or cluttered.

    Black comes in over the border. Pieces that clutter an image are squares out of others, the
    lighter pixel being seen, as in Mnih et al. 2014, https://arxiv.org/abs/1406.6247.
    """
    draws = Draws(key(0, "moved", how, samples.whose()), 0, len(samples.labels))
    found = cluttered(samples.pixels, draws) if how == "cluttered" else warped(samples, draws, how)
    return Samples(found, samples.labels)


def warped(samples: Samples, draws: Draws, how: str) -> Pixels:
    """What training might do for one epoch, for good."""
    shift, turn = (samples.pixels.shape[-1] // SHIFT, 0.0) if how == "shifted" else (0, TURN)
    most = Geometry(shift=shift, rotate=turn, scale=0.0, flip=False, fill="zeros")
    (move,) = geometric(most)
    tables = move.tables(draws)
    parts = [
        move(samples.pixels[ids], {name: table[ids] for name, table in tables.items()})
        for ids in torch.arange(draws.samples).split(PART)
    ]
    return torch.cat(parts)


def cluttered(pixels: Pixels, draws: Draws) -> Pixels:
    """Squares out of other images of the split, at random places."""
    side = pixels.shape[-1]
    piece = max(1, side // PIECE)
    others = draws.integers("clutter/sample", 0, draws.samples - 1, PIECES)
    places = draws.integers("clutter/places", 0, side - piece, 4 * PIECES).int()
    parts = []
    for ids in torch.arange(draws.samples).split(PART):
        found = pixels[ids]
        for number, where in enumerate(places[ids].split(4, dim=1)):
            square = cut(pixels[others[ids, number]], where[:, :2], piece)
            found = torch.maximum(found, placed(square, where[:, 2:], side))
        parts.append(found)
    return torch.cat(parts)
