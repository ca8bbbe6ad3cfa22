"""Event files of TensorBoard, message by message: scalars, text, pictures, rows of a table, charts.

Readers keep the first message of a kind that they find in a folder, and take its files by name.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as charts_metadata
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.plugins.text.metadata import create_summary_metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from vitpos.boards.columns import Column, Value

Message: TypeAlias = Summary.Value

TYPES = {
    "text": api_pb2.DATA_TYPE_STRING,
    "switch": api_pb2.DATA_TYPE_BOOL,
    "number": api_pb2.DATA_TYPE_FLOAT64,
}
STATUSES: dict[str, int] = {
    "finished": api_pb2.STATUS_SUCCESS,
    "interrupted": api_pb2.STATUS_UNKNOWN,  # neither: it can go on
    "diverged": api_pb2.STATUS_FAILURE,
    "failed": api_pb2.STATUS_FAILURE,
}
BOXES = 9  # values of a number that get a check box each; with more the page offers two limits


def append(path: Path, events: Iterable[Event]) -> None:
    """Add events to a file."""
    with path.open("ab") as file:
        file.write(packed(events))


def packed(events: Iterable[Event]) -> bytes:
    """Events as they stand in a file, each with its check sums."""
    buffer = BytesIO()
    records = RecordWriter(buffer)
    for event in events:
        records.write(event.SerializeToString())
    return buffer.getvalue()


def files(folder: Path, suffix: str = "") -> list[Path]:
    """The event files of a folder, in the order in which they are read."""
    return sorted(folder.glob(f"events.out.tfevents.*{suffix}"))


def header(now: float) -> Event:
    """What a file begins with; `now` in seconds since 1970."""
    return Event(wall_time=now, file_version="brain.Event:2")


def again(now: float, step: int) -> Event:
    """What was told of this step and of later ones is forgotten, and is told again."""
    return Event(wall_time=now, step=step, session_log=SessionLog(status=SessionLog.START))


def summary(now: float, step: int, values: Sequence[Message]) -> Event:
    """Values of one step."""
    return Event(wall_time=now, step=step, summary=Summary(value=values))


def scalar(tag: str, value: float | int) -> Message:
    """A point of a curve."""
    return Message(tag=tag, simple_value=value)


def code(tag: str, text: str) -> Message:
    """Indented by four, which is code in Markdown whatever the text holds."""
    return markdown(tag, textwrap.indent(text, "    "))


def markdown(tag: str, text: str) -> Message:
    """Text with headings and tables; TensorBoard lets no HTML through."""
    return Message(tag=tag, metadata=text_metadata(tag, ""), tensor=make_tensor_proto(text))


def image(tag: str, picture: UInt8[np.ndarray, "height width 3"]) -> Message:
    """A picture, as PNG."""
    height, width, channels = picture.shape
    content = Summary.Image(height=height, width=width, colorspace=channels)
    content.encoded_image_string = png(picture)
    return Message(tag=tag, image=content)


def png(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """A picture as bytes, without loss."""
    from PIL import Image  # a run without pictures does without it

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def experiment(columns: Sequence[Column], metrics: Mapping[str, str]) -> Message:
    """The columns of the HPARAMS table: of the arms, and metrics by tag, each with its title."""
    infos = []
    for column in columns:
        info = api_pb2.HParamInfo(name=column.name, type=TYPES[column.kind], differs=column.differs)
        if column.kind == "number" and len(column.values) > BOXES:
            info.domain_interval.min_value = min(column.values)
            info.domain_interval.max_value = max(column.values)
        elif column.values:
            info.domain_discrete.extend(column.values)
        infos.append(info)
    titles = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
        for tag, title in metrics.items()
    ]
    message = api_pb2.Experiment(hparam_infos=infos, metric_infos=titles)
    return hparams(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=message))


def session(group: str, started: float, values: Mapping[str, Value]) -> Message:
    """The run's place in the HPARAMS table: runs of one `group` are one row."""
    start = SessionStartInfo(group_name=group, start_time_secs=started)
    for name, value in values.items():
        match value:
            case bool():
                start.hparams[name].bool_value = value
            case str():
                start.hparams[name].string_value = value
            case _:
                start.hparams[name].number_value = value
    return hparams(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))


def ended(status: str, now: float) -> Message:
    """How the run ended, and when."""
    end = SessionEndInfo(status=STATUSES[status], end_time_secs=now)
    return hparams(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))


def hparams(tag: str, message: HParamsPluginData) -> Message:
    """A message to the HPARAMS plugin."""
    return Message(
        tag=tag, metadata=metadata.create_summary_metadata(message), tensor=metadata.NULL_TENSOR
    )


def margins(charts: Mapping[str, tuple[str, str, str]]) -> Message:
    """A page of charts with bands: by title, the tags of a curve and of both its limits."""
    layout = layout_pb2.Layout()
    for title, (value, lower, upper) in charts.items():
        chart = layout.category.add(title=title).chart.add(title=title)
        chart.margin.series.add(value=value, lower=lower, upper=upper)
    return Message(
        tag=charts_metadata.CONFIG_SUMMARY_TAG,
        metadata=charts_metadata.create_summary_metadata(),
        tensor=make_tensor_proto(layout.SerializeToString()),
    )
