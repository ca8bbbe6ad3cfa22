"""What a table was like on the way, where the run kept it: see `vitpos.snapshots`."""

from typing import Any

from vitpos.pages.coded import signed
from vitpos.pages.opened import Opened


def history(one: Opened, name: str) -> list[dict[str, Any]]:
    """The values of a view, `table/layer0`, at every step that was kept, in order."""
    return [
        {"step": kept.step, "epoch": kept.epoch, "values": signed(kept.views[name])}
        for kept in one.snapshots
        if name in kept.views
    ]
