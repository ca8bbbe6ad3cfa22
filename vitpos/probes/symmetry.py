"""What mirrors, quarter turns and other scales do to answers."""

from collections.abc import Callable
from functools import partial
from statistics import fmean

import numpy as np

from vitpos.probes.asking import answers, no_classes, share
from vitpos.probes.moving import scale
from vitpos.probes.probe import Found
from vitpos.probes.resolution import border
from vitpos.probes.subject import Subject
from vitpos.shapes import Images

SCALES = (0.5, 0.75, 1.25, 1.5)


class Symmetry:
    """Images mirrored, turned and scaled: accuracy, and how often the answer stays the same.

    - `flip_horizontal` (left and right exchanged), `flip_vertical`;
    - `rotate90`, `rotate180`, `rotate270`: counter-clockwise, exact; only of square images;
    - `scale0.5` to `scale1.5`: the content scaled about the centre, bilinear and antialiased; the
      image keeps its size, and what is not covered is the mean of the outermost pixels of all
      images, per channel.

    Of each `/accuracy` and `/consistency`, P[the answer is that of the image as it is]. Then
    `flip_consistency`, `rotate_consistency` and `scale_consistency`, the means of each kind.

    Whether an answer should stay depends on the data: a 6 upside down is a 9.

    Arrays: `accuracy` and `consistency` [changes], in the order above, those of images that are not
    square without rotations.
    """

    name = "symmetry"
    source = "Engstrom et al. 2019, Exploring the Landscape of Spatial Robustness, arXiv 1712.02779"

    def why_not(self, subject: Subject) -> str:
        """It has to say classes."""
        return no_classes(subject)

    def measure(self, subject: Subject) -> Found:
        """Every change of every image."""
        images, labels = subject.images(subject.limit), subject.labels(subject.limit)
        own = answers(subject, images)
        numbers, right, same = {"accuracy": share(own == labels)}, list[float](), list[float]()
        kinds: dict[str, list[float]] = {}
        for name, change in changes(images).items():
            found = answers(subject, change(images))
            right.append(share(found == labels))
            same.append(share(found == own))
            numbers |= {f"{name}/accuracy": right[-1], f"{name}/consistency": same[-1]}
            kinds.setdefault(name.rstrip(".0123456789").partition("_")[0], []).append(same[-1])
        numbers |= {f"{kind}_consistency": fmean(values) for kind, values in kinds.items()}
        return Found(numbers, {"accuracy": np.array(right), "consistency": np.array(same)})


def changes(images: Images) -> dict[str, Callable[[Images], Images]]:
    """All changes by name."""
    ground = border(images)
    found: dict[str, Callable[[Images], Images]] = {
        "flip_horizontal": lambda x: x.flip(-1),
        "flip_vertical": lambda x: x.flip(-2),
    }
    if images.shape[-1] == images.shape[-2]:
        for turns in (1, 2, 3):
            found[f"rotate{90 * turns}"] = partial(rotated, turns=turns)
    for factor in SCALES:
        found[f"scale{factor:g}"] = partial(scale, factor=factor, ground=ground)
    return found


def rotated(images: Images, turns: int) -> Images:
    """Quarter turns, counter-clockwise."""
    return images.rot90(turns, dims=(-2, -1))


PROBE = Symmetry()
