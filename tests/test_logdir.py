"""TensorBoard is shown arms: one row, one mean, and the keys in which they differ."""

import json
from pathlib import Path

import pytest
from event_files import content, experiment, scalars, table
from hypothesis import given
from hypothesis import strategies as st
from run_folders import folder, put
from small_studies import BODY
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from vitpos import durable
from vitpos.boards import board, placing
from vitpos.boards.logdir import HIGH, LOW, METRICS, Logdir
from vitpos.durable import read_json, write_json
from vitpos.errors import BadInput, BadRun
from vitpos.probes import results
from vitpos.statistics import mean_interval
from vitpos.sweeps import frozen, studies
from vitpos.sweeps.plan import plan

ROPE = ("training=smoke", "embedding=rope2d")
SLOW = (*ROPE, "embedding.rope2d.theta=10")
REACHED = (0.5, 0.625, 0.75)


def view(top, outputs, *where, said=None):
    """The folder for the runs in `outputs`."""
    logdir = Logdir(top, (said if said is not None else []).append)
    logdir.show(placing.find([outputs], where))
    logdir.average()
    return logdir


def places(top):
    """What TensorBoard would list."""
    return sorted(str(path.parent.relative_to(top)) for path in top.rglob("*.0000000000.vitpos"))


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch):
    """Folders that need not outlive a power cut."""
    monkeypatch.setattr(durable.os, "fsync", lambda _: None)


@pytest.fixture
def outputs(tmp_path):
    """Two arms of three seeds, one with event files of its own; a run that goes on."""
    outputs = tmp_path / "outputs"
    for seed, accuracy in enumerate(REACHED):
        made = folder(outputs, *ROPE, seed=seed, accuracy=accuracy, study="turn")
        board.rebuild(made)
        folder(outputs, *SLOW, "name=slow", seed=seed, accuracy=accuracy, study="turn")
    folder(outputs, *ROPE, seed=3, status="interrupted", study="turn")
    return outputs


@pytest.fixture
def top(tmp_path):
    """An empty folder for the view."""
    (tmp_path / "top").mkdir()
    return tmp_path / "top"


def test_runs_lie_by_study_arm_and_seed(top, outputs):
    """Beside the mean of their arm; TensorBoard takes nothing else for a run."""
    before = {p: p.stat().st_mtime_ns for p in outputs.rglob("*")}
    view(top, outputs)

    assert places(top) == [
        ".",
        "turn/mnist5k-rope2d/mean",
        *(f"turn/mnist5k-rope2d/s0{seed}" for seed in range(4)),
        "turn/slow/mean",
        *(f"turn/slow/s0{seed}" for seed in range(3)),
    ]
    assert {p: p.stat().st_mtime_ns for p in outputs.rglob("*")} == before


def test_an_arm_is_a_row(top, outputs):
    """With the mean over its seeds, the interval, and how many runs are finished."""
    view(top, outputs)
    rows = {row.name: row for row in table(top)}
    values = {m.name.tag: m.value for m in rows["turn/mnist5k-rope2d"].metric_values}

    assert {name: len(row.sessions) for name, row in rows.items()} == {
        "turn/mnist5k-rope2d": 4,
        "turn/slow": 3,
    }
    assert values["test/accuracy"] == 0.625
    assert (values[LOW], values[HIGH]) == pytest.approx(tuple(mean_interval(REACHED)))
    assert values["arm/finished runs"] == 3
    assert {"val/accuracy", "cost/params", "test/loss"} <= set(values)


def test_rows_hold_what_differs(top, outputs):
    """In columns with a check box for each value, the same whichever run is asked."""
    view(top, outputs)
    rows = {row.name: row.hparams for row in table(top)}
    columns = experiment(top)
    runs = [top / place for place in places(top) if not place.endswith("mean")]
    seen = {content(run, "_hparams_/experiment") for run in runs}

    assert [info.name for info in columns.hparam_infos] == ["embedding", "embedding.rope2d.theta"]
    assert list(columns.hparam_infos[1].domain_discrete) == [10.0, 100.0]
    assert {info.name.tag: info.display_name for info in columns.metric_infos} == METRICS
    assert rows["turn/slow"]["embedding.rope2d.theta"].number_value == 10.0
    assert rows["turn/mnist5k-rope2d"]["embedding.rope2d.theta"].number_value == 100.0
    assert len(seen) == 1


def test_many_values_of_a_number_are_a_range(top, tmp_path):
    """Where the page has no check boxes for them."""
    for theta in range(2, 12):
        words = (*ROPE, f"embedding.rope2d.theta={theta}", f"name=t{theta}")
        folder(tmp_path / "outputs", *words)
    view(top, tmp_path / "outputs")
    info = experiment(top).hparam_infos[1]

    assert (info.domain_interval.min_value, info.domain_interval.max_value) == (2.0, 11.0)


