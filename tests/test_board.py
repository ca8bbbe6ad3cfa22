"""TensorBoard is shown what the run folder says, no more and no less."""

import json
import math
import os
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import yaml
from event_files import experiment, read, scalars, session_end, session_start, table
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams import api_pb2, metadata

from vitpos import seals
from vitpos.boards.board import COLUMNS, Board, final, rebuild
from vitpos.boards.columns import hparams
from vitpos.durable import Lines
from vitpos.errors import BadRun

CONFIG = {
    "dataset": {"name": "mnist5k", "size": 28},
    "patch": {"kind": "linear", "size": 4},
    "embedding": {"learned1d": {"std": 0.02}, "rope_mixed": {"theta": 10.0}},
    "backbone": {"depth": 6, "dim": 192},
    "training": {"epochs": 3, "lr": 0.001},
    "seed": 7,
    "notes": "```\n# not a title",
}
TEXT = yaml.safe_dump(CONFIG)
ROWS = [
    {"epoch": 1, "step": 28, "images": 3584, "train/loss": 2.25, "val/accuracy": 0.5},
    {"epoch": 2, "step": 56, "images": 7168, "train/loss": 1.5, "val/accuracy": 0.75},
    {"epoch": 3, "step": 84, "images": 10752, "train/loss": math.nan, "val/accuracy": 0.625},
]
TIMINGS = [
    {"epoch": 1, "step": 28, "perf/images_per_second": 512.0, "perf/seconds": 7.0},
    {"epoch": 2, "step": 56, "perf/images_per_second": 1024.0, "perf/seconds": 3.5},
]
SUMMARY = {
    "status": "finished",
    "metrics": {"test/accuracy": 0.875, "test/loss": 0.25, "val/accuracy": 0.625},
    "cost": {"params": 2_700_000, "params_embedding": 9408, "flops_per_image": None},
}
RECORD = {"group": "quick/mnist5k-learned1d+rope_mixed", "started": 1_700_000_000.0}


def begin(board, **changes):
    """The start of the run above."""
    start = {"config_text": TEXT, "hparams": hparams(CONFIG), **RECORD, **changes}
    board.begin(**start)


@pytest.fixture
def told(tmp_path):
    """A finished run's folder, with its truth and the view that was written as it went."""
    folder = tmp_path / "quick" / "arm-s7-0123abcd"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(TEXT)
    Lines(folder / "metrics.jsonl").rewrite(ROWS)
    Lines(folder / "timings.jsonl").rewrite(TIMINGS)
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    (folder / "record.json").write_text(json.dumps(RECORD))
    board = Board(folder)
    begin(board)
    for row in (ROWS[0], TIMINGS[0], ROWS[1], TIMINGS[1], ROWS[2]):
        board.record(row)
    board.finish(final(SUMMARY), "finished", 84)
    board.close()
    return folder


def test_every_key_with_a_slash_is_a_scalar(tmp_path):
    """At the row's step, under its own name; counters are no scalars."""
    board = Board(tmp_path)
    for row in ROWS:
        board.record(row)

    assert scalars(tmp_path) == {
        "train/loss": [(28, 2.25), (56, 1.5), (84, "nan")],
        "val/accuracy": [(28, 0.5), (56, 0.75), (84, 0.625)],
    }


def test_events_are_on_disk_at_once(tmp_path):
    """Whoever looks sees the epoch that was just told, and a killed run loses none."""
    board = Board(tmp_path)
    board.record(ROWS[0])
    first = scalars(tmp_path)
    board.record(ROWS[1])

    assert first["train/loss"] == [(28, 2.25)]
    assert scalars(tmp_path)["train/loss"] == [(28, 2.25), (56, 1.5)]


@settings(max_examples=20)
@given(value=st.floats(width=32) | st.integers(-(2**24), 2**24), step=st.integers(0, 2**62))
def test_values_come_back(tmp_path_factory, value, step):
    """All of float32, infinities and NaN among them."""
    folder = tmp_path_factory.mktemp("run")
    Board(folder).record({"step": step, "train/loss": value})

    assert scalars(folder)["train/loss"] == [(step, "nan" if math.isnan(value) else value)]


