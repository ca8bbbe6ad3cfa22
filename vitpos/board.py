"""TensorBoard: event files are a view of a run folder, and can be rebuilt from it.

A run is one TensorBoard run, whatever it writes. Torch's `add_hparams` would make a second one per
call (https://github.com/pytorch/pytorch/issues/32651), so the messages of the HPARAMS plugin go
into the run's own file. Runs with the same `group` are one row there, with means over their seeds.

Readers keep the first message of a kind, so how a run ended stands in a file of its own, which
an attempt to continue the run deletes.
"""

import textwrap
import time
import warnings
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.plugins.text.metadata import create_summary_metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from vitpos.errors import BadRun
from vitpos.replay import numbers, replay

Status = Literal["finished", "interrupted", "diverged", "failed"]
STATUSES: dict[Status, int] = {
    "finished": api_pb2.STATUS_SUCCESS,
    "interrupted": api_pb2.STATUS_UNKNOWN,  # neither: it can go on
    "diverged": api_pb2.STATUS_FAILURE,
    "failed": api_pb2.STATUS_FAILURE,
}

COLUMNS = {  # of the HPARAMS table; the same in every run, since only one run's are used
    "test/accuracy": "test accuracy",
    "val/accuracy": "val accuracy",
    "test/loss": "test loss",
    "val/loss": "val loss",
    "cost/params": "parameters",
    "cost/params_embedding": "parameters of the embedding",
    "cost/flops_per_image": "FLOPs per image",
    "perf/images_per_second": "images per second",
}
AT_THE_END = ("test/", "cost/")  # tags that are known once, when the run is over

HPARAMS = (
    *("dataset.name", "patch.size", "backbone.depth", "backbone.dim"),
    *("training.epochs", "training.lr"),
)

Value = str | int | float | bool


def hparams(config: dict[str, Any]) -> dict[str, Value]:
    """The few numbers of a resolved config that tell arms apart; never the seed.

    The same keys for every run, because the table's columns are those of one run.
    """
    found: dict[str, Value] = {"embedding": "+".join(config.get("embedding") or {}) or "none"}
    for path in HPARAMS:
        group, name = path.split(".")
        value = (config.get(group) or {}).get(name)
        if isinstance(value, Value):
            found[path] = value
    return found