def test_a_mean_has_its_interval(top, outputs):
    """Of each metric and step, in tags that no run has; charts with bands are of these tags."""
    view(top, outputs)
    found = scalars(top / "turn/slow/mean")
    (tensor,) = EventAccumulator(str(top)).Reload().Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(tensor.tensor_proto.string_val[0])
    (series,) = layout.category[0].chart[0].margin.series

    assert found["val/accuracy"] == [(4, 0.125), (8, 0.25), (12, 0.375)]
    assert found["interval/test/accuracy/mean"] == [(12, 0.625)]
    assert found["interval/test/accuracy/low"][0][1] < 0.5
    assert {series.value, series.lower, series.upper} <= set(found)
    assert not {series.value, series.lower, series.upper} & set(scalars(top / "turn/slow/s00"))


def test_two_runs_have_a_mean_and_no_interval(top, outputs):
    """Also in the row."""
    view(top, outputs, "seed<2")
    found = scalars(top / "turn/slow/mean")
    row = next(row for row in table(top) if row.name == "turn/slow")

    assert found["test/accuracy"] == [(12, 0.5625)]
    assert not any(tag.startswith("interval/") for tag in found)
    assert LOW not in {m.name.tag for m in row.metric_values}


def test_shown_again_new_runs_count(top, outputs):
    """A run that ended since, a new one, and the means of all."""
    logdir = view(top, outputs)
    before = table(top)
    folder(outputs, *ROPE, seed=4, accuracy=1.0, study="turn")
    logdir.show(placing.find([outputs], []))
    logdir.average()
    found = scalars(top / "turn/mnist5k-rope2d/mean")

    assert len(before[0].sessions) == 4
    assert len(table(top)[0].sessions) == 5
    assert found["test/accuracy"] == [(12, 0.71875)]
    assert len(found["val/accuracy"]) == 3


def test_an_arm_keeps_its_name(top, outputs):
    """Also when another comes that is called the same: that one is told by what it has."""
    logdir = view(top, outputs)
    folder(outputs, *ROPE, "embedding.rope2d.theta=5", study="turn")
    folder(outputs, *SLOW, seed=7, study="turn")
    logdir.show(placing.find([outputs], []))
    logdir.average()
    fresh = placing.find([outputs], [])

    assert [name for name in logdir.groups if name not in ("turn/slow", "turn/mnist5k-rope2d")] == [
        "turn/mnist5k-rope2d theta=5.0"
    ]
    assert len(scalars(top / "turn/mnist5k-rope2d/mean")["val/accuracy"]) == 3
    assert len({group.key for group in fresh}) == len(fresh)


def test_new_event_files_of_a_run_are_linked(top, outputs):
    """As when it is continued, or ends; epochs that it adds to the old one are there anyway."""
    logdir = view(top, outputs)
    (run,) = outputs.glob("turn/mnist5k-rope2d-s0-*")
    more = board.Board(run, purge_step=16)
    more.record({"step": 16, "val/accuracy": 0.875})
    logdir.show(placing.find([outputs], []))
    more.record({"step": 20, "val/accuracy": 1.0})

    assert scalars(top / "turn/mnist5k-rope2d/s00")["val/accuracy"][-2:] == [(16, 0.875), (20, 1.0)]


def test_the_same_seed_twice_is_shown_twice(top, outputs, tmp_path):
    """And counted once, in the row of its arm."""
    folder(tmp_path / "more", *ROPE, seed=0, accuracy=0.5, study="turn")
    logdir = Logdir(top, print)
    logdir.show(placing.find([outputs, tmp_path / "more"], []))
    logdir.average()
    rows = {row.name: len(row.sessions) for row in table(top)}

    assert rows["turn/mnist5k-rope2d"] == 4
    assert rows["turn/mnist5k-rope2d/s00-2"] == 1
    assert scalars(top / "turn/mnist5k-rope2d/mean")["test/accuracy"] == [(12, 0.625)]


def test_only_what_is_asked_for(top, outputs):
    """By the conditions of a comparison."""
    view(top, outputs, "embedding.rope2d.theta=10", "seed!=1")

    assert places(top) == [".", "turn/slow/mean", "turn/slow/s00", "turn/slow/s02"]
    with pytest.raises(BadInput, match="no run is meant by --where 'seed>9'"):
        placing.find([outputs], ["seed>9"])


def test_a_study_has_its_planned_runs(top, tmp_path):
    """Also one that lies with another study, and the plan says which question they answer."""
    study = studies.study("made", BODY | {"seeds": 2}, pytest.fail)
    planned = plan(study, {"outputs": str(tmp_path / "outputs")})
    frozen.freeze(planned)
    paths = [put(member.run, member.words) for member in planned.members]
    (tmp_path / "outputs/other").mkdir()
    paths[0].rename(tmp_path / "outputs/other/mine")
    view(top, tmp_path / "outputs/made")

    assert [place for place in places(top) if "mean" not in place] == [
        ".",
        *(f"made/{arm}/s0{seed}" for arm in "ab" for seed in range(2)),
    ]


