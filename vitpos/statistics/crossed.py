"""How far a mean may be off when the test images, too, are a sample.

Every seed is tested on every image, so both are random effects that cross: a result is a mean, plus
what the seed adds, plus what the image adds, plus a residue. Intervals over seeds alone are about
this test set; these are about other images of the same kind as well.
"""

import math

import numpy as np
from jaxtyping import Shaped

from vitpos.statistics.intervals import FEWEST, Interval, Number, student

Results = Shaped[np.ndarray, "seeds images"]  # right or wrong, or a loss


def on_new_images(
    a: Results, b: np.ndarray | None = None, confidence: float = 0.95
) -> Interval | None:
    """Of the mean of `a`, or of `a` minus `b`, paired by seed and image; None below three seeds.

    The variance is (MS_seeds + max(0, MS_images - MS_residue)) / (seeds · images), its degrees of
    freedom are Satterthwaite's (1946). Raises `ValueError` if `a` and `b` differ in shape.
    """
    if b is not None and a.shape != b.shape:
        raise ValueError(f"results of shape {a.shape} cannot be paired with {b.shape}")
    if a.shape[0] < FEWEST or a.shape[1] < 2:
        return None
    values = a.astype(float) if b is None else np.subtract(a, b, dtype=float)
    mean = float(values.mean())
    squares = mean_squares(values)
    spread, freedom = variance(squares, values.shape)
    reach = student(1 - confidence, freedom) * math.sqrt(spread) if spread > 0 else 0.0
    return Interval(mean - reach, mean + reach)


def mean_squares(values: Results) -> tuple[float, float, float]:
    """Of the seeds, the images and the residue."""
    seeds, images = values.shape
    of_seeds = images * float(values.mean(1).var(ddof=1))
    of_images = seeds * float(values.mean(0).var(ddof=1))
    total = float(values.var()) * values.size
    residue = total - (seeds - 1) * of_seeds - (images - 1) * of_images
    return of_seeds, of_images, max(0.0, residue) / ((seeds - 1) * (images - 1))


def variance(squares: tuple[float, float, float], shape: tuple[int, ...]) -> tuple[float, Number]:
    """Of the mean, and its degrees of freedom."""
    seeds, images = shape
    of_seeds, of_images, residue = squares
    if of_images <= residue:  # images add nothing that can be seen
        return of_seeds / (seeds * images), seeds - 1
    total = of_seeds + of_images - residue
    parts = (
        of_seeds**2 / (seeds - 1)
        + of_images**2 / (images - 1)
        + residue**2 / ((seeds - 1) * (images - 1))
    )
    return total / (seeds * images), total**2 / parts


def noise_floor(correct: Results) -> float | None:
    """The standard deviation over seeds if each image were a coin of its own (Jordan 2024).

    It is a floor for long trainings on much data; short ones on little vary far more. None for one
    seed. https://arxiv.org/abs/2304.01910
    """
    seeds, images = correct.shape
    if seeds < 2 or images < 1:
        return None
    return math.sqrt(float(correct.astype(float).var(0, ddof=1).sum())) / images


def distribution_sd(correct: Results) -> float | None:
    """The standard deviation over seeds on endlessly many images (Jordan 2024); 0 if none shows.

    Its square is the covariance of the accuracies on the two halves of the test set, averaged over
    all ways to halve it, which is the mean covariance of two images. None for one seed or image.
    """
    seeds, images = correct.shape
    if seeds < 2 or images < 2:
        return None
    values = correct.astype(float)
    whole = images**2 * float(values.mean(1).var(ddof=1))
    alone = float(values.var(0, ddof=1).sum())
    return math.sqrt(max(0.0, whole - alone) / (images * (images - 1)))
