"""Where the members of a sweep run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vitpos.errors import BadInput
from vitpos.records import Record
from vitpos.schema import Launching, Local, Ray, Slurm
from vitpos.sweeps.launchers.base import Launcher
from vitpos.sweeps.plan import Plan


def launch(
    options: Launching, plan: Plan, there: Sequence[Record], note: Callable[[str], None]
) -> Launcher:
    """The launcher of this kind, made ready for a plan of which some runs are `there`."""
    if isinstance(options, Local):
        from vitpos.sweeps.launchers import local

        return local.launch(options, plan, there, note)
    if isinstance(options, Slurm):
        with extra("slurm", "submitit"):
            from vitpos.sweeps.launchers import slurm
        return slurm.launch(options, plan, there, note)
    if isinstance(options, Ray):
        with extra("ray", "ray"):
            from vitpos.sweeps.launchers import ray
        return ray.launch(options, plan, there, note)
    raise BadInput(f"launcher.kind = {options.kind}: there is no such launcher")


@contextmanager
def extra(kind: str, package: str) -> Iterator[None]:
    """Say what is to be installed, if it is not."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        message = f"launcher={kind} needs the package {package}, which is not installed"
        raise BadInput(message, f"pip install 'vitpos[{kind}]'") from error
