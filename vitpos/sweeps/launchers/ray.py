"""Members as tasks of a Ray cluster; without one, of a Ray that is started here.

A task is `far.run`, which runs the member's process on a node with the resources that were asked
for. Ray retries nothing: what a node takes along when it dies is handed out again by the sweep, to
another node.

Ray listens on all addresses of a machine, and who may talk to it runs programs there. New versions
ask for a token, older ones for nothing: keep its ports off the internet.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when it is imported
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
import ray
from ray import exceptions

from vitpos.errors import BadInput
from vitpos.records import Record
from vitpos.runs import place
from vitpos.schema import Ray
from vitpos.sweeps.launchers import distant, far
from vitpos.sweeps.plan import Plan

COUNT = 5.0  # seconds between two looks at the nodes


class Tasks:
    """Ray's own queue."""

    def __init__(self, cpus: float, gpus: float, most: int) -> None:
        self.cpus, self.gpus, self.most = cpus, gpus, most
        self.task = ray.remote(max_calls=1, max_retries=0)(far.run)
        self.said: dict[Any, str] = {}
        self.fits, self.counted = 0, float("-inf")

    def submit(self, name: str, folder: Path, call: Sequence[Any]) -> Any:
        """A reference to what it will return."""
        task = self.task.options(name=name, num_cpus=self.cpus, num_gpus=self.gpus)
        return task.remote(*call)

    def fate(self, ticket: Any, *, now: bool) -> str | None:
        """As Ray says."""
        if not ray.wait([ticket], timeout=0)[0]:
            return None
        try:
            ray.get(ticket)
        except exceptions.TaskCancelledError:
            return distant.CANCELLED
        except exceptions.OutOfMemoryError:
            return distant.MEMORY
        except exceptions.RayTaskError as error:
            self.said[ticket] = f"{type(error.cause).__name__}: {error.cause}"
        except exceptions.RayError as error:
            return type(error).__name__
        return distant.ENDED

    def cancel(self, ticket: Any, *, kill: bool) -> None:
        """A task that waits, or with `kill` also one that runs."""
        ray.cancel(ticket, force=kill)

    def complaint(self, ticket: Any, folder: Path) -> str:
        """The error that the task raised."""
        return self.said.get(ticket, "")

    def room(self) -> int:
        """How many members fit on the nodes that are there now."""
        if self.most:
            return self.most
        if time.monotonic() - self.counted >= COUNT:
            self.counted = time.monotonic()
            self.fits = sum(self.share(node["Resources"]) for node in ray.nodes() if node["Alive"])
        return self.fits

    def share(self, resources: dict[str, float]) -> int:
        """How many fit on one node."""
        found = resources.get("CPU", 0) // self.cpus
        if self.gpus:
            found = min(found, resources.get("GPU", 0) // self.gpus)
        return int(found)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        ray.shutdown()


def launch(
    options: Ray, plan: Plan, there: Sequence[Record], note: Callable[[str], None]
) -> distant.Distantly:
    """Join the cluster, or start one; raises `BadInput` if there is none, or it is too small."""
    distant.tidy(place(plan.members[0].run).expanduser().absolute().parent / distant.JOBS)
    threads = distant.threads(options, plan, there, note)
    join(options)
    gpus = options.gpus
    if gpus is None:
        gpus = 1 if any(node["Resources"].get("GPU") for node in ray.nodes()) else 0
    queue = Tasks(options.cpus, gpus / options.slots_per_device, options.max_jobs)
    if queue.room() < 1:
        ray.shutdown()
        wanted = f"{options.cpus} CPUs and {queue.gpus:g} GPUs"
        raise BadInput(f"no node of the Ray cluster has {wanted}", "launcher.cpus, launcher.gpus")
    distant.warn(plan, note)
    return distant.Distantly(queue, options, threads, queue.room, {})


def join(options: Ray) -> None:
    """Connect to Ray, and keep our own signals."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    usual: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    own: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        if options.address is None:
            ray.init(**usual, **own)
        else:
            ray.init(address=options.address, **usual)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        said = (str(error).splitlines() or [""])[0]
        hint = "`ray start --head` starts one; launcher.address=null does for this sweep only"
        raise BadInput(f"launcher.address = {options.address}: {said}", hint) from error
    finally:
        for number, handler in kept.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
