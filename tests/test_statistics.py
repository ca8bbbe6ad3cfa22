"""Verdicts, and what is said where little can be said."""

import math

import numpy as np
import pytest

from vitpos.statistics import (
    MOST_SEEDS,
    Difference,
    Interval,
    Verdict,
    exact_share,
    family,
    holm,
    mean_interval,
    wilson,
)
from vitpos.statistics.power import power

RULES = {"alpha": 0.05, "smallest_effect": 0.5, "direction": "up"}
BASELINE = [80.0, 80.25, 79.75, 80.5, 80.0]


def compare(arm: list[float], baseline: list[float] = BASELINE, **rules: object) -> Difference:
    """A family of one."""
    arms = {"arm": dict(enumerate(arm)), "baseline": dict(enumerate(baseline))}
    return family(arms, {"arm": "baseline"}, **(RULES | rules))["arm"]


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([2.0, 2.25, 1.75, 2.0, 2.125], Verdict.BETTER),
        ([-2.0, -2.25, -1.75, -2.0, -2.125], Verdict.WORSE),
        ([0.125, -0.125, 0.0625, 0.0, -0.0625], Verdict.EQUIVALENT),
        ([2.0, -2.0, 1.0, 0.5, -1.0], Verdict.UNRESOLVED),
        ([0.0, 0.0, 0.0, 0.0, 0.0], Verdict.IDENTICAL),
        ([2.0, 2.25], Verdict.FEW),
        ([0.0, 0.0], Verdict.FEW),
        ([], Verdict.FEW),
    ],
)
def test_says_one_of_six_things(differences, verdict):
    """By the differences to the baseline, seed by seed."""
    arm = [base + d for base, d in zip(BASELINE, differences, strict=False)]

    assert compare(arm).verdict == verdict


def test_better_is_lower_where_the_metric_says_so():
    """The difference keeps its sign; wins and verdict turn."""
    up, down = (compare([1.0, 1.5, 1.25, 1.0, 1.0], direction=way) for way in ("up", "down"))

    assert up.mean == down.mean < 0
    assert (up.verdict, down.verdict) == (Verdict.WORSE, Verdict.BETTER)
    assert (up.wins, down.wins) == (0, 5)


def test_an_effect_of_no_interest_is_never_equivalent():
    """Without a smallest effect of interest nothing is small, and no seeds are needed for it."""
    found = compare([80.0, 80.25, 79.75, 80.5, 80.0625], smallest_effect=0.0)

    assert found.verdict == Verdict.UNRESOLVED
    assert found.needed is None


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_pairs_say_nothing(n):
    """A mean and wins, but no interval, test or power."""
    found = compare([81.0, 80.0, 80.0][:n])

    assert (found.mean is None) == (n == 0)
    assert found.interval is found.simultaneous is found.p is found.holm is None
    assert found.detectable is found.needed is found.correlation is found.effect is None
    assert mean_interval([81.0, 80.0, 80.0][:n]) is None


def test_identical_runs_have_no_p():
    """All differences are zero: the interval is a point, the test undefined."""
    found = compare(BASELINE)

    assert found.p is found.holm is found.effect is found.detectable is None
    assert found.interval == found.simultaneous == (0, 0)
    assert found.wins == 2.5


def test_rounding_is_no_spread():
    """One tenth more at every seed: the same difference, though its floats are not."""
    found = compare([0.3, 0.4, 0.8], [0.2, 0.3, 0.7])

    assert len({0.3 - 0.2, 0.4 - 0.3, 0.8 - 0.7}) == 3
    assert (found.sd, found.p, found.detectable, found.needed) == (0, 0, None, None)
    assert found.interval.low == found.interval.high == pytest.approx(0.1)
    assert found.verdict == Verdict.BETTER


def test_rounding_is_no_difference():
    """The same runs, summed in another order."""
    found = compare([0.1 + 0.2, 0.7, 0.5], [0.3, 0.7, 0.5])

    assert found.verdict == Verdict.IDENTICAL


def test_a_perfect_accuracy_is_a_number_like_others():
    """An arm without spread has no correlation with another."""
    found = compare([1.0, 1.0, 1.0, 1.0], [0.9375, 0.875, 0.9375, 0.96875])

    assert found.correlation is found.correlation_interval is None
    assert found.interval.low > 0


def test_an_arm_without_runs_counts_in_the_family():
    """Losing an arm makes no other finding easier."""
    arms = {"a": {0: 1.0, 1: 2.0, 2: 3.5}, "lost": {}, "b": {0: 0.0, 1: 0.5, 2: 1.0}}
    alone = family(arms, {"a": "b"}, **RULES)["a"]
    both = family(arms, {"a": "b", "lost": "b"}, **RULES)

    assert both["lost"].verdict == Verdict.FEW
    assert both["a"].p == alone.p
    assert both["a"].holm == 2 * alone.p
    assert both["a"].simultaneous.low < alone.simultaneous.low


def test_looks_share_alpha():
    """Three declared looks at 0.05 are as strict as one at a third of it."""
    arm = [81.0, 82.25, 79.75, 81.5, 82.0]

    assert compare(arm, looks=3) == compare(arm, alpha=0.05 / 3)