class Board:
    """The event files of one run, each event on disk as soon as it is told.

    An OSError, say of a full disk, ends the view and not the run: one RuntimeWarning, then silence.

    No sub-folder is made. `purge_step` is for a run that continues: the first step that will be
    told again; what an earlier attempt told of it and of later steps is forgotten. `clock` gives
    seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        *,
        purge_step: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._clock, self._open = folder, clock, True
        self._path = folder / f"events.out.tfevents.{self._stamp():010d}.vitpos"
        for ending in _event_files(folder, ".end"):
            self._guard(ending.unlink)
        self._tell(_header(clock()))
        if purge_step is not None:
            again = SessionLog(status=SessionLog.START)
            self._tell(Event(wall_time=clock(), step=purge_step, session_log=again))

    def begin(
        self, *, config_text: str, hparams: dict[str, Value], group: str, started: float
    ) -> None:
        """The config as text, and the run's row in the HPARAMS table.

        `group` names the arm: the same for all its seeds and for nothing else. `started` is in
        seconds since 1970.
        """
        start = SessionStartInfo(group_name=group, start_time_secs=started)
        for name, value in hparams.items():
            setattr(start.hparams[name], _kind(value)[0], value)
        experiment = api_pb2.Experiment(
            hparam_infos=[api_pb2.HParamInfo(name=k, type=_kind(v)[1]) for k, v in hparams.items()],
            metric_infos=[
                api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
                for tag, title in COLUMNS.items()
            ],
        )
        self._summary(
            0,
            _text("config", config_text),
            _hparams(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment)),
            _hparams(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        )

    def record(self, row: dict[str, float | int]) -> None:
        """One line of `metrics.jsonl` or `timings.jsonl`: each key with a slash is a scalar."""
        scalars = [_scalar(tag, value) for tag, value in row.items() if "/" in tag]
        self._summary(int(row["step"]), *scalars)

    def image(self, tag: str, picture: UInt8[np.ndarray, "height width 3"], step: int) -> None:
        """A picture of `vitpos.pictures`, as PNG."""
        height, width, channels = picture.shape
        image = Summary.Image(height=height, width=width, colorspace=channels)
        image.encoded_image_string = _png(picture)
        self._summary(step, Summary.Value(tag=tag, image=image))

    def finish(self, metrics: dict[str, float | int], status: Status, step: int) -> None:
        """What is known only at the end, `test/` and `cost/`, and how the run ended."""
        final = [_scalar(t, value) for t, value in metrics.items() if t.startswith(AT_THE_END)]
        self._summary(step, *final)
        end = SessionEndInfo(status=STATUSES[status], end_time_secs=self._clock())
        message = HParamsPluginData(session_end_info=end)
        summary = Summary(value=[_hparams(metadata.SESSION_END_INFO_TAG, message)])
        self._tell(
            _header(self._clock()),
            Event(wall_time=self._clock(), summary=summary),
            path=self._path.with_name(f"{self._path.name}.end"),
        )

    def close(self) -> None:
        """Nothing is written after this."""
        self._open = False

    def _summary(self, step: int, *values: Summary.Value) -> None:
        if values:
            summary = Summary(value=values)
            self._tell(Event(wall_time=self._clock(), step=step, summary=summary))

    def _tell(self, *events: Event, path: Path | None = None) -> None:
        self._guard(lambda: _append(path or self._path, events))

    def _guard(self, work: Callable[[], None]) -> None:
        if not self._open:
            return
        try:
            work()
        except OSError as error:
            self._open = False
            reason = error.strerror or error
            message = f"no more TensorBoard events for `{self._folder}`: {reason}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    def _stamp(self) -> int:
        """Seconds since 1970, later than the name of any file here: readers go by the names."""
        stamps = [path.name.split(".")[3] for path in _event_files(self._folder)]
        return max(int(self._clock()), *(int(s) + 1 for s in stamps if s.isdecimal()), 0)


def final(summary: dict[str, Any]) -> dict[str, float | int]:
    """The numbers of a `summary.json` for `Board.finish`: metrics, and costs under `cost/`."""
    costs = {f"cost/{name}": value for name, value in (summary.get("cost") or {}).items()}
    return numbers({**(summary.get("metrics") or {}), **costs})


def rebuild(folder: Path) -> None:
    """Write the event files of a run folder again, from what `vitpos.replay` reads in it.

    Pictures are lost: the weights that they show are gone. The time of an event is the start of the
    run plus the `perf/seconds` until then. What cannot be read is a BadRun before anything is
    deleted.
    """
    run = replay(folder)
    now = run.started
    _clear(folder)
    board = Board(folder, clock=lambda: now)
    board.begin(
        config_text=run.config_text,
        hparams=hparams(run.config),
        group=run.group,
        started=run.started,
    )
    for row in run.rows:
        now += row.get("perf/seconds", 0.0)
        board.record(row)
    if run.status in STATUSES:
        step = int(run.rows[-1]["step"]) if run.rows else 0
        board.finish(final(run.summary), run.status, step)
    board.close()


def _header(now: float) -> Event:
    return Event(wall_time=now, file_version="brain.Event:2")


def _append(path: Path, events: Iterable[Event]) -> None:
    with path.open("ab") as file:
        records = RecordWriter(file)
        for event in events:
            records.write(event.SerializeToString())


def _scalar(tag: str, value: float | int) -> Summary.Value:
    return Summary.Value(tag=tag, simple_value=value)


def _text(tag: str, text: str) -> Summary.Value:
    """Indented by four, which is code in Markdown whatever the text holds."""
    code = textwrap.indent(text, "    ")
    return Summary.Value(tag=tag, metadata=text_metadata(tag, ""), tensor=make_tensor_proto(code))


def _hparams(tag: str, message: HParamsPluginData) -> Summary.Value:
    return Summary.Value(
        tag=tag, metadata=metadata.create_summary_metadata(message), tensor=metadata.NULL_TENSOR
    )


def _kind(value: Value) -> tuple[str, int]:
    """How the HPARAMS plugin holds this value: the field and the type."""
    match value:
        case bool():
            return "bool_value", api_pb2.DATA_TYPE_BOOL
        case str():
            return "string_value", api_pb2.DATA_TYPE_STRING
        case _:
            return "number_value", api_pb2.DATA_TYPE_FLOAT64


def _png(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    from PIL import Image  # a run without pictures does without it

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def _event_files(folder: Path, suffix: str = "") -> list[Path]:
    return sorted(folder.glob(f"events.out.tfevents.*{suffix}"))


def _clear(folder: Path) -> None:
    try:
        for path in _event_files(folder):
            path.unlink()
    except OSError as error:
        raise BadRun(f"cannot delete the event files of `{folder}`: {error.strerror}") from None
