"""What a bench makes of its timings, with a clock that is told how late it is."""

import math

import pytest
from small_benches import Clock, bench

from vitpos.bench import heats
from vitpos.bench.asked import Missing
from vitpos.bench.budget import Budget
from vitpos.bench.clocks import Times, choose, used_by_all
from vitpos.bench.heats import Contender, Heat
from vitpos.bench.rounds import (
    Pace,
    Turn,
    Work,
    alternate,
    costs,
    speeds,
    spread,
    steps_of_a_turn,
    turn,
)
from vitpos.machine import find_device

CPU = find_device("cpu")


def pace(rounds=3, seconds=0.0, left=lambda: math.inf, **more):
    """Of turns."""
    return Pace(rounds, seconds, left, **more)


def rounds(*pairs):
    """Rounds in which a step of `usual` and one of `ours` took so many seconds."""
    return [{"usual": Turn(1, Times(a, a)), "ours": Turn(1, Times(b, b / 2))} for a, b in pairs]


def heat(clock, **works):
    """A heat of works against `usual`."""
    contenders = {name: Contender(lambda work=work: work) for name, work in works.items()}
    return Heat(name="some", contenders=contenders, reference="usual", seconds=1.0,
                watch=clock.watch())  # fmt: skip


def test_ratios_are_taken_within_rounds():
    """A machine that is half as fast for a whole round moves no ratio."""
    found = rounds((2, 1), (4, 2), (3, 1))

    assert speeds(found, "ours", "usual", "wall") == {"median": 2, "min": 2, "max": 3, "n": 3}
    assert speeds(found, "ours", "usual", "cpu")["median"] == 4
    assert costs(found, "ours", "usual", "wall")["median"] == 0.5


def test_spread_is_of_one_contender():
    """It is the distance of its extremes, as a share of its median."""
    found = rounds((10, 1), (8, 1), (12, 9))

    assert spread(found, "usual", "wall") == pytest.approx(0.4)


def test_contenders_take_turns():
    """Each is prepared before its turn, and whoever was last is first in the next round."""
    said, clock = [], Clock()
    works = {n: clock.work(1.0, said=said, name=n) for n in "ab"}
    found = alternate(works, pace(), clock.watch())

    assert said == list("abbaab")
    assert [list(one) for one in found] == [["a", "b"]] * 3


def test_turns_take_as_long_as_they_should():
    """As many steps as fit, whatever the first one took; never fewer than asked for."""
    clock = Clock()

    assert steps_of_a_turn(clock.work(3.0, 0.1), pace(seconds=1.0), clock.watch()) == 10
    assert steps_of_a_turn(clock.work(60.0), pace(seconds=1.0, least=2), clock.watch()) == 2


def test_very_long_first_step_is_enough():
    """A step of a minute is not made once more to know how long it takes."""
    clock = Clock()
    steps_of_a_turn(clock.work(60.0), pace(seconds=1.0), clock.watch())

    assert clock.now == 60


def test_first_step_of_a_turn_does_not_count():
    """It warms up; a turn of a single step is that step alone."""
    clock = Clock()

    assert turn(clock.work(9.0, 1.0), 3, clock.watch()).seconds("wall") == 1
    assert turn(clock.work(9.0, 1.0), 1, clock.watch()).seconds("wall") == 9


def test_a_step_may_count_for_several():
    """Eight runs at once take an eighth of the time each."""
    clock = Clock()

    assert turn(clock.work(8.0, each=8), 1, clock.watch()).seconds("wall") == 1


@pytest.mark.parametrize(("seconds", "made"), [(1000, 5), (38, 3), (25, 3), (5, 1)])
def test_rounds_end_in_time(seconds, made):
    """No round is begun that would not end in time, once there are three, or that is too late."""
    clock = Clock()
    works = {n: clock.work(5.0) for n in "ab"}
    found = alternate(works, pace(5, left=lambda: seconds - clock.now), clock.watch())

    assert len(found) == made


def test_what_a_part_does_not_need_others_get():
    """Shares are in proportion to the weights of the parts that are still to come."""
    clock = Clock()
    budget = Budget(100.0, {"a": 1, "b": 1, "c": 3}, clock)
    first = budget.begin("a")

    assert first() == 20

    clock.now = 4
    second = budget.begin("b")

    assert second() == 24
    assert budget.begin("c")() == 96


def test_without_a_budget_there_is_no_end():
    """A single part takes what it needs."""
    assert Budget(None, {"a": 1}, Clock()).begin("a")() == math.inf