def test_a_run_that_cannot_be_shown_is_told(top, outputs):
    """Once, while the others are shown; an error only if there are no others."""
    (run,) = outputs.glob("turn/slow-s1-*")
    (run / "metrics.jsonl").write_text("{}\n{}\n")
    said = []
    logdir = view(top, outputs, said=said)
    logdir.show(placing.find([outputs], []))

    assert "turn/slow/s01" not in places(top)
    assert str(run / "metrics.jsonl") in said[0]
    assert sum("not shown" in text for text in said) == 1
    with pytest.raises(BadRun, match="none of these"):
        Logdir(top, [].append).show(placing.find([run], []))


def test_the_guide_tells_the_question(top, outputs):
    """Of the newest plan, with what came out; whatever is written there, it is no markup."""
    plan = {"digest": "0123456789abcdef", "created": "now", "design": {"question": "a <b>|*c*?"}}
    (outputs / "turn/plans").mkdir()
    write_json(outputs / "turn/plans/1.json", plan)
    logdir = Logdir(top, print)
    logdir.show(placing.of_folders([outputs], []))
    (tensor,) = EventAccumulator(str(top)).Reload().Tensors("about")
    text = tensor.tensor_proto.string_val[0].decode()

    assert "a \\<b\\>\\|\\*c\\*?" in text
    assert "Plan 0123456789ab, frozen now" in text
    assert "| mnist5k\\-rope2d | 3 of 4 | 62.50% | 31.45% to 93.55% |" in text


@pytest.mark.parametrize("name", ["../../x", "a" * 300, "a\nb", ".", "", "\ud800", "é" * 99, "a/b"])
def test_hostile_names_stay_where_they_are_put(top, tmp_path, name):
    """A record may say anything of its arm."""
    run = folder(tmp_path / "outputs", *ROPE)
    record = read_json(run / "record.json") | {"arm": name}
    (run / "record.json").write_text(json.dumps(record))
    view(top, tmp_path / "outputs")

    assert len(places(top)) == 3
    assert len(table(top)) == 1


@given(st.text(st.characters(), max_size=200))
def test_safe_names_are_one_folder(name):
    """Not hidden, not above, not too long; and other names have other ones."""
    safe = placing.safe(name)

    assert Path("/top", safe).resolve().parent == Path("/top")
    assert safe not in (".", "..")
    assert not safe.startswith(".")
    assert len(safe.encode()) <= placing.LONGEST + 7
    assert safe == name or safe != placing.safe(f"{name}?")


def test_shows_what_probes_found(tmp_path, outputs):
    """Short numbers of each run, a mean over seeds with its interval, columns of the table."""
    for seed, path in enumerate(sorted((outputs / "turn").glob("*rope2d-s[0-2]-*"))):
        numbers = {"probe/shuffle/drop": 0.5 + seed / 8, "probe/shuffle/grid2/drop": 0.25}
        entry = {"weights": {"step": 12, "sha256": ""}, "numbers": numbers}
        results.add(path, "shuffle", entry, {})
    top = tmp_path / "top"
    top.mkdir()
    view(top, outputs)
    own = scalars(top / "turn" / "mnist5k-rope2d" / "s01")
    mean = scalars(top / "turn" / "mnist5k-rope2d" / "mean")
    tags = [metric.name.tag for metric in experiment(top).metric_infos]

    assert own["probe/shuffle/drop"] == [(12, 0.625)]
    assert "probe/shuffle/grid2/drop" not in own
    assert mean["probe/shuffle/drop"] == [(12, 0.625)]
    assert mean["interval/probe/shuffle/drop/low"][0][1] < 0.625
    assert "probe/shuffle/drop" in tags


def test_shows_what_probes_find_while_it_is_open(tmp_path, outputs):
    """Newer numbers take the place of older ones; a mean is there when all runs were probed."""
    runs = sorted((outputs / "turn").glob("*rope2d-s[0-2]-*"))
    top = tmp_path / "top"
    top.mkdir()
    logdir = view(top, outputs)
    shown = []
    for drop in (0.25, 0.75):
        for run in runs:
            entry = {
                "weights": {"step": 12, "sha256": ""},
                "numbers": {"probe/knockout/drop": drop},
            }
            results.add(run, "knockout", entry, {})
        logdir.show(placing.find([outputs], ()))
        logdir.average()
        places = top / "turn" / "mnist5k-rope2d"
        shown += [scalars(places / name)["probe/knockout/drop"][-1] for name in ("s00", "mean")]

    assert shown == [(12, 0.25), (12, 0.25), (12, 0.75), (12, 0.75)]
