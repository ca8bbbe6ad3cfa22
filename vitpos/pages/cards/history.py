"""What a table was like on the way, where the run kept it.

`positions/step000123.safetensors` in the folder of a run holds what its strategies showed after so
many steps, each by the name of the view and of the layer: `table/layer0`.
"""

import re
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from vitpos import records
from vitpos.errors import BadRun
from vitpos.pages.coded import signed
from vitpos.pages.opened import Opened

FOLDER, FILE = "positions", re.compile(r"step(\d+)\.safetensors")


def history(one: Opened, name: str) -> list[dict[str, Any]]:
    """The values at every step that was kept, in order; what is damaged is passed over."""
    epochs = {row.get("step"): row.get("epoch") for row in curve(one)}
    found = []
    for path in sorted((one.record.path / FOLDER).glob("step*.safetensors")):
        match = FILE.fullmatch(path.name)
        try:
            values = load_file(path).get(name) if match else None
        except (SafetensorError, OSError, ValueError):
            values = None
        if match and values is not None and values.ndim == 2:
            step = int(match[1])
            epoch = 0 if not step else epochs.get(step)
            found.append({"step": step, "epoch": epoch, "values": signed(values)})
    return sorted(found, key=lambda one: one["step"])


def curve(one: Opened) -> list[dict[str, Any]]:
    """A line per epoch, if they can be read."""
    try:
        return records.rows(one.record.path)
    except BadRun:
        return []
