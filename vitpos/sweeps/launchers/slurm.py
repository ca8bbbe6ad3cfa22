"""Members as jobs of Slurm, through submitit; without Slurm, as its processes on this machine.

submitit writes the batch script; what it hands over is the name of `far.run` and words. How a job
ended is read from the files of `far`, so that accounting (sacct) need not be there; squeue is asked
now and then for jobs that vanished. Slurm itself requeues nothing: one job is one attempt, and the
sweep submits the next.
"""

import logging
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import submitit
from submitit.helpers import clean_env

from vitpos import machine
from vitpos.errors import BadInput, NoResources
from vitpos.records import Record
from vitpos.runs import place
from vitpos.schema import Slurm
from vitpos.sweeps import frozen
from vitpos.sweeps.launchers import distant, far
from vitpos.sweeps.plan import Plan

ASK = 30.0  # seconds between two calls of squeue
ASK_NOW = 3.0  # the same while somebody waits for the answer
PATIENCE = 60  # seconds that a command of Slurm may take
GOING_ON = {
    "PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD",
    "REQUEUE_FED", "SPECIAL_EXIT", "STAGE_OUT", "SIGNALING", "STOPPED", "RESIZING",
}  # fmt: skip
NEVER = {  # reasons to wait that waiting does not mend
    "AssocMaxWallDurationPerJobLimit", "BadConstraints", "InvalidAccount", "InvalidQOS",
    "PartitionDown", "PartitionInactive", "PartitionNodeLimit", "PartitionTimeLimit",
    "QOSMaxWallDurationPerJobLimit",
}  # fmt: skip


class Jobs:
    """A queue of Slurm."""

    def __init__(self, options: Slurm) -> None:
        self.options = options
        self.submitted = False
        self.states: dict[str, tuple[str, str]] = {}  # and why it waits
        self.asked = float("-inf")

    def submit(self, name: str, folder: Path, call: Sequence[Any]) -> str:
        """Its number."""
        with surroundings():
            try:
                job = executor(self.options, "slurm", name, folder).submit(far.run, *call)
            except (submitit.core.utils.FailedJobError, RuntimeError, OSError) as error:
                raise refused(error, known=self.submitted) from error
        self.submitted = True
        self.states[job.job_id] = ("PENDING", "")
        return str(job.job_id)

    def fate(self, ticket: Any, *, now: bool) -> str | None:
        """As squeue says, which forgets jobs some minutes after their end.

        Raises `BadInput` if it would wait forever.
        """
        self.look(ASK_NOW if now else ASK)
        state, reason = self.states.get(ticket, (distant.ENDED, ""))
        if state == "PENDING" and reason in NEVER:
            hint = "launcher.timeout_minutes, .partition, .constraint ..."
            raise BadInput(f"Slurm will never start job {ticket}: {reason}", hint)
        if state in GOING_ON:
            return None
        return distant.ENDED if state in ("COMPLETED", "FAILED") else state

    def look(self, seconds: float) -> None:
        """Ask squeue, unless it was asked so many seconds ago; if it fails, nothing is new."""
        if time.monotonic() - self.asked >= seconds:
            self.asked = time.monotonic()
            rows = listed()
            if rows is not None:
                self.states = {number: (state, reason) for number, state, reason, _ in rows}

    def cancel(self, ticket: Any, *, kill: bool) -> None:
        """With scancel."""
        command("scancel", *([] if kill else ["--state=PENDING"]), ticket)
        self.asked = float("-inf")

    def complaint(self, ticket: Any, folder: Path) -> str:
        """The last line that the job printed."""
        return last_line(folder)

    def close(self) -> None:
        """Slurm needs no farewell."""


