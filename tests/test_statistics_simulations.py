"""Intervals hold the truth as often as they say, findings are false no more often than they say.

The samples are drawn with a fixed seed; a coverage near 0.95 of 20,000 has a standard error of
0.0015.
"""

import os
import subprocess
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

from vitpos.statistics import Verdict, family, on_new_images
from vitpos.statistics.intervals import mean_bounds

SAMPLES = 20_000
ALIKE = Path(__file__).with_name("alike.py")
LEVEL = 0.05


@pytest.fixture(autouse=True)
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking the shapes of so many small arrays takes longer than computing with them."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def coverage(values: np.ndarray, truth: float = 0.0, level: float = LEVEL) -> np.ndarray:
    """Whether each interval of a mean over the last axis holds the truth."""
    low, high = mean_bounds(values, level)
    return (low <= truth) & (truth <= high)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_hold_the_truth(n):
    """Of an arm, of a paired difference, and of five differences to one baseline together."""
    rng = np.random.default_rng(n)
    arms = rng.normal(size=(SAMPLES, 6, n)) + rng.normal(size=(SAMPLES, 1, n))
    differences = arms[:, 1:] - arms[:, :1]

    assert 0.944 <= coverage(arms[:, 0]).mean() <= 0.956
    assert 0.944 <= coverage(differences[:, 0]).mean() <= 0.956
    assert 0.940 <= coverage(differences, level=LEVEL / 5).all(1).mean() <= 0.975


def skewed(rng: np.random.Generator, shape: tuple[int, ...], skewness: float) -> np.ndarray:
    """Gamma values with mean 0, standard deviation 1 and this skewness."""
    k = 4 / skewness**2
    return np.sign(skewness) * (rng.gamma(k, size=shape) - k) / np.sqrt(k)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_bear_some_skew(n):
    """As accuracies near 100 % have it."""
    values = skewed(np.random.default_rng(n), (SAMPLES, n), -1)

    assert coverage(values).mean() >= 0.925


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("normal", 0.944, 0.956), ("skew -2", 0.870, 0.930), ("heavy", 0.950, 0.972),
     ("test noise", 0.943, 0.957)],
)  # fmt: skip
def test_intervals_of_other_shapes_are_as_known(name, least, most, n):
    """Where they are off, it is known by how much."""
    rng, shape = np.random.default_rng(n), (SAMPLES, n)
    values = {
        "normal": lambda: rng.normal(size=shape),
        "skew -2": lambda: skewed(rng, shape, -2),
        "heavy": lambda: rng.standard_t(3, size=shape),
        "test noise": lambda: rng.binomial(10_000, 0.9, size=shape) / 10_000 - 0.9,
    }[name]()

    assert least <= coverage(values).mean() <= most


@pytest.mark.slow
@pytest.mark.parametrize("m", [2, 5, 7])
def test_arms_that_are_the_same_are_seldom_called_different(m):
    """In at most 5.5 % of 5,000 sweeps is any of m comparisons a finding (standard error 0.3 %)."""
    program = [sys.executable, str(ALIKE), str(m), "5000"]
    environment = os.environ | {"PYTHONPATH": str(ALIKE.parents[1])}
    said = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)

    assert 0.035 <= float(said.stdout) <= 0.055


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m", "looks"), [(3, 1, 1), (5, 4, 1), (10, 4, 2)])
def test_the_detectable_difference_is_found_four_times_in_five(n, m, looks):
    """An effect of the printed size, at the spread it was printed for, is called better."""
    rng = np.random.default_rng(n)

    def compare(differences: np.ndarray):
        arms = {"arm": dict(enumerate(differences.tolist())), "base": dict.fromkeys(range(n), 0.0)}
        others = {f"other{i}": {} for i in range(m - 1)}  # count in the family all the same
        return family(
            arms | others, dict.fromkeys(["arm", *others], "base"),
            alpha=0.05, smallest_effect=0.0, direction="up", looks=looks,
        )["arm"]  # fmt: skip

    standard = rng.normal(size=n)
    standard = (standard - standard.mean()) / standard.std(ddof=1)
    effect = compare(standard).detectable
    found = [compare(effect + rng.normal(size=n)).verdict for _ in range(3000)]

    assert 0.77 <= np.mean([verdict == Verdict.BETTER for verdict in found]) <= 0.83


def correct(rng: np.random.Generator, n: int, images: int, apart: float) -> np.ndarray:
    """Which images two equally good arms have right, for each of `n` seeds.

    Images differ in how hard they are, and by `apart` in which of the arms finds them easier; the
    seeds differ a little. By symmetry neither arm is better on all images that there may be.
    """
    ease = 2 + 1.5 * rng.normal(size=images)
    taste = apart * rng.normal(size=images)
    luck = 0.1 * rng.normal(size=(2, n, 1))
    logits = ease + np.array([1, -1]).reshape(2, 1, 1) * taste + luck
    return rng.random(logits.shape) < 1 / (1 + np.exp(-logits))


def covered(n: int, apart: float, samples: int) -> tuple[float, float]:
    """How often the crossed interval and that of the seeds hold the difference on all images."""
    rng = np.random.default_rng(n)
    crossed, seeds = [], []
    for _ in range(samples):
        a, b = correct(rng, n, 400, apart)
        low, high = on_new_images(a, b)
        crossed.append(low <= 0 <= high)
        seeds.append(bool(coverage(a.mean(1) - b.mean(1))))
    return float(np.mean(crossed)), float(np.mean(seeds))


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("apart", [0.2, 1.0])
def test_the_crossed_interval_is_about_new_images(n, apart):
    """It holds the difference on all images; that of the seeds does not where arms differ much."""
    crossed, seeds = covered(n, apart, 3000)

    assert 0.93 <= crossed <= 0.96
    assert apart < 1 or seeds < 0.93
