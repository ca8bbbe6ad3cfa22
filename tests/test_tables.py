"""Tables say what was found, what was not, and no digit more than is known."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_answers import OUTPUTS, answer, golden, row, seeds

from vitpos import tables
from vitpos.errors import BadInput
from vitpos.statistics import Verdict
from vitpos.tables import columns, numbers
from vitpos.tables.cells import Sheet

BASE = row("base", seeds(0.80, 0.81, 0.82), rank=1)
OTHERS = seeds(0.81, 0.83, 0.82)


def cells(found, name):
    """The cells of one column."""
    (column,) = columns.filled(Sheet(found), [name], timings=True)[1:]
    return list(column.cells)


def rich(found, width=200, **options):
    """The table for a terminal, plain."""
    return tables.render(found, "rich", width=width, **({"colour": False} | options))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Verdict.BETTER, "better"),
        (Verdict.WORSE, "worse"),
        (Verdict.EQUIVALENT, "equivalent within ±0.5"),
        (Verdict.UNRESOLVED, "not resolved (MDE 2.00)"),
        (Verdict.IDENTICAL, "identical runs"),
        (Verdict.FEW, "n too small"),
    ],
)
def test_a_verdict_is_a_word_or_two(said, words):
    """With δ or the minimum detectable effect, in points."""
    assert cells(answer(BASE, row("arm", OTHERS, BASE, said)), "verdict") == ["baseline", words]


def test_what_is_not_compared_says_why():
    """Stopped arms, those without a result, and those whose baseline has none."""
    lost = row("base", {}, lost={"diverged": (0, 1), "failed": (2,)})
    found = answer(
        lost,
        row("stopped", OTHERS, lost, lost={"stopped": (3, 4)}, difference=None),
        row("empty", {}, lost, difference=None),
        row("alone", OTHERS, lost, difference=None),
    )

    assert cells(found, "verdict") == [
        "no result: failed, diverged",
        "stopped early, not compared",
        "no result",
        "not compared",
    ]
    assert cells(answer(BASE), "verdict") == ["not compared"]
    assert cells(found, "mean") == ["-", "82.00 [79.52, 84.48]", "-", "82.00 [79.52, 84.48]"]


@pytest.mark.parametrize("where", ["arm", "base"])
def test_a_verdict_is_conditional_on_not_diverging(where):
    """If runs of the arm or of its baseline diverged."""
    lost = {"lost": {"diverged": (3,)}}
    base = row("base", BASE.values, **(lost if where == "base" else {}))
    arm = row("arm", OTHERS, base, Verdict.WORSE, **(lost if where == "arm" else {}))

    assert cells(answer(base, arm), "verdict")[1] == "worse, if not diverging"


def test_one_and_two_seeds_have_no_interval():
    """A single run is a number, two are a mean; neither has a verdict."""
    one = row("one", seeds(0.8), rank=None)
    two = row("two", seeds(0.81, 0.82), one, Verdict.FEW)
    found = answer(one, two)

    assert cells(found, "mean") == ["80.00", "81.50"]
    assert cells(found, "verdict") == ["baseline", "n too small"]
    assert cells(found, "holm") == ["-", "-"]


@pytest.mark.parametrize(
    ("metric", "value", "error", "said"),
    [
        ("test/accuracy", 0.84314, 0.0016, "84.31"),
        ("test/accuracy", 0.84314, 0.00001, "84.31"),
        ("test/accuracy", 0.84314, 0.016, "84.3"),
        ("test/accuracy", 0.84314, 0.16, "84"),
        ("test/accuracy@48", 0.84314, None, "84.31"),
        ("test/accuracy", 1.0, 0.0, "100.00"),
        ("test/loss", 0.84314, 0.0016, "0.8431"),
        ("test/loss", 0.84314, None, "0.8431"),
        ("test/loss", 0.84314, 2.0, "0.8"),
        ("perf/images_per_second", 12345.6, 170.0, "12,350"),
        ("perf/images_per_second", 12345.6, None, "12,346"),
        ("test/loss", 0.0, None, "0"),
        ("test/loss", -0.00001, 0.01, "0.000"),
    ],
)
def test_digits_follow_the_standard_error(metric, value, error, said):
    """Two digits of it are supported, and of an accuracy no more than two decimals."""
    scale = numbers.scale(metric)

    assert numbers.scaled(scale, value, numbers.decimals(scale, value, error)) == said


@given(
    value=st.floats(-1e9, 1e9, allow_nan=False),
    error=st.none() | st.floats(0, 1e9),
    metric=st.sampled_from(["test/accuracy", "test/loss"]),
)
def test_rounding_is_within_the_standard_error(value, error, metric):
    """What is written is off by less than a tenth of the error, or by half a hundredth."""
    scale = numbers.scale(metric)
    said = numbers.scaled(scale, value, numbers.decimals(scale, value, error))
    off = abs(float(said.replace(",", "")) - scale.factor * value)
    known = 0.005 if scale.unit else max(5.1e-7, 0 if error else 5.1e-4 * abs(value))

    assert off <= max(known, scale.factor * (error or 0) / 10) * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize(("p", "said"), [(0.0, "<0.001"), (0.00099, "<0.001"), (0.0421, "0.042")])
def test_a_p_value_is_never_zero(p, said):
    """The smallest ones are below a bound."""
    assert numbers.chance(p) == said


def test_lower_losses_are_better():
    """A table of losses says so, in its own unit and without points."""
    base = row("base", seeds(0.51, 0.52, 0.53))
    arm = row("arm", seeds(0.41, 0.43, 0.42), base, Verdict.BETTER)
    found = answer(arm, base, metric="test/loss", direction="down", smallest_effect=0.01)
    said = rich(found)

    assert "lower test/loss is better" in said
    assert "0.4200 [0.3952, 0.4448]" in said
    assert "to resolve 0.01:" in said
    assert "points" not in said
    assert "%" not in said.splitlines()[0]


def test_conditions_are_blocks():
    """Each with its own baseline, ranks and power, in every format."""
    rows = []
    for condition in ("size 28", "size 48"):
        base = row("base", BASE.values, condition=condition, rank=1)
        rows += [base, row("arm", OTHERS, base, condition=condition, rank=1)]
    found = answer(*rows)
    said = rich(found)

    assert cells(found, "rank") == ["1="] * 4
    assert re.findall(r"^(size \d\d)$", said, re.MULTILINE) == ["size 28", "size 48"]
    assert re.findall(r"^(size \d\d): MDE", said, re.MULTILINE) == ["size 28", "size 48"]
    assert tables.render(found, "markdown").count("#### size") == 2
    assert tables.render(found, "html").count("<tbody>") == 2
    assert tables.render(found, "latex").count(r"\emph{size 28}") == 3
    assert [arm["condition"] for arm in json.loads(tables.render(found, "json"))["arms"]] == [
        *("size 28", "size 28", "size 48", "size 48")
    ]


def test_several_baselines_have_a_column():
    """Where arms of a condition are compared with different ones."""
    other = row("other", BASE.values)
    found = answer(BASE, other, row("a", OTHERS, BASE), row("b", OTHERS, other))

    assert "against" in rich(found)
    assert "against" not in rich(golden())


def test_nothing_is_bold_but_what_is_better():
    """Neither the highest mean nor a title."""
    better = golden()
    others = answer(BASE, *(row(f"arm {said}", OTHERS, BASE, said) for said in list(Verdict)[1:]))

    for kind, bold in (("markdown", "**"), ("html", "<strong"), ("latex", r"\textbf")):
        assert bold not in tables.render(others, kind)
        marked = [line for line in tables.render(better, kind).splitlines() if bold in line]
        assert len(marked) == 1
        assert "better" in marked[0]
    assert "\x1b[1m" not in rich(better, colour=True)


def test_what_is_lost_is_counted_below():
    """By reason, with seeds and the exact interval of the rate, also where no column says it."""
    said = rich(golden(), width=60)

    assert "left out at this width" in said
    assert "sincos2d 1 of 5 [0.505%, 71.6%] (seed 3)" in " ".join(said.split())


def test_seeds_are_listed_in_short():
    """Runs of them by their ends, unknown ones too; of many arms only some are named."""
    arms = [
        row(f"arm{index:03}", OTHERS, BASE, lost={"missing": (3, 4, 5, 9), "damaged": (-1,)})
        for index in range(50)
    ]
    said = rich(answer(BASE, *arms))

    assert "missing: arm000 4 of 8 (seeds 3-5, 9)" in said
    assert "damaged: arm000 1 of 8 (seed unknown)" in said
    assert "30 more arms (--format csv)" in said


def test_exploratory_is_said():
    """Without a plan, off a plan, and after more looks than declared."""
    assert "no frozen plan: exploratory" in rich(answer(BASE, plan=""))
    assert "plan 9f2c8d1a0b3e unchanged" in rich(answer(BASE))
    changed = rich(answer(BASE, deviations=("the metric is another",), looked=3, looks=2))

    assert "plan 9f2c8d1a0b3e changed: exploratory" in changed
    assert "not as planned: the metric is another" in changed
    assert "looks: 3 of 2; more looks than declared: exploratory" in changed


def test_looks_share_alpha():
    """Two looks at 5 % are two intervals of 97.5 %."""
    found = answer(BASE, row("arm", OTHERS, BASE), looks=2)

    assert "[97.5% simultaneous]" in rich(found)
    assert "found if < 0.025" in " ".join(rich(found).split())


def test_a_chosen_recipe_is_marked():
    """Arms with the same one share a mark, which is told below."""
    arms = [row(name, OTHERS, BASE, recipe="lr at the edge") for name in "ab"]
    said = rich(answer(BASE, *arms))

    assert re.search(r"^a \(1\) .*\nb \(1\) ", said, re.MULTILINE)
    assert "\n(1) lr at the edge\n" in said


@pytest.mark.parametrize("kind", tables.FORMATS)
def test_without_timings_only_results_count(kind):
    """Tables made at another time, elsewhere and slower are equal byte for byte."""
    slow = {"images_per_second": 7.0, "peak_memory_bytes": 77.0, "train_seconds": 777.0}
    one, rows = golden(), []
    for arm in one.rows:
        runs = tuple(replace(run, path=Path("/home/eve") / run.path.name) for run in arm.runs)
        rows.append(replace(arm, costs={**arm.costs, **slow}, runs=runs))
    another = replace(
        one,
        rows=tuple(rows),
        caption=(*one.caption[:-1], "2027-01-01"),
        notes=tuple(text.replace(str(OUTPUTS), "/home/eve") for text in one.notes),
    )

    assert tables.render(one, kind, timings=False) == tables.render(another, kind, timings=False)
    assert tables.render(one, kind) != tables.render(another, kind)


def test_columns_may_be_chosen():
    """In the order asked for, the arm first; also such as are else not shown."""
    said = tables.render(golden(), "markdown", only=["needed", "mde", "arm"])

    assert "| arm | seeds needed | MDE \\[95%\\] |" in said
    assert "| rope2d (1) | 14 | 0.46 \\[0.27, 1.32\\] |" in said


def test_names_the_nearest_column():
    """One that there is not is a usage error."""
    with pytest.raises(BadInput) as raised:
        tables.render(golden(), "rich", only=["verdit"])

    assert raised.value.hint == "did you mean verdict?"


def test_every_column_has_its_place_in_the_order():
    """All that are shown unasked either stay or have a place among those that leave."""
    shown = {column.name for column in columns.COLUMNS if not column.asked} | {"against"}

    assert shown == {*columns.KEPT, *columns.LEAVING}
    assert len(columns.LEAVING) == len(set(columns.LEAVING))


def test_many_arms_are_quick():
    """A hundred arms in any format; the limit is hundreds of times what it takes."""
    base = row("base", dict.fromkeys(range(5), 0.5) | OTHERS)
    arm = row("arm", base.values, base)
    arms = [replace(arm, label=f"arm {index}") for index in range(100)]
    found = answer(base, *arms)
    for kind in tables.FORMATS:
        begun = time.process_time()
        tables.render(found, kind, width=150)

        assert time.process_time() - begun < 20, kind
