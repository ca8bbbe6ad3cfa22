"""Event files as TensorBoard itself reads them, with its loader in Python."""

import math

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler


def read(folder):
    """All that TensorBoard would read there."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    return events.Reload()


def scalars(folder):
    """For each tag its steps and values; NaN as a word, because it is not equal to itself."""
    events = read(folder)
    return {
        tag: [(e.step, "nan" if math.isnan(e.value) else e.value) for e in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def content(folder, tag):
    """What a plugin keeps beside a tag."""
    return read(folder).SummaryMetadata(tag).plugin_data.content


def session_start(folder):
    """What the HPARAMS plugin knows of the start."""
    return metadata.parse_session_start_info_plugin_data(
        content(folder, metadata.SESSION_START_INFO_TAG)
    )


def session_end(folder):
    """What it knows of the end."""
    return metadata.parse_session_end_info_plugin_data(
        content(folder, metadata.SESSION_END_INFO_TAG)
    )


def experiment(folder):
    """The columns of its table."""
    return metadata.parse_experiment_plugin_data(content(folder, metadata.EXPERIMENT_TAG))


def table(logdir):
    """The rows of the HPARAMS tab, as the plugin itself makes them."""
    runs = EventMultiplexer().AddRunsFromDirectory(str(logdir)).Reload()
    context = Context(TBContext(data_provider=MultiplexerDataProvider(runs, str(logdir))))
    wish = api_pb2.ListSessionGroupsRequest(allowed_statuses=api_pb2.Status.values())
    wish.slice_size = 100
    return list(Handler(RequestContext(), context, "", wish).run().session_groups)
