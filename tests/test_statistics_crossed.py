"""The interval for new images, and what the seeds and the images add to the spread."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from vitpos.statistics import distribution_sd, mean_interval, noise_floor, on_new_images


def correct(seeds: int, images: int, number: int = 0) -> np.ndarray:
    """Which images are right, some harder than others."""
    rng = np.random.default_rng(number)
    return rng.random((seeds, images)) < rng.random(images)


def test_the_interval_is_that_of_an_analysis_of_variance():
    """Mean squares from the sums of squares of a two-way layout without repetition."""
    a, b = correct(4, 30, 1), correct(4, 30, 2)
    d = a.astype(float) - b
    n, images = d.shape
    rows, columns, mean = d.mean(1, keepdims=True), d.mean(0, keepdims=True), d.mean()
    seed = images * ((rows - mean) ** 2).sum() / (n - 1)
    image = n * ((columns - mean) ** 2).sum() / (images - 1)
    rest = ((d - rows - columns + mean) ** 2).sum() / ((n - 1) * (images - 1))
    whole = seed + image - rest
    freedom = whole**2 / (
        seed**2 / (n - 1) + image**2 / (images - 1) + rest**2 / ((n - 1) * (images - 1))
    )
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(whole / d.size)

    assert image > rest
    assert on_new_images(a, b) == pytest.approx((mean - reach, mean + reach), rel=1e-10)


def test_images_that_add_nothing_leave_the_interval_of_the_seeds():
    """Every image of a seed is the same."""
    values = np.repeat(np.array([[0.5], [0.75], [0.25], [1.0]]), 20, axis=1)

    assert on_new_images(values) == pytest.approx(mean_interval([0.5, 0.75, 0.25, 1.0]))


def test_new_images_widen_the_interval_where_arms_differ_on_them():
    """Each arm is always right on a half of its own."""
    a = np.zeros((3, 40), bool)
    a[:, :20] = True
    low, high = on_new_images(a, ~a)

    assert low < -0.2
    assert high > 0.2


def test_one_arm_is_the_difference_to_an_arm_that_is_never_right():
    """A mean is a difference to zero."""
    a = correct(5, 30)

    assert on_new_images(a) == on_new_images(a, np.zeros_like(a))


def test_swapping_arms_negates_the_interval():
    """As it does without images."""
    a, b = correct(5, 30, 1), correct(5, 30, 2)
    low, high = on_new_images(a, b)

    assert on_new_images(b, a) == pytest.approx((-high, -low), abs=1e-15)


def test_the_same_runs_differ_nowhere():
    """On no image."""
    assert on_new_images(correct(3, 30), correct(3, 30)) == (0, 0)


@pytest.mark.parametrize("shape", [(2, 30), (3, 1), (3, 0), (0, 30)])
def test_little_says_nothing(shape):
    """Fewer than three seeds or two images."""
    assert on_new_images(np.ones(shape, bool)) is None


def test_one_seed_has_no_spread():
    """Nor has one image."""
    assert noise_floor(correct(1, 30)) is distribution_sd(correct(1, 30)) is None
    assert distribution_sd(correct(3, 1)) is None


def test_refuses_images_that_do_not_pair():
    """Other images cannot be subtracted."""
    with pytest.raises(ValueError, match=r"\(3, 20\) cannot be paired with \(3, 21\)"):
        on_new_images(correct(3, 20), correct(3, 21))


def test_the_spread_on_all_images_is_the_covariance_of_halves():
    """Averaged over all ways to halve the test set."""
    values = np.random.default_rng(0).normal(size=(5, 8)) + np.arange(5)[:, None]
    covariances = []
    for half in combinations(range(8), 4):
        rest = [i for i in range(8) if i not in half]
        covariances.append(np.cov(values[:, half].mean(1), values[:, rest].mean(1))[0, 1])

    assert distribution_sd(values) == pytest.approx(np.sqrt(np.mean(covariances)), rel=1e-12)


def test_the_floor_is_what_coins_would_give():
    """The root of the sum of p(1 - p), over the images, without the bias of few seeds."""
    a = correct(5, 40)
    p = a.mean(0)

    assert noise_floor(a) == pytest.approx(np.sqrt((p * (1 - p)).sum()) / 40 * np.sqrt(5 / 4))


def test_floor_and_spread_make_up_the_variance():
    """What is seen on a test set is what seeds add on all images, and what this one adds."""
    a = correct(6, 40) & (np.random.default_rng(1).random((6, 1)) < 0.5)
    seen = a.mean(1).var(ddof=1)

    assert seen == pytest.approx(39 / 40 * distribution_sd(a) ** 2 + noise_floor(a) ** 2)
