"""The launcher that Hydra finds in the namespace of its plugins: it hands jobs over to our sweep.

Whoever generates jobs, Hydra's own sweeper or one that searches, has them run as the members of any
sweep: each a process of its own in a slot, known by its identity, never computed twice.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Lost(JobReturn):
    """What a job returns that has no result: whoever asks for it gets the reason."""

    @property
    def return_value(self) -> Any:
        """Nothing but the reason, raised."""
        raise self._return_value

    @return_value.setter
    def return_value(self, value: Any) -> None:
        self._return_value = value


class VitposLauncher(Launcher):
    """`hydra/launcher=vitpos`, which is what a sweeper uses unless told otherwise."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what runs the jobs."""
        self.task: Any = task_function

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run a batch; the value of each job."""
        results = self.task.together(job_overrides)
        return [
            returned(overrides, result)
            for overrides, result in zip(job_overrides, results, strict=True)
        ]


def returned(overrides: Sequence[str], result: float | Exception) -> JobReturn:
    """A result as Hydra passes it to the sweeper."""
    if isinstance(result, Exception):
        found: JobReturn = Lost(overrides=overrides, status=JobStatus.FAILED)
    else:
        found = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
    found.return_value = result
    return found
