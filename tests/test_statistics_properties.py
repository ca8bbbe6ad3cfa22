"""What must hold of every family, whatever its numbers."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vitpos.statistics import Interval, Verdict, family, holm

# In sixteenths, so that sums and differences are exact and a property holds to the last bit.
VALUES = st.integers(-800, 800).map(lambda number: number / 16)
ARMS = st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=9).map(
    lambda runs: {n: {s: run[i] for s, run in enumerate(runs)} for i, n in enumerate("abc")}
)
AGAINST = {"a": "c", "b": "c"}
often = settings(max_examples=40, deadline=None)
TURNED = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}

IN_UNIT = ("mean", "sd", "interval", "simultaneous", "detectable", "detectable_range")


def compare(arms, *, against=AGAINST, smallest_effect=0.5, direction="up"):
    """With the rules of these tests."""
    return family(arms, against, alpha=0.05, smallest_effect=smallest_effect, direction=direction)


def changed(arms, change):
    """Every value changed."""
    return {name: {s: change(v) for s, v in arm.items()} for name, arm in arms.items()}


def times(value, scale):
    """A number or an interval in another unit."""
    if isinstance(value, Interval):
        return Interval(value.low * scale, value.high * scale)
    return None if value is None else value * scale


@often
@given(ARMS, st.integers(-1000, 1000))
def test_a_shift_of_every_run_moves_no_difference(arms, by):
    """Only differences count; the correlation rounds."""
    shifted = compare(changed(arms, lambda v: v + by))

    for name, found in compare(arms).items():
        r, bounds = shifted[name].correlation, shifted[name].correlation_interval

        assert replace(shifted[name], correlation=None, correlation_interval=None) == replace(
            found, correlation=None, correlation_interval=None
        )
        assert (r, bounds) == (found.correlation, found.correlation_interval) or (
            r == pytest.approx(found.correlation, abs=1e-9)
            and bounds == pytest.approx(found.correlation_interval, abs=1e-9)
        )


@often
@given(ARMS, st.integers(-1000, 1000))
def test_a_shift_of_one_arm_shifts_its_interval(arms, by):
    """By as much, without a change of width or power."""
    before = compare(arms)["a"]
    after = compare(arms | {"a": {s: v + by for s, v in arms["a"].items()}})["a"]
    assume(before.detectable is not None)

    assert after.interval == pytest.approx([end + by for end in before.interval], abs=1e-9)
    assert after.detectable == pytest.approx(before.detectable, rel=1e-9)
    assert after.needed == before.needed


@often
@given(ARMS, st.integers(-20, 20))
def test_the_unit_of_the_metric_does_not_matter(arms, exponent):
    """Percent or shares: intervals scale, all else stays."""
    scale = 2.0**exponent
    small = compare(arms)
    large = compare(changed(arms, lambda v: v * scale), smallest_effect=0.5 * scale)

    for name, found in small.items():
        in_unit = {field: times(getattr(found, field), scale) for field in IN_UNIT}

        assert large[name] == replace(found, **in_unit)


@often
@given(ARMS, st.randoms())
def test_the_order_of_runs_does_not_matter(arms, random):
    """Seeds are keys."""
    shuffled = {n: dict(random.sample([*a.items()], len(a))) for n, a in arms.items()}

    assert compare(shuffled) == compare(arms)


@often
@given(ARMS)
def test_swapping_arm_and_baseline_negates(arms):
    """Better becomes worse, by as much."""
    one = compare(arms, against={"a": "c"})["a"]
    other = compare(arms, against={"c": "a"})["c"]

    assert other.mean == (None if one.mean is None else -one.mean)
    assert other.interval == (one.interval and (-one.interval.high, -one.interval.low))
    assert other.verdict == TURNED.get(one.verdict, one.verdict)
    assert (other.p, other.detectable, other.sign_flip) == (one.p, one.detectable, one.sign_flip)
    assert other.wins == len(one.seeds) - one.wins


@often
@given(ARMS)
def test_lower_is_better_as_the_negative_is_higher(arms):
    """A direction is a sign."""
    down = compare(arms, direction="down")
    up = compare(changed(arms, lambda v: -v))

    assert [d.verdict for d in down.values()] == [u.verdict for u in up.values()]
    assert [(d.wins, d.share, d.p) for d in down.values()] == [
        (u.wins, u.share, u.p) for u in up.values()
    ]


@often
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_holm_corrects_upwards_and_keeps_the_order(raw):
    """Never below the raw p, never above 1, never past another."""
    pairs = sorted((p, q) for p, q in zip(raw, holm(raw), strict=True) if p is not None)

    assert [p is None for p in raw] == [q is None for q in holm(raw)]
    assert all(p <= q <= 1 for p, q in pairs)
    assert [q for _, q in pairs] == sorted(q for _, q in pairs)


@often
@given(ARMS, VALUES, st.sampled_from("abc"))
def test_a_run_without_partner_changes_nothing(arms, value, name):
    """Whichever arm has it."""
    assert compare(arms | {name: {99: value} | arms[name]}) == compare(arms)


@often
@given(ARMS, st.integers(0, 8))
def test_a_lost_run_takes_its_own_pair_and_no_other(arms, seed):
    """The pairs of an arm that lacks seed k are those of a family without seed k."""
    assume(seed in arms["a"])
    without = {n: {s: v for s, v in arm.items() if s != seed} for n, arm in arms.items()}
    found = compare(arms | {"a": without["a"]})
    expected = compare(without)["a"]

    assert found["a"].seeds == tuple(s for s in arms["c"] if s != seed)
    assert replace(found["a"], holm=None, verdict=expected.verdict) == replace(expected, holm=None)
    assert replace(found["b"], holm=None) == replace(compare(arms)["b"], holm=None)