def test_one_run_is_one_run(told):
    """TensorBoard sees the run folder only: there is no folder in it."""
    runs = EventMultiplexer().AddRunsFromDirectory(str(told.parent)).Reload().Runs()

    assert list(runs) == ["arm-s7-0123abcd"]
    assert all(path.is_file() for path in told.iterdir())


def test_the_start_says_which_arm(tmp_path):
    """Group, time and hyperparameters, each in the field of its type."""
    begin(Board(tmp_path), hparams={"a": "x", "b": True, "c": 3, "d": 0.5})
    start = session_start(tmp_path)

    assert start.group_name == RECORD["group"]
    assert start.start_time_secs == RECORD["started"]
    assert {name: value.WhichOneof("kind") for name, value in start.hparams.items()} == {
        "a": "string_value",
        "b": "bool_value",
        "c": "number_value",
        "d": "number_value",
    }
    assert start.hparams["a"].string_value == "x"
    assert start.hparams["b"].bool_value is True
    assert start.hparams["c"].number_value == 3
    assert start.hparams["d"].number_value == 0.5


def test_the_table_has_named_columns(tmp_path):
    """Every hyperparameter with its type, every metric with a name to show."""
    begin(Board(tmp_path), hparams={"a": "x", "b": True, "c": 3})
    columns = experiment(tmp_path)

    assert [(info.name, info.type) for info in columns.hparam_infos] == [
        ("a", api_pb2.DATA_TYPE_STRING),
        ("b", api_pb2.DATA_TYPE_BOOL),
        ("c", api_pb2.DATA_TYPE_FLOAT64),
    ]
    assert {info.name.tag: info.display_name for info in columns.metric_infos} == COLUMNS
    assert {"test/accuracy", "val/accuracy", "test/loss", "cost/params"} <= set(COLUMNS)


def test_hyperparameters_name_the_arm_and_not_the_seed():
    """Combined embeddings are joined; what a config lacks is left out."""
    assert hparams(CONFIG) == {
        "embedding": "learned1d+rope_mixed",
        "dataset.name": "mnist5k",
        "patch.size": 4,
        "backbone.depth": 6,
        "backbone.dim": 192,
        "training.epochs": 3,
        "training.lr": 0.001,
    }
    assert hparams({"embedding": {}, "patch": None}) == {"embedding": "none"}


def test_seeds_are_one_row_with_their_mean(tmp_path):
    """The plugin's own table groups the runs of an arm, and only those."""
    for name, group, accuracy in [("a-s0", "a", 0.5), ("a-s1", "a", 0.75), ("b-s0", "b", 0.25)]:
        (tmp_path / name).mkdir()
        board = Board(tmp_path / name)
        begin(board, group=group)
        board.finish({"test/accuracy": accuracy}, "finished", 84)
    rows = table(tmp_path)
    means = {
        row.name: {m.name.tag: m.value for m in row.metric_values}["test/accuracy"] for row in rows
    }

    assert means == {"a": 0.625, "b": 0.25}
    assert [len(row.sessions) for row in sorted(rows, key=lambda row: row.name)] == [2, 1]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("finished", api_pb2.STATUS_SUCCESS),
        ("interrupted", api_pb2.STATUS_UNKNOWN),
        ("diverged", api_pb2.STATUS_FAILURE),
        ("failed", api_pb2.STATUS_FAILURE),
    ],
)
def test_the_end_says_how(tmp_path, status, code):
    """A diverged run is no success, and an interrupted one is neither."""
    (tmp_path / "run").mkdir()
    board = Board(tmp_path / "run", clock=lambda: 1234.0)
    begin(board)
    board.finish({}, status, 84)

    assert session_end(tmp_path / "run").status == code
    assert session_end(tmp_path / "run").end_time_secs == 1234.0
    assert [session.status for row in table(tmp_path) for session in row.sessions] == [code]


def test_a_run_without_an_end_is_in_the_table(tmp_path):
    """While it goes on, nobody knows how it will end."""
    (tmp_path / "run").mkdir()
    begin(Board(tmp_path / "run"))

    assert table(tmp_path)[0].sessions[0].status == api_pb2.STATUS_UNKNOWN


