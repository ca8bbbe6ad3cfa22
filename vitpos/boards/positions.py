"""Snapshots of a position embedding as TensorBoard shows them: pictures, and points in a space.

The projector reads vectors and their labels from files beside the events of a run:
https://www.tensorflow.org/tensorboard/tensorboard_projector_plugin
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from vitpos.snapshots import Snapshot

CONFIG = "projector_config.pbtxt"
ACROSS = 8  # maps of heads in a row


def is_table(name: str) -> bool:
    """Whether a view of this name is a table [cells, dim], not maps."""
    return name.rpartition("/")[0].endswith("table")


def drawn(snapshot: Snapshot) -> dict[str, UInt8[np.ndarray, "height width 3"]]:
    """Tables as mosaics of similarities, maps as heat maps, by tag."""
    import torch  # the board itself does without it

    from vitpos import pictures

    found = {}
    for name, view in snapshot.views.items():
        values = torch.from_numpy(view)
        if is_table(name):
            found[f"position/{name}"] = pictures.similarity(values, snapshot.grids[name])
        else:
            across = min(ACROSS, len(values))
            found[f"position/{name}"] = pictures.mosaic(values, across, signed=True)
    return found


def project(snapshot: Snapshot, place: Path) -> None:
    """Write each table as points for the projector, labelled by row and column.

    For folders of the board's own: nothing here outlives a power cut.
    """
    config = ProjectorConfig()
    for number, (name, lines, labels) in enumerate(points(snapshot)):
        tensors, metadata = f"projector-{number}.tsv", f"projector-{number}-labels.tsv"
        (place / tensors).write_text("\n".join(lines) + "\n", "utf-8")
        (place / metadata).write_text("\n".join(labels) + "\n", "utf-8")
        config.embeddings.add(tensor_name=name, tensor_path=tensors, metadata_path=metadata)
    if config.embeddings:
        (place / CONFIG).write_text(str(config), "utf-8")


def points(snapshot: Snapshot) -> Iterator[tuple[str, list[str], list[str]]]:
    """The name of each table, a line of numbers for each cell, and a line of what the cell is."""
    for name, view in snapshot.views.items():
        if is_table(name):
            cols = snapshot.grids[name][1]
            lines = ["\t".join(f"{x:.6g}" for x in vector) for vector in view]
            cells = (divmod(cell, cols) for cell in range(len(view)))
            labels = [f"({row}, {col})\t{row}\t{col}" for row, col in cells]
            yield name, lines, ["cell\trow\tcolumn", *labels]
