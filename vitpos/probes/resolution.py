"""What becomes of accuracy on other grids and other sizes."""

from collections.abc import Mapping
from itertools import pairwise
from math import log

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vitpos.patches import Linear
from vitpos.probes import rules
from vitpos.probes.asking import answers, no_classes, replaced, share
from vitpos.probes.probe import Found
from vitpos.probes.projection import with_patches
from vitpos.probes.subject import Subject
from vitpos.shapes import Images
from vitpos.sizes import step
from vitpos.vit import ViT

FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)  # of the size of the training
Curve = dict[int, float]  # accuracy by pixels
Sized = Float[Tensor, "batch channels _ _"]  # images of another size


class Resolution:
    """Accuracy at sizes that the network was not trained on, by three protocols kept apart.

    Sizes are those of the training times 0.5, 0.75, 1, 1.25, 1.5 and 2, to whole patches, or those
    of `sizes=`.

    - `resize`: the image resized, bilinear and antialiased, as `vitpos eval image_size=` does. The
      grid changes, and so does what a patch shows.
    - `canvas`: the image as it is on a larger canvas, at a random place, whole patches from its
      border; the rest is the mean of the outermost pixels of all images, per channel. The grid
      grows, and each patch shows what it did. Where the image lies is drawn from the seed.
    - `patch`: image and patches both resized, the projection by pseudo-inverse as in FlexiViT, so
      that the grid stays. What is left is what resizing itself costs.

    `P56/accuracy` is that of protocol P at 56 pixels, `P56/retention` its ratio to the accuracy at
    the size of the training; `P_auc` is the area under accuracy over the logarithm of the size, by
    trapezoids, divided by its width; `P_retention` is `P_auc` divided by the accuracy at the size
    of the training. Neither is given for `sizes=`, so that areas are of the same sizes in all runs.

    The strategy meets a new grid by the rule of its file. `rule=ntk` adds the curves of another one
    (interpolate, extrapolate, rescale, pi, ntk, yarn, bicubic, bilinear, corners, nearest): the
    network is built again with that switch and the same weights, and names begin with `ntk/`.

    Arrays: `P_sizes` [sizes] in pixels and `P_accuracy` [sizes].
    """

    name = "resolution"
    source = (
        "Touvron et al. 2019, Fixing the train-test resolution discrepancy, arXiv 1906.06423;"
        " Beyer et al. 2023, FlexiViT, arXiv 2212.08013"
    )
    options = ("rule", "sizes")

    def why_not(self, subject: Subject) -> str:
        """It has to say classes, and to follow the rule that is asked for."""
        word = subject.asked.get("rule", "")
        found = rules.variant(subject, word) if word else ""
        return no_classes(subject) or (found if isinstance(found, str) else "")

    def measure(self, subject: Subject) -> Found:
        """All curves of the declared rule, or of the one that is asked for."""
        word = subject.asked.get("rule", "")
        model = subject.model
        if word:
            found = rules.variant(subject, word)
            model = found if isinstance(found, ViT) else model
        curves = {"resize": resized(subject, model), "canvas": on_canvas(subject, model)}
        if not word and isinstance(model.patches, Linear):
            curves["patch"] = by_patch(subject, model, model.patches)
        before = f"{word}/" if word else ""
        own, numbers = subject.run.dataset.size, dict[str, float]()
        for protocol, curve in curves.items():
            numbers |= named(before + protocol, curve, own)
            if len(curve) > 1 and "sizes" not in subject.asked:  # an area is of the usual sizes
                area = under(curve)
                numbers[f"{before}{protocol}_auc"] = area
                numbers |= (
                    {f"{before}{protocol}_retention": area / curve[own]} if curve[own] else {}
                )
        return Found(numbers, arrays(curves))


def sizes(subject: Subject) -> list[int]:
    """Pixels each way, the size of the training among them."""
    own, unit = subject.run.dataset.size, step(subject.run)
    asked = subject.asked.get("sizes", "")
    wanted = map(int, asked.split(",")) if asked else [round(own * f) for f in FACTORS]
    whole = {max(1, round(size / unit)) * unit for size in wanted}
    return sorted(whole | {own})


def measured(subject: Subject, images: Images, model: ViT) -> float:
    """The accuracy on these images."""
    return share(answers(subject, images, model) == subject.labels(subject.limit))


def resize(images: Images, size: int) -> Sized:
    """Another number of pixels, as evaluations resize."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, [size, size], mode="bilinear", antialias=True)


def resized(subject: Subject, model: ViT) -> Curve:
    """Of resized images."""
    images = subject.images(subject.limit)
    return {size: measured(subject, resize(images, size), model) for size in sizes(subject)}


def on_canvas(subject: Subject, model: ViT) -> Curve:
    """Of images on larger canvases."""
    images, own = subject.images(subject.limit), subject.run.dataset.size
    larger = [size for size in sizes(subject) if size >= own]
    return {s: measured(subject, canvas(subject, images, s), model) for s in larger}


def canvas(subject: Subject, images: Images, size: int) -> Sized:
    """Each image somewhere on a canvas, whole patches from its border."""
    patch, own = subject.run.patch.size, images.shape[-1]
    room = (size - own) // patch
    if not room:
        return images
    random = subject.generator("canvas", str(size))
    at = torch.randint(room + 1, (len(images), 2), generator=random) * patch
    ground = border(images)[None, :, None, None].expand(len(images), -1, size, size).clone()
    for image, place, (down, right) in zip(images, ground, at.tolist(), strict=True):
        place[:, down : down + own, right : right + own] = image
    return ground


def border(images: Images) -> Float[Tensor, " channels"]:
    """The mean of the outermost pixels of all images, per channel."""
    inner = torch.ones(images.shape[-2:], dtype=torch.bool, device=images.device)
    inner[1:-1, 1:-1] = False
    return images[:, :, inner].mean(dim=(0, 2))


def by_patch(subject: Subject, model: ViT, own: Linear) -> Curve:
    """Of resized images through resized patches."""
    images, patch = subject.images(subject.limit), subject.run.patch.size
    cells = subject.run.dataset.size // patch
    found = {}
    for side in sorted({max(1, round(size / cells)) for size in sizes(subject)} | {patch}):
        other = own if side == patch else with_patches(own, side)
        with replaced(model, "patches", other):
            found[side * cells] = measured(subject, resize(images, side * cells), model)
    return found


def named(protocol: str, curve: Curve, own: int) -> dict[str, float]:
    """The numbers of each size."""
    found = {f"{protocol}{size}/accuracy": accuracy for size, accuracy in curve.items()}
    if curve[own]:
        others = {size: value for size, value in curve.items() if size != own}
        found |= {f"{protocol}{s}/retention": v / curve[own] for s, v in others.items()}
    return found


def under(curve: Mapping[int, float]) -> float:
    """The mean height of a curve over the logarithm of sizes, by trapezoids."""
    points = [(log(size), value) for size, value in sorted(curve.items())]
    area = sum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(points))
    return area / (points[-1][0] - points[0][0])


def arrays(curves: Mapping[str, Curve]) -> dict[str, np.ndarray]:
    """Curves for pictures."""
    found: dict[str, np.ndarray] = {}
    for protocol, curve in curves.items():
        found[f"{protocol}_sizes"] = np.array(list(curve))
        found[f"{protocol}_accuracy"] = np.array(list(curve.values()))
    return found


PROBE = Resolution()