def test_the_end_adds_what_is_known_only_then(tmp_path):
    """Test metrics and costs; what was told every epoch is not told twice."""
    board = Board(tmp_path)
    board.record(ROWS[0])
    board.finish(final(SUMMARY), "finished", 84)

    assert scalars(tmp_path) == {
        "train/loss": [(28, 2.25)],
        "val/accuracy": [(28, 0.5)],
        "test/accuracy": [(84, 0.875)],
        "test/loss": [(84, 0.25)],
        "cost/params": [(84, 2_700_000)],
        "cost/params_embedding": [(84, 9408)],
    }


def test_the_config_is_text(tmp_path):
    """Each line indented by four, so that Markdown shows it as it is."""
    begin(Board(tmp_path))
    (event,) = read(tmp_path).Tensors("config")
    (text,) = event.tensor_proto.string_val
    lines = text.decode().splitlines()

    assert read(tmp_path).SummaryMetadata("config").plugin_data.plugin_name == "text"
    assert [line.removeprefix("    ") for line in lines] == TEXT.splitlines()
    assert all(line.startswith("    ") for line in lines if line)


def test_pictures_come_back(tmp_path):
    """PNG loses nothing."""
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Board(tmp_path).image("position/similarity", picture, 56)
    (event,) = read(tmp_path).Images("position/similarity")
    decoded = np.asarray(Image.open(BytesIO(event.encoded_image_string)))

    assert (event.step, event.height, event.width) == (56, 5, 7)
    assert (decoded == picture).all()


def test_a_run_that_continues_forgets_what_it_repeats(tmp_path):
    """Even if it continues within the second in which it stopped: files are read in order."""
    first = Board(tmp_path, clock=lambda: 50.0)
    begin(first)
    for step, loss in [(10, 3.0), (20, 2.0), (30, 1.0)]:
        first.record({"step": step, "train/loss": loss})
    first.finish({"test/loss": 1.0}, "failed", 30)
    second = Board(tmp_path, purge_step=20, clock=lambda: 50.0)
    begin(second)
    continued = scalars(tmp_path)
    second.record({"step": 20, "train/loss": 2.5})
    second.finish({"test/loss": 0.5}, "finished", 20)

    assert continued == {"train/loss": [(10, 3.0)], "test/loss": []}
    assert scalars(tmp_path) == {"train/loss": [(10, 3.0), (20, 2.5)], "test/loss": [(20, 0.5)]}
    assert session_end(tmp_path).status == api_pb2.STATUS_SUCCESS


@pytest.mark.parametrize("later", [0.0, -1000.0, 3.0])
def test_a_torn_event_file_hides_no_later_one(tmp_path, later):
    """Readers stop at a torn event, and take files by name; so each attempt has a later name."""
    Board(tmp_path, clock=lambda: 5000.0).record(ROWS[0])
    (torn,) = tmp_path.iterdir()
    torn.write_bytes(torn.read_bytes()[:-3])
    Board(tmp_path, clock=lambda: 5000.0 + later, purge_step=28).record(ROWS[0])

    assert scalars(tmp_path)["train/loss"] == [(28, 2.25)]
    assert sorted(tmp_path.iterdir())[0] == torn


def test_nothing_is_written_after_close(tmp_path):
    """Closing twice is once."""
    board = Board(tmp_path)
    board.close()
    board.close()
    board.record(ROWS[0])

    assert scalars(tmp_path) == {}


