"""How long the rest of a sweep takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_plans import STEPS, failed, finished, going, made, planned

from vitpos import build, config, metrics
from vitpos.sweeps import forecast
from vitpos.sweeps.forecast import Experience, seconds_left
from vitpos.sweeps.states import State
from vitpos.terminal.tally import Tally

TIMES = st.floats(0, 1e6)
LISTS = st.lists(TIMES, max_size=20)
SLOTS = st.integers(1, 8)


@given(LISTS, LISTS, SLOTS)
def test_it_is_between_what_must_be_and_all_after_one_another(running, waiting, slots):
    """Never less than the longest piece or the fair share, never more than everything in a row."""
    running = running[:slots]
    left = seconds_left(running, waiting, slots)
    total = sum(running) + sum(waiting)

    assert left >= max([*running, *waiting, 0.0])
    assert left >= total / slots * (1 - 1e-9)
    assert left <= total * (1 + 1e-9)


@given(LISTS, LISTS, SLOTS, st.integers(0, 19), TIMES)
def test_more_to_do_never_takes_less_time(running, waiting, slots, at, more):
    """Neither a longer member nor one more; and another slot never makes it longer."""
    running = running[:slots]
    left = seconds_left(running, waiting, slots)
    longer = [t + more if n == at else t for n, t in enumerate(waiting)]

    assert seconds_left(running, longer, slots) >= left
    assert seconds_left(running, [*waiting, more], slots) >= left
    assert seconds_left(running, waiting, slots + 1) <= left


@given(st.integers(0, 50), SLOTS, st.floats(0.001, 1e4))
def test_equal_members_fill_their_slots(count, slots, seconds):
    """As many rounds as it takes."""
    rounds = -(-count // slots)

    assert seconds_left([], [seconds] * count, slots) == pytest.approx(rounds * seconds)


def test_nonsense_is_no_time():
    """What is overdue is over any moment."""
    assert seconds_left([-5.0], [-3.0], 1) == 0
    assert seconds_left([], [], 0) == 0


def test_an_arm_is_guessed_from_its_own_runs_first():
    """Else from the others, by the work that it is; where there is no measure, nothing is said."""
    work = {"a": 1.0, "b": 2.0, "c": 4.0}
    found = Experience({"a": [9.0, 10.0, 99.0], "b": []}, work).guesses()

    assert found == {"a": 10, "b": 20, "c": 40}
    assert Experience({}, work).guesses() == {}
    assert Experience({"a": [10.0]}, {}).guesses() == {"a": 10}


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("dataset=cifar10", "patch.size=4", "backbone.depth=2"),
        ("backbone.pool=cls", "backbone.registers=3", "backbone.mlp_ratio=2.5"),
    ],
)
def test_work_is_counted_as_it_is_measured(words):
    """The same operations as PyTorch's counter finds in a network without position."""
    run = config.compose(["embedding=none", *words])
    network = build.network(run, run.dataset.classes)
    found = metrics.cost(network, run.dataset.channels, run.dataset.size)

    assert forecast.flops(run) == found["flops_per_image"]
    assert forecast.work(run, 10) == forecast.flops(run) * 10 * run.training.epochs


def tally(states: list[State], slots: int = 1) -> Tally:
    """Of two arms and three seeds, of which nothing was begun but these."""
    found = Tally(made(), planned(made()), slots)
    for number, state in enumerate(states):
        found.change(number, going(0))
        found.change(number, state)
    return found


def test_nothing_is_said_before_anything_is_known():
    """Not even when members run, if they have made no step."""
    assert tally([]).left() is None
    assert tally([going(0)]).left() is None


def test_members_that_are_over_tell_of_the_others():
    """Six equal members: one took ten seconds, five are left, in one slot or in two."""
    assert tally([finished(0.5)]).left() == pytest.approx(50)
    assert tally([finished(0.5)], slots=2).left() == pytest.approx(30)
    assert tally([finished(0.5)] * 6).left() == 0


def test_a_member_that_runs_counts_for_what_is_left_of_it():
    """By what its arm took, else by its own speed."""
    half = going(STEPS // 2, seconds=5.0, rate=1280.0)

    assert tally([finished(0.5, 10.0), finished(0.5, 10.0), half]).left() == pytest.approx(5 + 30)
    assert tally([half]).left() == pytest.approx(5 + 5 * 10)


def test_a_member_that_went_on_did_not_take_less():
    """Half of it was done before: the whole takes twice what this sweep saw."""
    found = Tally(made(), planned(made()), 1)
    found.change(0, going(STEPS // 2))
    found.change(0, finished(0.5, 10.0))

    assert found.left() == pytest.approx(5 * 20)


def test_what_is_lost_is_not_waited_for():
    """Unless it is tried again, and then only until that has begun."""
    lost = [failed(), *planned(made())[1:]]
    found, again = Tally(made(), lost, 1), Tally(made(), lost, 1, retry=True)
    for one in (found, again):
        one.change(1, going(0))
        one.change(1, finished(0.5))

    assert found.left() == pytest.approx(40)
    assert again.left() == pytest.approx(50)

    again.change(0, going(0))
    again.change(0, failed())

    assert again.left() == pytest.approx(40)


def test_runs_that_were_there_before_teach_nothing():
    """They cost this sweep no time."""
    states = [finished(0.5, 0.0), *planned(made())[1:]]

    assert Tally(made(), states, 1).left() is None