class Processes:
    """submitit's own stand-in for a cluster: processes of this machine that outlive the sweep."""

    def __init__(self, options: Slurm) -> None:
        self.options = options

    def submit(self, name: str, folder: Path, call: Sequence[Any]) -> Any:
        """The job, as submitit knows it."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep alone
        try:
            with surroundings():
                return executor(self.options, "local", name, folder).submit(far.run, *call)
        finally:
            signal.signal(signal.SIGINT, before)

    def fate(self, ticket: Any, *, now: bool) -> str | None:
        """Over, or not."""
        return distant.ENDED if ticket.done() else None

    def cancel(self, ticket: Any, *, kill: bool) -> None:
        """The far end does it: it is there at once."""

    def complaint(self, ticket: Any, folder: Path) -> str:
        """The last line that the job printed."""
        return last_line(folder)

    def close(self) -> None:
        """They go on by themselves."""


def launch(
    options: Slurm, plan: Plan, there: Sequence[Record], note: Callable[[str], None]
) -> distant.Distantly:
    """Find the cluster, and jobs of an earlier sweep that are in its queue still."""
    logging.getLogger("submitit").setLevel(logging.CRITICAL)
    check(options)
    cluster = options.cluster
    if cluster == "auto":
        cluster = "slurm" if shutil.which("srun") else "local"
    if cluster == "slurm" and not shutil.which("sbatch"):
        raise BadInput(
            "launcher.cluster = slurm: there is no sbatch here", "launcher.cluster=local"
        )
    folder = place(plan.members[0].run).expanduser().absolute().parent / distant.JOBS
    distant.tidy(folder)
    threads = distant.threads(options, plan, there, note)
    if cluster == "local":
        most = min(options.max_jobs, max(1, machine.cores() // options.cpus))
        return distant.Distantly(Processes(options), options, threads, lambda: most, {})
    distant.warn(plan, note)
    found = standing(frozen.digest(plan)[:12], folder)
    if found:
        note(f"{len(found)} of its jobs are in the queue from before")
    return distant.Distantly(Jobs(options), options, threads, lambda: options.max_jobs, found)


def check(options: Slurm) -> None:
    """Refuse what would become a line of its own in the batch script."""
    for name in ("partition", "account", "qos", "constraint"):
        text = getattr(options, name)
        if text is not None and not (text and text.isprintable()):
            raise BadInput(f"launcher.{name} = {text!r}: must be one printable word")
    if options.signal_seconds >= 60 * options.timeout_minutes:
        limit = f"launcher.timeout_minutes = {options.timeout_minutes}"
        raise BadInput(f"launcher.signal_seconds = {options.signal_seconds}: not within {limit}")


def executor(options: Slurm, cluster: str, name: str, folder: Path) -> Any:
    """What submits one job."""
    found = submitit.AutoExecutor(str(folder), cluster=cluster)
    found.update_parameters(**parameters(options, name))
    return found


def parameters(options: Slurm, name: str) -> Mapping[str, Any]:
    """What is asked of the cluster, in submitit's words."""
    return {
        "name": name,
        "timeout_min": options.timeout_minutes,
        "nodes": 1,
        "tasks_per_node": 1,
        "cpus_per_task": options.cpus,
        "gpus_per_node": options.gpus or None,
        "mem_gb": options.memory_gb,
        "stderr_to_stdout": True,
        "local_setup": options.setup,
        "slurm_partition": options.partition,
        "slurm_account": options.account,
        "slurm_qos": options.qos,
        "slurm_constraint": options.constraint,
        "slurm_setup": options.setup,
        "slurm_signal_delay_s": options.signal_seconds,
        "slurm_additional_parameters": {"no-requeue": True},
    }


@contextmanager
def surroundings() -> Iterator[None]:
    """The environment of a job: this package is found, and a job around this one forgotten."""
    kept = {name: os.environ[name] for name in ("SLURM_CONF", "PYTHONPATH") if name in os.environ}
    with clean_env():
        os.environ |= kept | {"PYTHONPATH": distant.search_path()}
        try:
            yield
        finally:
            os.environ.pop("PYTHONPATH")
            os.environ |= kept


def refused(error: Exception, *, known: bool) -> Exception:
    """What sbatch said, in a line."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason given"]
    text = f"Slurm refuses the job: {said[-1].removeprefix('sbatch: error: ')}"
    return NoResources(text) if known else BadInput(text, "launcher.partition, .account, .gpus ...")


def listed() -> list[tuple[str, ...]] | None:
    """Number, state, reason and name of my jobs, also if they are just over; None if not known."""
    said = command("squeue", "--me", "--states=all", "--noheader", "--format=%i|%T|%r|%j")
    if said is None:
        return None
    rows = [tuple(line.strip().split("|", 3)) for line in said.splitlines()]
    return [row for row in rows if len(row) == 4]


def standing(stem: str, folder: Path) -> dict[int, tuple[str, Path]]:
    """Jobs of a plan that wait in the queue, by the number of their member."""
    found = {}
    for ticket, state, _, name in listed() or ():
        told = re.fullmatch(rf"vitpos-({stem}-(\d+)-[0-9a-f]{{8}})", name)
        if told and state == "PENDING" and (folder / told[1] / far.STATE).is_file():
            found[int(told[2])] = (ticket, folder / told[1])
    return found


def command(*words: str) -> str | None:
    """What a command of Slurm prints; None if it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def last_line(folder: Path) -> str:
    """Of what a job printed, as one printable line."""
    texts = [path.read_text("utf-8", "replace") for path in sorted(folder.glob("*_log.out"))]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    return "".join(c if c.isprintable() else " " for c in lines[-1])[:300] if lines else ""