@pytest.mark.parametrize(("late", "force", "state"), [
    (1.2, False, "measured"), (1.4, False, "refused"), (1.4, True, "measured"),
])  # fmt: skip
def test_restless_reference_is_no_reference(late, force, state):
    """Beyond 30 % there are no times and no ratios, and table and rows say why."""
    clock = Clock()
    usual = clock.work(*[1.0] * 5, late)
    found = heats.measure(
        heat(clock, usual=usual, ours=clock.work(0.5)), bench(force=force, rounds=4)
    )
    rows = {row["name"]: row for row in found["rows"]}

    assert found["state"] == state
    assert ("ratio" in rows["ours"]) == (state == "measured")
    assert ("seconds" in rows["usual"]) == (state == "measured")
    assert found["reference_spread"] == pytest.approx(late - 1)
    assert ("varied by 40%" in found["why"]) == (state == "refused")


def test_others_go_on_without_the_one_that_breaks():
    """A row says what went wrong while it was made, while it ran, or that it is not installed."""
    clock = Clock()

    def missing():
        raise Missing("not installed: liger-kernel")

    def broken():
        raise RuntimeError("no kernel image\nfor this device")

    def late(count):
        raise RuntimeError("an illegal step")

    contenders = {"usual": Contender(lambda: clock.work(1.0)), "missing": Contender(missing)}
    contenders |= {"broken": Contender(broken), "slow": Contender(broken, needs=60)}
    contenders["late"] = Contender(lambda: Work(late))
    asked = Heat(name="some", contenders=contenders, reference="usual", watch=clock.watch())
    found = heats.measure(asked, bench(left=lambda: 30.0))

    assert [(row["state"], row["why"]) for row in found["rows"]] == [
        ("measured", ""),
        ("missing", "not installed: liger-kernel"),
        ("failed", "RuntimeError: no kernel image"),
        ("no time", "no time left: it takes about 60 s (--budget)"),
        ("failed", "RuntimeError: an illegal step"),
    ]


def test_without_a_reference_nothing_is_compared():
    """The table says so."""

    def missing():
        raise Missing("not installed: timm")

    clock = Clock()
    contenders = {"usual": Contender(missing), "ours": Contender(lambda: clock.work(1.0))}
    asked = Heat(name="some", contenders=contenders, reference="usual", watch=clock.watch())
    found = heats.measure(asked, bench())

    assert found["state"] == "missing"
    assert found["why"] == "there is no usual to compare with"


def test_shares_of_ceilings_are_taken_in_the_same_turn():
    """Three times the operations of a forward pass, by what the device did right after."""
    clock = Clock()
    tops = iter([{"bf16": {"wall": 60.0, "cpu": 6.0}, "copy": {"wall": 50.0}}] * 9)
    work = clock.work(2.0, images=4, facts={"flops_per_image": 5, "bytes_of_step": 10})
    asked = heat(clock, usual=work)
    asked.ceilings = lambda: next(tops)
    [row] = heats.measure(asked, bench())["rows"]

    assert row["of_bf16_ceiling"]["median"] == pytest.approx(3 * 5 * 4 / 2 / 60)
    assert row["of_copy_ceiling"]["median"] == pytest.approx(10 / 2 / 50)
    assert row["images_per_second"]["median"] == 2


@pytest.mark.parametrize(("asked", "others", "clock"), [
    ("auto", 0.0, "wall"), ("auto", 1.0, "cpu"), ("auto", None, "wall"), ("wall", 1.0, "wall"),
    ("device", 1.0, "wall"),
])  # fmt: skip
def test_cpu_time_counts_where_others_compute(asked, others, clock):
    """Unless another clock is asked for."""
    assert choose(asked, CPU, others) == clock


def test_reads_what_all_processes_use(tmp_path):
    """All but idle and waiting counts, in hundredths of a second; guests are in it already."""
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 10 40 5000 300 20 30 200 77 0\ncpu0 1 1 1 1\n")

    assert used_by_all(stat) == pytest.approx(4.0)
    assert used_by_all(tmp_path / "none") is None


def test_a_share_of_no_limit_is_none():
    """Where time is not counted, a table may take what it needs."""
    assert heats.within(lambda: math.inf, 0.5)() == math.inf
    assert heats.within(lambda: 10.0, 0.3)() == pytest.approx(3)


def test_batches_made_ahead_do_not_count():
    """What workers had ready when a turn began is used up before it is timed."""
    clock = Clock()
    work = clock.work(*[0.0] * 17, 1.0, warm=17)

    assert turn(work, 3, clock.watch()).seconds("wall") == 1
