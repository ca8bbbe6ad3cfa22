"""What probes found, as TensorBoard shows it: of each probe the numbers that say it in short.

Those are the ones with a plain name, `probe/shuffle/drop` and not `probe/shuffle/grid2/drop`: all
would be hundreds of charts.
"""

from collections.abc import Iterable

from vitpos.probes import results
from vitpos.records import Record


def numbers(run: Record) -> dict[str, float]:
    """The short numbers of a run; none if it was not probed."""
    if run.status != "finished":
        return {}
    told = results.numbers(run.path, run.summary.get("steps"))
    return {name: value for name, value in told.items() if name.count("/") == 2}


def columns(runs: Iterable[Record]) -> dict[str, str]:
    """The numbers that any of these runs has, each with its title in a table."""
    found = dict.fromkeys(name for run in runs for name in numbers(run))
    return {name: name.removeprefix("probe/").replace("_", " ") for name in found}
