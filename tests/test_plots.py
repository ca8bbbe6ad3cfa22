"""Pictures show the numbers of the answer, nothing else, and are the same files each time."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib as mpl
import pytest
from drawn_answers import answer, row, run, small
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from run_folders import composed

from vitpos import config
from vitpos.durable import Lines
from vitpos.errors import BadInput
from vitpos.plots import draw as drawing
from vitpos.plots import style
from vitpos.plots.draw import KINDS, draw
from vitpos.plots.request import Wanted
from vitpos.plots.scene import Scene
from vitpos.probes import results
from vitpos.statistics import mean_interval

SEEDS = [0.7, 0.75, 0.72]
OTHERS = [0.8, 0.85, 0.81]
NAMES = ["$x_1$", "</svg><script>alert(1)</script>", "漢字", "a\x00\u202eb\n", "_hidden", "y" * 200]


@pytest.fixture(autouse=True)
def styled():
    """Figures are inspected as they are drawn."""
    with style.styled():
        yield


def drawn(kind, of, *against):
    """The picture of a kind."""
    made = KINDS[kind](Scene(of), Wanted(against=against))

    assert not isinstance(made, str), made
    return made


def lines(axes):
    """What is drawn in a pair of axes, by label: x and y."""
    return {line.get_label(): tuple(map(list, line.get_data())) for line in axes.get_lines()}


def texts(figure):
    """All that is written in a picture."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def test_a_curve_is_the_mean_of_its_seeds(tmp_path):
    """At every epoch; the band is the t interval of the seeds there."""
    found = drawn("curves", small(tmp_path, {"none": SEEDS}, epochs=4))
    (axes,) = found.figure.axes
    x, y = lines(axes)["none"]
    (band,) = axes.collections
    low, high = (f(band.get_paths()[0].vertices[:, 1]) for f in (min, max))
    rises = [1 - 0.5**epoch for epoch in range(1, 5)]

    assert x == [1, 2, 3, 4]
    assert y == pytest.approx([sum(SEEDS) / 3 * rise for rise in rises])
    assert low == pytest.approx(mean_interval([seed * rises[0] for seed in SEEDS]).low)
    assert high == pytest.approx(mean_interval([seed * rises[-1] for seed in SEEDS]).high)
    assert "pointwise 95 % t band, n = 3" in found.caption


@pytest.mark.parametrize("n", [1, 2])
def test_few_seeds_have_no_band(tmp_path, n):
    """One is a line; of two, both are thin lines beside their mean."""
    found = drawn("curves", small(tmp_path, {"none": SEEDS[:n]}))
    (axes,) = found.figure.axes

    assert not axes.collections
    assert len(axes.get_lines()) == {1: 1, 2: 3}[n]
    assert "No bands: fewer than three seeds" in found.caption


def test_a_curve_ends_where_its_first_seed_does(tmp_path):
    """A mean of fewer seeds than before would jump."""
    runs = [run(tmp_path, "a", seed, 0.5, epochs=10 - seed) for seed in range(3)]
    (axes,) = drawn("curves", answer([row(runs, "a", None)])).figure.axes

    assert lines(axes)["a"][0] == list(range(1, 9))


def test_runs_that_did_not_finish_are_no_part_of_the_mean(tmp_path):
    """They are dotted lines that end in a cross, and the caption names them."""
    runs = [run(tmp_path, "a", seed, value) for seed, value in enumerate(SEEDS)]
    lost = run(tmp_path, "a", 3, None, status="diverged", epochs=2)
    found = drawn("curves", answer([row([*runs, lost], "a", None)]))
    (axes,) = found.figure.axes
    dotted = [line for line in axes.get_lines() if line.get_linestyle() == ":"]

    assert lines(axes)["a"][1][-1] == pytest.approx(sum(SEEDS) / 3 * (1 - 0.5**10))
    assert [list(line.get_xdata()) for line in dotted] == [[1, 2]]
    assert "not counted: a seed 3 (diverged)" in found.caption


def test_a_study_without_results_has_curves_already(tmp_path):
    """Nothing is finished yet: single runs, no mean, and no picture of seeds."""
    runs = [run(tmp_path, "a", seed, None, status="running") for seed in range(2)]
    of = answer([row(runs, "a", None)])
    (axes,) = drawn("curves", of).figure.axes

    assert len([line for line in axes.get_lines() if line.get_linestyle() == ":"]) == 2
    assert KINDS["seeds"](Scene(of), Wanted()) == "no run is finished and has test/accuracy"


@pytest.mark.parametrize(("against", "x"), [("images", 100.0), ("seconds", 3.0)])
def test_curves_against_other_costs(tmp_path, against, x):
    """Images seen, or the seconds that all epochs so far took: the mean over seeds."""
    (axes,) = drawn("curves", small(tmp_path, {"a": SEEDS}), against).figure.axes

    assert lines(axes)["a"][0][:2] == pytest.approx([x, 2 * x])