def test_a_folder_that_cannot_be_written_stops_no_run(tmp_path):
    """One warning that names the folder and the reason; then every call is silent."""
    with pytest.warns(RuntimeWarning, match=r"`.*missing`: No such file or directory") as caught:
        board = Board(tmp_path / "missing", purge_step=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        begin(board)
        board.record(ROWS[0])
        board.image("a/b", np.zeros((2, 2, 3), dtype=np.uint8), 1)
        board.finish({"test/loss": 1.0}, "failed", 1)
        board.close()

    assert len(caught) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_fills_up_stops_no_run(tmp_path):
    """The warning comes with the first event that is lost, and only then."""
    board = Board(tmp_path)
    board.record(ROWS[0])
    (path,) = tmp_path.iterdir()
    path.rename(tmp_path / "kept")
    path.symlink_to("/dev/full")
    with pytest.warns(RuntimeWarning, match="No space left on device") as caught:
        board.record(ROWS[1])
    path.unlink()
    (tmp_path / "kept").rename(path)
    board.record(ROWS[2])

    assert len(caught) == 1
    assert scalars(tmp_path)["train/loss"] == [(28, 2.25)]


def test_rebuilding_gives_the_same_view(told):
    """Scalars, text, and all that the HPARAMS tab shows."""
    before = scalars(told), session_start(told), experiment(told), read(told).Tensors("config")
    rebuild(told)
    after = scalars(told), session_start(told), experiment(told), read(told).Tensors("config")

    assert after[:3] == before[:3]
    assert after[3][0].tensor_proto == before[3][0].tensor_proto
    assert session_end(told).status == api_pb2.STATUS_SUCCESS
    assert len(scalars(told)) == 8


def test_rebuilding_needs_no_event_file(told):
    """And what it writes is the same each time, byte for byte."""
    views = []
    for _ in range(2):
        for path in told.glob("events.*"):
            path.unlink()
        rebuild(told)
        views.append({path.name: path.read_bytes() for path in told.glob("events.*")})

    assert views[0] == views[1]
    assert len(views[0]) == 2


def test_rebuilt_events_have_the_time_of_training(told):
    """The start, plus the seconds of the epochs so far."""
    rebuild(told)
    times = [event.wall_time - RECORD["started"] for event in read(told).Scalars("train/loss")]

    assert times == [7.0, 10.5, 10.5]
    assert session_end(told).end_time_secs - RECORD["started"] == 10.5


def test_rebuilding_touches_nothing_else(told):
    """The truth stays as it is, and so does a file that only looks alike."""
    (told / "my.events.out.tfevents.1").write_text("mine")
    before = {p.name: p.read_bytes() for p in told.iterdir() if not p.name.startswith("events.")}
    rebuild(told)
    after = {p.name: p.read_bytes() for p in told.iterdir() if not p.name.startswith("events.")}

    assert after == before


def test_a_torn_last_line_is_left_out(told):
    """A killed run may leave half a line; the rest is shown."""
    with (told / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "st')
    rebuild(told)

    assert [step for step, _ in scalars(told)["train/loss"]] == [28, 56, 84]


def test_a_step_told_twice_counts_once(told):
    """The later row holds, as after a resume."""
    Lines(told / "metrics.jsonl").append({"epoch": 2, "step": 56, "train/loss": 1.25})
    rebuild(told)

    assert scalars(told)["train/loss"] == [(28, 2.25), (56, 1.25), (84, "nan")]


def test_a_run_that_goes_on_can_be_rebuilt(told):
    """Without timings, summary and record: group and time come from the folder."""
    for name in ("timings.jsonl", "summary.json", "record.json"):
        (told / name).unlink()
    os.utime(told / "config.yaml", (1000, 1000))
    rebuild(told)

    assert set(scalars(told)) == {"train/loss", "val/accuracy"}
    assert metadata.SESSION_END_INFO_TAG not in read(told).Tags()["tensors"]
    assert session_start(told).group_name == "quick/arm"
    assert session_start(told).start_time_secs == 1000


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("metrics.jsonl", '{"step": 1}\n{"step": 2}\n', "metrics.jsonl is damaged at line 1"),
        ("metrics.jsonl", seals.line({"loss": 1}).decode(), "line 1, is not a row"),
        ("metrics.jsonl", None, "metrics.jsonl` is not there"),
        ("config.yaml", None, "cannot read .*config.yaml`: No such file"),
        ("config.yaml", "a: [", "config.yaml:1:"),
        ("config.yaml", "", "config.yaml` is not a config"),
        ("summary.json", "{", "summary.json is damaged: "),
        ("record.json", "3", "record.json is damaged: not an object"),
    ],
)
def test_a_damaged_folder_keeps_its_view(told, name, text, message):
    """The error names the file, and nothing has been deleted by then."""
    before = scalars(told)
    if text is None:
        (told / name).unlink()
    else:
        (told / name).write_text(text)
    with pytest.raises(BadRun, match=message):
        rebuild(told)

    assert scalars(told) == before


def test_a_view_that_cannot_be_deleted_is_said(told):
    """What stands in the way is named with its folder."""
    (told / "events.out.tfevents.0000000001.folder").mkdir()

    with pytest.raises(BadRun, match=r"cannot delete the event files of .*arm-s7-0123abcd`"):
        rebuild(told)
