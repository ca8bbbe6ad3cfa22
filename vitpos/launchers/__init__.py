"""Where the members of a sweep run."""

from collections.abc import Callable, Sequence

from vitpos.errors import BadInput
from vitpos.launchers.base import Launcher
from vitpos.plan import Plan
from vitpos.records import Record
from vitpos.schema import Launching, Local


def launch(
    options: Launching, plan: Plan, there: Sequence[Record], note: Callable[[str], None]
) -> Launcher:
    """The launcher of this kind, made ready for a plan of which some runs are `there`."""
    if isinstance(options, Local):
        from vitpos.launchers import local

        return local.launch(options, plan, there, note)
    raise BadInput(f"launcher.kind = {options.kind}: there is no such launcher")