def test_missing_values_are_left_out(tmp_path):
    """An epoch without the metric has no mean; a damaged file has no curve."""
    of = small(tmp_path, {"a": SEEDS, "b": SEEDS}, epochs=3)
    for arm in of.rows:
        Lines(arm.runs[0].path / "metrics.jsonl").rewrite(
            [{"epoch": e, "val/accuracy": None if e == 2 else 0.5} for e in (1, 2, 3)]
        )
    (of.rows[1].runs[0].path / "metrics.jsonl").write_text("{}\n{}\n")
    (axes,) = drawn("curves", of).figure.axes

    assert lines(axes)[of.rows[0].label][0] == [1, 3]
    assert lines(axes)[of.rows[1].label][0] == [1, 2, 3]


def test_six_arms_have_a_picture_each(tmp_path):
    """Its own line before all others in grey; the baseline is black in all of them."""
    of = small(tmp_path, {f"a{i}": [0.5 + i / 100] * 3 for i in range(6)}, "a0")
    found = drawn("curves", of)
    pictures = [axes for axes in found.figure.axes if axes.get_title(loc="left")]

    assert [axes.get_title(loc="left") for axes in pictures] == [f"a{i}" for i in range(5, -1, -1)]
    assert all(len(axes.get_lines()) == 6 for axes in pictures)
    assert all("#000000" in [line.get_color() for line in a.get_lines()] for a in pictures)
    assert "Grey: all other arms; black: a0" in found.caption


def test_no_colour_is_used_twice(tmp_path):
    """Of very many arms only the first have a colour, and names; the rest is grey."""
    of = small(tmp_path, {f"a{i}": [0.5 + i / 100] for i in range(30)}, "a0")
    found = drawn("curves", of)
    (axes,) = found.figure.axes
    coloured = [line for line in axes.get_lines() if line.get_color() != style.FAINT]
    looks = {(line.get_color(), line.get_marker()) for line in coloured}

    assert {line.get_label() for line in coloured} == {"a0", *(f"a{i}" for i in range(24, 30))}
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 7
    assert len(axes.texts) == 7
    assert "Coloured: the first 6 by test accuracy, and a0" in found.caption


def test_names_at_the_ends_of_lines_do_not_overlap(tmp_path):
    """However near the lines end to one another."""
    of = small(tmp_path, {f"arm{i}": [0.5 + i / 10000] * 3 for i in range(5)}, "arm0")
    figure = drawn("curves", of).figure
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    boxes = [mpl.text.Text.get_window_extent(text) for text in figure.axes[0].texts]

    assert len(boxes) == 5
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)


def test_conditions_have_a_panel_each(tmp_path):
    """With arms named within it, the same look in all, and one legend."""
    rows = [
        row([run(tmp_path, arm, 0, 0.5)], f"{condition}-{arm}", None, condition=condition)
        for condition in ("small", "large")
        for arm in ("a", "b")
    ]
    of = answer(rows)
    found = {kind: drawn(kind, of).figure for kind in ("curves", "seeds", "pareto")}
    pictures = [axes for axes in found["curves"].axes if axes.get_title(loc="left")]
    colours = [{x.get_label(): x.get_color() for x in axes.get_lines()} for axes in pictures]

    assert colours[0] == colours[1]
    assert set(colours[0]) == {"a", "b"}
    for figure in found.values():
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert [title for title in titles if title] == ["small", "large"]


def test_seeds_are_dots(tmp_path):
    """One a run, with mean and t interval; beside them the differences by seed and the verdict."""
    of = small(tmp_path, {"none": SEEDS, "rope": OTHERS}, "none")
    found = drawn("seeds", of)
    values, differences = found.figure.axes
    at = {line.get_label(): line for line in values.get_lines()[:3]}
    dots = [line for line in differences.get_lines() if line.get_label() == "seeds"]

    assert [label.get_text() for label in values.get_yticklabels()] == ["rope", "none"]
    assert list(at["seeds"].get_xdata()) == OTHERS
    assert list(at["interval"].get_xdata()) == list(mean_interval(OTHERS))
    assert at["mean"].get_xdata()[0] == pytest.approx(sum(OTHERS) / 3)
    assert [list(line.get_xdata()) for line in dots] == [pytest.approx([0.1, 0.1, 0.09])]
    assert [label.get_text() for label in differences.get_yticklabels()] == ["better", "baseline"]


