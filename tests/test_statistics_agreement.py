"""The same numbers as SciPy and statsmodels."""

import gc
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from vitpos.statistics import exact_share, family, holm, mean_interval, wilson
from vitpos.statistics.intervals import bounds, mean_bounds
from vitpos.statistics.pairs import p_value, sign_flip
from vitpos.statistics.power import POWER, detectable, needed

CLOSE = {"rtol": 1e-10, "atol": 1e-12}
KINDS = ("plain", "ties", "offset", "small")


@pytest.fixture(autouse=True)
def _frozen_garbage() -> Iterator[None]:
    """Statsmodels collects garbage in each correction, which takes long among many objects."""
    gc.freeze()
    yield
    gc.unfreeze()


def pairs(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Two arms of `n` seeds."""
    values = rng.normal(size=(2, n)) + rng.normal() * np.array([[1], [0]])
    return {
        "plain": values,
        "ties": np.round(values),
        "offset": values + 1e6,
        "small": values * 1e-9,
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_paired_t_is_that_of_scipy(kind):
    """Difference, p and interval, from two pairs on; without spread, too."""
    rng = np.random.default_rng(0)
    for n in rng.integers(2, 20, 250).tolist():
        a, b = pairs(kind, n, rng)
        d = a - b
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of differences that are all the same
            said = stats.ttest_rel(a, b)
            low, high = said.confidence_interval(0.99)
        mean, sd = d.mean(), np.asarray(d.std(ddof=1))

        np.testing.assert_allclose(p_value(mean, sd, n), said.pvalue, **CLOSE)
        np.testing.assert_allclose(bounds(mean, sd, n, 0.01), (low, high), **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_that_of_the_libraries(kind):
    """Everything that a family says of each of its comparisons; None where they say NaN."""
    rng = np.random.default_rng(1)
    for n in rng.integers(3, 16, 40).tolist():
        arms = {name: dict(enumerate(pairs(kind, n, rng)[0].tolist())) for name in "abcd"}
        found = family(
            arms, dict.fromkeys("abc", "d"), alpha=0.05, smallest_effect=0.5, direction="up"
        )
        base = np.array([*arms["d"].values()])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arms that are constant, and of p that are NaN
            tests = {name: stats.ttest_rel([*arms[name].values()], base) for name in "abc"}
            raw = np.nan_to_num([test.pvalue for test in tests.values()], nan=1.0)
            corrected = dict(zip(tests, multipletests(raw, method="holm")[1], strict=True))
            r = {name: stats.pearsonr([*arms[name].values()], base) for name in "abc"}

        for name, said in found.items():
            test, around = tests[name], r[name].confidence_interval(0.95)

            assert_same(said.p, test.pvalue)
            assert_same(said.holm, np.nan if np.isnan(test.pvalue) else corrected[name])
            assert_same(said.interval, test.confidence_interval(0.95))
            assert_same(said.simultaneous, test.confidence_interval(1 - 0.05 / 3))
            assert_same(said.correlation, r[name].statistic)
            assert_same(said.correlation_interval or np.nan, around if n > 3 else (-1, 1))


def assert_same(ours, theirs):
    """To ten digits."""
    np.testing.assert_allclose(np.nan if ours is None else ours, theirs, **CLOSE)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_interval_of_a_mean_is_that_of_the_libraries(offset):
    """One by one and many at once."""
    rng = np.random.default_rng(2)
    for n in (3, 5, 17):
        many = offset + rng.normal(size=(50, n))
        for values, low, high in zip(many, *mean_bounds(many, 1 - 0.9), strict=True):
            said = mean_interval(values.tolist(), 0.9)

            assert said == (low, high)
            np.testing.assert_allclose(said, DescrStatsW(values).tconfint_mean(0.1), **CLOSE)
            np.testing.assert_allclose(
                said, stats.t.interval(0.9, n - 1, values.mean(), stats.sem(values)), **CLOSE
            )


def test_holm_is_that_of_statsmodels():
    """With ties, ones and zeros."""
    rng = np.random.default_rng(3)
    for size in rng.integers(1, 12, 1000).tolist():
        raw = np.round(rng.random(size) ** 3, int(rng.integers(1, 6)))

        np.testing.assert_allclose(
            holm(raw.tolist()), multipletests(raw, method="holm")[1], **CLOSE
        )


def test_shares_are_those_of_scipy():
    """All of them up to twelve, and some large ones."""
    for n in [*range(1, 13), 1000, 100_000]:
        for k in {0, 1, n // 3, n // 2, n - 1, n}:
            said = stats.binomtest(k, n)

            np.testing.assert_allclose(
                exact_share(k, n), said.proportion_ci(0.95, "exact"), **CLOSE
            )
            np.testing.assert_allclose(wilson(k, n), said.proportion_ci(0.95, "wilson"), **CLOSE)


@pytest.mark.parametrize("n", [3, 4, 5, 10, 20, 100, 3000])
@pytest.mark.parametrize("level", [0.1, 0.05, 0.05 / 4, 0.05 / 21, 1e-5])
def test_the_detectable_difference_has_its_power_in_statsmodels(n, level):
    """0.8, at the level of one comparison."""
    found = detectable(0.3, n, level) / 0.3
    said = TTestPower().power(found, n, level)
    near = TTestPower().power(found, n, level / 2, alternative="larger")

    assert (near if np.isnan(said) else said) == pytest.approx(POWER, abs=1e-10)


@pytest.mark.parametrize(("sd", "level", "seeds"), [
    (0.15, 0.05, 7), (0.15, 0.0125, 9), (0.2, 0.05, 10), (0.2, 0.0125, 14), (0.3, 0.05, 18),
    (0.3, 0.0125, 26), (0.4, 0.05, 30), (0.4, 0.0125, 43), (0.5, 0.05, 46), (0.5, 0.0125, 66),
])  # fmt: skip
def test_seeds_needed_are_those_of_statsmodels(sd, level, seeds):
    """For 0.3 points with independent arms of this spread; known from its solver."""
    spread = sd * 2**0.5

    assert needed(spread, 0.3, level) == seeds
    assert TTestPower().power(0.3 / spread, seeds, level) >= POWER
    assert TTestPower().power(0.3 / spread, seeds - 1, level) < POWER


@pytest.mark.parametrize("level", [0.05, 0.5, 0.001])
def test_seeds_needed_are_the_fewest(level):
    """Over four orders of magnitude of the effect: one fewer does not find it."""
    for effect in np.geomspace(0.02, 100, 40):
        n = needed(1.0, effect, level)

        assert detectable(1.0, n, level) <= effect * (1 + 1e-12)
        assert n == 3 or detectable(1.0, n - 1, level) > effect * (1 - 1e-12)


@pytest.mark.parametrize("n", [6, 7, 9, 10])
def test_sign_flips_are_those_of_scipy(n):
    """With ties and zeros among the sums."""
    rng = np.random.default_rng(n)
    for digits in (0, 1, 1, 9):
        d = np.round(rng.normal(0.5, 1, n), digits)
        said = stats.permutation_test(
            (d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )

        assert sign_flip(d) == pytest.approx(said.pvalue, rel=1e-12)