def test_power_is_that_of_the_verdict():
    """The detectable difference is reckoned at the level that one comparison has."""
    arm = {0: 1.0, 1: 2.0, 2: 3.5, 3: 2.5}
    arms = {"a": arm, "lost": {}, "b": dict.fromkeys(arm, 0.0)}
    found = family(arms, {"a": "b", "lost": "b"}, looks=3, **RULES)["a"]
    shift = found.detectable / found.sd * 2

    assert power(shift, 4, 0.05 / 3 / 2) == pytest.approx(0.8, abs=1e-12)
    assert found.detectable_range.low < found.detectable < found.detectable_range.high


def test_no_comparisons_are_no_family():
    """A table of baselines only."""
    assert family({"a": {0: 1.0}}, {}, **RULES) == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_refuses_what_is_no_number(bad):
    """It would poison everything silently."""
    with pytest.raises(ValueError, match="finite"):
        compare([81.0, bad, 80.0])
    with pytest.raises(ValueError, match="finite"):
        compare([81.0, 82.0, 80.0, 81.0, 80.0, bad])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, bad, 2.0])


@pytest.mark.parametrize(
    ("against", "rules"),
    [
        ({"c": "b"}, {}),
        ({"a": "c"}, {}),
        ({"a": "a"}, {}),
        ({"a": "b"}, {"alpha": 0.0}),
        ({"a": "b"}, {"alpha": 1.0}),
        ({"a": "b"}, {"looks": 0}),
        ({"a": "b"}, {"smallest_effect": -1.0}),
        ({"a": "b"}, {"smallest_effect": math.nan}),
        ({"a": "b"}, {"direction": "left"}),
    ],
)
def test_refuses_rules_that_cannot_be(against, rules):
    """Rather than compute with them."""
    with pytest.raises(ValueError, match=r"no|own|up or down"):
        family({"a": {0: 1.0}, "b": {0: 1.0}}, against, **(RULES | rules))


def test_counts_seeds_up_to_a_limit():
    """An effect of next to nothing needs next to endlessly many."""
    needs = [
        compare([81.0, 82.0, 79.0, 80.0, 80.0], smallest_effect=effect).needed
        for effect in (1e9, 1.0, 0.1, 0.01, 1e-9, 1e-300)
    ]

    assert needs[0] == 3
    assert needs == sorted(needs)
    assert needs[3] < needs[4] == needs[5] == MOST_SEEDS


def test_takes_a_hundred_thousand_seeds():
    """The interval is then that of the normal distribution."""
    values = np.random.default_rng(0).normal(size=(2, 100_000))
    found = compare(values[0].tolist(), values[1].tolist(), smallest_effect=0.02)

    assert found.interval.high - found.mean == pytest.approx(1.96 * found.sd / 316.23, rel=1e-4)
    assert found.detectable == pytest.approx(2.8016 * found.sd / 316.23, rel=1e-4)
    assert found.sign_flip is None


def test_sign_flips_are_tried_from_six_pairs_to_thirty():
    """Five pairs cannot reach 0.05; six that all win do."""
    p = {n: compare([1.0 + i for i in range(n)], [0.0] * n).sign_flip for n in (5, 6, 30, 31)}

    assert p == {5: None, 6: 2 / 2**6, 30: 2 / 2**30, 31: None}


def test_a_tie_is_half_a_win():
    """And the exact interval of a share with a half covers both ways to see it."""
    found = compare([1.0, 1.0, 0.0], [0.0, 0.0, 0.0])

    assert found.wins == 2.5
    assert found.share == (exact_share(2, 3).low, exact_share(3, 3).high)


def test_shares_end_at_nothing_and_all():
    """What never happened may be impossible, what always did may be certain."""
    assert exact_share(0, 5) == pytest.approx((0, 0.5218), abs=1e-4)
    assert exact_share(5, 5) == pytest.approx((0.4782, 1), abs=1e-4)
    assert exact_share(0, 0) == (0, 1)
    assert wilson(5, 5) == pytest.approx((0.5655, 1), abs=1e-4)
    with pytest.raises(ValueError, match="no share"):
        exact_share(3, 2)
    with pytest.raises(ValueError, match="no share"):
        wilson(0, 0)


def test_three_pairs_say_nothing_of_their_correlation():
    """Its interval is everything."""
    found = compare([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])

    assert found.correlation > 0.9
    assert found.correlation_interval == Interval(-1, 1)


def test_what_has_no_p_keeps_its_place_in_the_family():
    """It counts as 1."""
    assert holm([0.01, None, 0.04]) == [0.03, None, 0.08]
    assert holm([]) == []


def test_asks_for_the_images_of_the_pairs_alone():
    """And gives no interval for new images unless all of them are there."""
    arms = {"arm": {0: 0.5, 1: 0.75, 2: 0.5, 7: 1.0}, "baseline": {0: 0.25, 1: 0.5, 2: 0.5, 8: 1.0}}
    rng, asked = np.random.default_rng(0), []

    def images(arm, seed):
        asked.append((arm, seed))
        return rng.random(50) < 0.9

    def some(arm, seed):
        return None if (arm, seed) == ("baseline", 1) else images(arm, seed)

    found = family(arms, {"arm": "baseline"}, images=images, **RULES)["arm"]

    assert sorted(asked) == sorted((name, s) for name in arms for s in range(3))
    assert isinstance(found.new_images, Interval)
    assert family(arms, {"arm": "baseline"}, images=some, **RULES)["arm"].new_images is None