def test_lost_runs_are_noted_at_their_strip(tmp_path):
    """With how many seeds the others have."""
    runs = [run(tmp_path, "a", seed, value) for seed, value in enumerate(SEEDS)]
    lost = run(tmp_path, "a", 3, None, status="failed")
    alone = row([run(tmp_path, "b", 0, 0.5)], "b", None)
    figure = drawn("seeds", answer([row([*runs, lost], "a", None), alone])).figure

    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "a  (n = 3, 1 failed)",
        "b  (n = 1)",
    ]


def test_the_front_is_what_nothing_cheaper_beats(tmp_path):
    """Stairs from the cheapest to the dearest; an arm whose interval reaches them is open."""
    arms = {"a": SEEDS, "b": OTHERS, "c": [0.7, 0.9, 0.8], "d": [0.5, 0.5, 0.51]}
    of = small(tmp_path, arms, "a")
    figure = drawn("pareto", of).figure
    axes = figure.axes[0]
    stairs = axes.get_lines()[0]
    faces = {
        text.get_text(): style.mpl.colors.to_hex(point.get_markerfacecolor())
        for text, point in zip(
            sorted(axes.texts, key=lambda t: t.xy), sorted_points(axes), strict=True
        )
    }

    assert list(stairs.get_xdata()) == pytest.approx([1.0, 1.001, 1.003])
    assert list(stairs.get_ydata()) == pytest.approx([sum(SEEDS) / 3, 0.82, 0.82])
    assert faces == {"a": "#0072b2", "b": "#0072b2", "c": "#ffffff", "d": "#c8c8c8"}


def sorted_points(axes):
    """The points of arms, from left to right."""
    points = [line for line in axes.get_lines() if line.get_marker() in ("o", "D")]
    return sorted(points, key=lambda line: line.get_xdata()[0])


def test_costs_that_differ_tenfold_are_on_a_logarithmic_axis(tmp_path):
    """Others are on an ordinary one."""
    for factor, scale in ((9, "linear"), (11, "log")):
        runs = [run(tmp_path, "a", 0, 0.5)]
        rows = [row(runs, "a", None, params=10.0), row(runs, "b", None, params=10.0 * factor)]

        assert drawn("pareto", answer(rows)).figure.axes[0].get_xscale() == scale


def test_many_arms_are_numbered(tmp_path):
    """With a key below; of very many only those that may be on the front."""
    for count, tagged in ((20, 20), (60, 2)):
        arms = {f"arm{i}": [0.9 - i / 100] for i in range(count)}
        found = drawn("pareto", small(tmp_path / str(count), arms, f"arm{count - 1}"))
        written = [text.get_text() for text in found.figure.axes[0].texts]

        assert len(written) == tagged
        assert ("18 arm17" in "\n".join(texts(found.figure))) == (count == 20)
        assert ("58 dominated arms without a name" in found.caption) == (count == 60)


def test_resolution_has_the_size_of_the_training(tmp_path):
    """Each size as it was evaluated, the own one marked; the latest evaluation counts."""
    of = small(tmp_path, {"a": SEEDS}, sizes={14: 0.5, 56: 0.6})
    Lines(of.rows[0].runs[0].path / "evaluations.jsonl").append(
        {"dataset": "mnist5k", "split": "test", "image_size": 56, "step": 40, "accuracy": 0.9}
    )
    for other in ({"split": "train"}, {"dataset": "other"}, {"step": 3}):
        Lines(of.rows[0].runs[0].path / "evaluations.jsonl").append(
            {"dataset": "mnist5k", "split": "test", "image_size": 7, "step": 40, "accuracy": 0.1}
            | other
        )
    (axes,) = drawn("resolution", of).figure.axes
    x, y = lines(axes)["a"]

    assert x == [14, 28, 56]
    assert y == pytest.approx([0.5, sum(SEEDS) / 3, (0.9 + 0.6 + 0.6) / 3])
    assert [28.0, 28.0] in [list(line.get_xdata()) for line in axes.get_lines()]


def test_says_what_there_is_no_picture_of(tmp_path):
    """And fails only if there is none at all."""
    of = small(tmp_path, {"a": SEEDS})
    result = draw(of, Wanted(what=("resolution", "seeds"), folder=tmp_path / "plots"))

    assert [path.name for path in result.paths] == ["seeds-test-accuracy.svg"]
    assert "no picture of resolution: no run was evaluated at another size" in result.missing[0]
    with pytest.raises(BadInput, match="no picture of resolution"):
        draw(of, Wanted(what=("resolution",)))


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_the_same_numbers_make_the_same_file(tmp_path, form):
    """Byte for byte, whatever was drawn before and whatever the user's own style is."""
    of = small(tmp_path, {"none": SEEDS, "rope": OTHERS}, "none", sizes={14: 0.5})
    what = ("curves", "pareto", "resolution", "seeds") if form == "svg" else ("pareto",)
    first = draw(of, Wanted(what, form=form, folder=tmp_path / "a"))
    mpl.rcParams["lines.linewidth"] = 7
    second = draw(of, Wanted(what, form=form, folder=tmp_path / "b"))

    assert len(first.paths) == len(what)
    assert [path.read_bytes() for path in first.paths] == [p.read_bytes() for p in second.paths]
    assert mpl.rcParams["lines.linewidth"] == 7


