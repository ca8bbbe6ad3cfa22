"""What a shift of the whole image does to answers."""

from statistics import fmean

import numpy as np
import torch

from vitpos.probes.asking import answers, no_classes, share
from vitpos.probes.moving import FILLS, shift
from vitpos.probes.probe import Found
from vitpos.probes.subject import Subject

WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # down, up, right, left
USUAL = ("zeros", "circular")


class Translation:
    """Images shifted up, down, left and right: accuracy, and how often the answer stays the same.

    Shifts by whole patches (one and two, less than half the image), which leave what each patch
    shows as it is but for what comes in over the border, are kept apart from shifts by less than a
    patch (one pixel, half a patch), which change the cut into patches. What comes in is black
    (`zeros`), the other side of the image (`circular`), or its mirror image (`reflect`, on request:
    `fill=reflect`; several with commas).

    For each fill F, and the mean over the four directions:

    - `F/shift7/accuracy`: of images shifted by 7 pixels;
    - `F/shift7/consistency`: P[the answer is that of the image as it is], right or wrong;
    - `F/whole_consistency`, `F/sub_consistency`: means over the shifts of each kind;
    - `consistency`: of all shifts with the first fill, unless other fills are asked for.

    With `circular` fill and whole patches, a network without position whose patches do not overlap
    gives the same answer but for rounding.

    Arrays, for each fill F: `F_accuracy` and `F_consistency` [shifts, directions]; `shifts` in
    pixels; directions down, up, right, left.
    """

    name = "translation"
    source = "Zhang 2019, Making Convolutional Networks Shift-Invariant Again, arXiv 1904.11486"
    options = ("fill",)

    def why_not(self, subject: Subject) -> str:
        """It has to say classes."""
        return no_classes(subject)

    def measure(self, subject: Subject) -> Found:
        """Each fill, each shift, each direction."""
        fills = fills_of(subject)
        images, labels = subject.images(subject.limit), subject.labels(subject.limit)
        ground, own = black(subject), answers(subject, images)
        whole, sub = shifts(subject.run.patch.size, min(images.shape[-2:]))
        numbers = {"accuracy": share(own == labels)}
        found: dict[str, np.ndarray] = {"shifts": np.array(sub + whole)}
        for fill in fills:
            right, same = dict[int, list[float]](), dict[int, list[float]]()
            for size in sub + whole:
                moved = [
                    answers(subject, shift(images, y * size, x * size, fill, ground))
                    for y, x in WAYS
                ]
                right[size] = [share(answer == labels) for answer in moved]
                same[size] = [share(answer == own) for answer in moved]
                numbers[f"{fill}/shift{size}/accuracy"] = fmean(right[size])
                numbers[f"{fill}/shift{size}/consistency"] = fmean(same[size])
            for kind, some in (("whole", whole), ("sub", sub)):
                if some:
                    numbers[f"{fill}/{kind}_consistency"] = fmean(fmean(same[s]) for s in some)
            if fill == fills[0] and "fill" not in subject.asked:
                numbers["consistency"] = fmean(map(fmean, same.values()))
            found[f"{fill}_accuracy"] = np.array(list(right.values()))
            found[f"{fill}_consistency"] = np.array(list(same.values()))
        return Found(numbers, found)


def fills_of(subject: Subject) -> tuple[str, ...]:
    """What is asked for, else two of the three."""
    asked = subject.asked.get("fill", "")
    return tuple(fill for fill in FILLS if fill in asked.split(",")) if asked else USUAL


def shifts(patch: int, side: int) -> tuple[list[int], list[int]]:
    """Pixels: of whole patches, and of less than one."""
    whole = [size for size in (patch, 2 * patch) if 2 * size <= side]
    sub = sorted({size for size in (1, patch // 2) if 0 < size < patch})
    return whole, sub


def black(subject: Subject) -> torch.Tensor:
    """A black pixel as the network gets it, per channel."""
    pairs = zip(subject.mean, subject.std, strict=True)
    return torch.tensor([-mean / std for mean, std in pairs], device=subject.machine.device)


PROBE = Translation()