def test_hostile_names_are_names(tmp_path):
    """Neither mathematics nor markup; what cannot be seen is spelled out, what is long is cut."""
    of = small(tmp_path, {name: [*SEEDS] for name in ("none", *NAMES)}, "none")
    for kind in ("curves", "seeds", "pareto"):
        said = texts(drawn(kind, of).figure)

        assert {"$x_1$", "\\u6f22\\u5b57", "a\\x00\\u202eb\\n", "_hidden"} <= set(said)
        assert "y" * 33 not in "".join(said)


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_hostile_names_can_be_written(tmp_path, form):
    """In every format, the title too; an SVG stays one document without scripts."""
    of = small(tmp_path / NAMES[0], {NAMES[1]: SEEDS, NAMES[3]: SEEDS}, dataset=NAMES[1])
    (path,) = draw(of, Wanted(("seeds",), form=form, folder=tmp_path / "plots")).paths
    if form == "svg":
        tags = {element.tag for element in ET.parse(path).getroot().iter()}
        assert not any(tag.endswith("}script") for tag in tags)

    assert path.stat().st_size > 1000


def test_two_names_that_look_the_same_are_told_apart(tmp_path):
    """They differ where they were cut."""
    arms = {f"{'x' * 100}{middle}{'x' * 100}": SEEDS for middle in "ab"}
    names = [name for name, _ in Scene(small(tmp_path, arms)).groups[""]]

    assert names[1] == f"{names[0]} (2)"


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_shown(text):
    """In one line, of letters that the font has."""
    said = style.shown(text)

    assert len(said) <= 32
    assert all(style.drawable(c) for c in said)


def test_titles_say_study_data_and_seeds(tmp_path):
    """And captions the plan, without a date."""
    of = replace(small(tmp_path, {"a": SEEDS}, dataset="cifar10"), plan="9f2c01234567890")
    found = drawn("curves", of)

    assert found.title.replace("\u00a0", " ") == (
        "study: validation accuracy, cifar10, n = 3 seeds"
    )
    assert "plan 9f2c01234567" in found.caption
    assert not any("2026" in text for text in texts(found.figure))


def test_accuracies_are_in_percent(tmp_path):
    """Losses are not."""
    (axes,) = drawn("curves", small(tmp_path, {"a": SEEDS})).figure.axes
    ticks = [label.get_text() for label in axes.get_yticklabels()]

    assert axes.get_ylabel() == "validation accuracy (%)"
    assert all(1 <= float(tick) <= 100 for tick in ticks)
    assert drawing.axis("test/loss") == "test loss"


def test_a_diverged_loss_does_not_press_the_others_flat(tmp_path):
    """It leaves the picture."""
    runs = [run(tmp_path, "a", seed, value) for seed, value in enumerate(SEEDS)]
    lost = run(tmp_path, "a", 3, None, status="diverged")
    Lines(lost.path / "metrics.jsonl").rewrite(
        [{"epoch": 1, "val/accuracy": 1e9}, {"epoch": 2, "val/accuracy": math.nan}]
    )
    (axes,) = drawn("curves", answer([row([*runs, lost], "a", None)])).figure.axes

    assert axes.get_ylim()[1] < 1.2


def test_protocols_of_the_probe_are_drawn_apart(tmp_path):
    """Mean over seeds with a band, the size of the training marked, the rule of each arm named."""
    of = small(tmp_path, {"a": SEEDS})
    for seed, one in enumerate(of.rows[0].runs):
        found = {14: 0.25, 28: 0.75, 56: 0.5 + seed / 8}
        numbers = {f"probe/resolution/resize{s}/accuracy": y for s, y in found.items()}
        numbers["probe/resolution/ntk/resize98/accuracy"] = 0.125
        weights = {"step": one.summary["steps"], "sha256": ""}
        results.add(one.path, "resolution", {"weights": weights, "numbers": numbers}, {})
        (one.path / "config.yaml").write_text(config.dump(composed("embedding=rope2d")))
    found = drawn("resize", of)
    (axes,) = found.figure.axes

    assert lines(axes)["a"] == ([14, 28, 56], pytest.approx([0.25, 0.75, 0.625]))
    assert axes.collections
    assert [28.0, 28.0] in [list(line.get_xdata()) for line in axes.get_lines()]
    assert "On other grids a: extrapolate" in found.caption
    assert "no run was probed" in str(KINDS["canvas"](Scene(of), Wanted()))
