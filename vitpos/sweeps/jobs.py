"""What a sweeper of Hydra's asks for, as members of plans: a job is an arm with its seeds."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

from vitpos import overrides, plugins
from vitpos.durable import disk_errors, make_folder
from vitpos.errors import BadInput, Locked, Problem, Unfinished
from vitpos.received import unlinked
from vitpos.runs import place
from vitpos.sweeps import frozen, grids, progress, stock
from vitpos.sweeps.labels import Axis, arm_name
from vitpos.sweeps.launchers.base import Task
from vitpos.sweeps.plan import Member, Plan, plan
from vitpos.sweeps.studies import Arm, Design, Study

AGAIN = 1.0  # seconds until a member that another process has is asked for again


@dataclass(frozen=True)
class Job:
    """The overrides of one job, typed, and the seeds with which it is tried."""

    arm: Arm
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Jobs:
    """What all jobs of a multirun have in common. It is sent to other processes as it is."""

    study: str
    design: Design  # `seeds` is how many each job has
    common: Mapping[str, Any]  # overrides that Hydra is not told
    swept: tuple[str, ...]  # keys that differ from job to job
    seeds: tuple[int, ...] | None  # of every job; None: `seed` is a key like others
    trusted: tuple[str, ...]

    def job(self, words: Sequence[str]) -> Job:
        """One job from Hydra's words; raises `BadInput`."""
        problems: list[Problem] = []
        options = dict(self.common)
        for word in words:
            found = grids.values(word, problems)
            if found is not None:
                options[found[0]] = found[1][0]
        if problems:
            raise BadInput.all_of(problems)
        seed = options.pop("seed", 0)
        order = [Axis(key, ()) for key in self.swept if key != "seed"]
        name = arm_name(order, [options[axis.key] for axis in order], options)
        spelled = {key: overrides.spelled(item) for key, item in options.items()}
        return Job(Arm(name, spelled, None), self.seeds or (seed,))

    def plan(self, arms: Sequence[Arm], seeds: Sequence[int]) -> Plan:
        """Some arms, each with the same seeds."""
        design = replace(self.design, seeds=len(seeds))
        return plan(Study(self.study, design, tuple(arms), {}, (), tuple(seeds)), {})

    def value(self, members: Sequence[Member]) -> float:
        """The mean of the metric over the seeds; raises `Unfinished` if one has no result."""
        found = []
        for member in members:
            run = progress.near(member) or progress.begun(member)
            value = stock.value(member, run) if run else None
            if value is None:
                why = stock.state(member, run).detail or "it has no result"
                raise Unfinished(f"{member.title}: {why}")
            found.append(value)
        return sum(found) / len(found)

    def __call__(self, _config: Any) -> float:
        """One job, in whichever process a launcher of others started it."""
        from vitpos.sweeps.multirun import words_of_this_job

        plugins.trust(self.trusted)
        job = self.job(words_of_this_job())
        made = self.plan([job.arm], job.seeds)
        path = frozen.freeze(made)
        for number, member in enumerate(made.members):
            bring_to_its_end(path, number, member)
        return self.value(made.members)


def bring_to_its_end(path: Path, number: int, member: Member) -> None:
    """Run a member in a process of its own, or wait for the one that has it."""
    where = place(member.run).expanduser().absolute()
    log = where.parent / "logs" / f"{where.name}.log"
    unlinked(log.parent, log)
    with disk_errors(log):
        make_folder(log.parent)
    words = Task(path, number, log, 0, None).words()
    while True:
        with log.open("ab") as file:
            done = subprocess.run(words, stdout=file, stderr=file, check=False)
        if done.returncode != Locked.code:
            break
        time.sleep(AGAIN)
    if done.returncode:
        raise Unfinished(f"{member.title}: exit code {done.returncode}; see {log}")


class Batches:
    """Jobs that are run by our own sweep, as many at a time as the sweeper hands over."""

    def __init__(self, jobs: Jobs, go: Callable[[Plan], None], *, searching: bool) -> None:
        self.jobs, self.go, self.searching = jobs, go, searching
        self.total, self.lost = 0, list[str]()  # jobs, and what is wrong with those without result

    def together(self, batch: Sequence[Sequence[str]]) -> list[float | Exception]:
        """The value of each job; what was wrong instead, or NaN for a sweeper that would stop."""
        made: list[Job | BadInput] = [self.checked(words) for words in batch]
        plans = self.plans([job for job in made if isinstance(job, Job)])
        for one in plans:
            with suppress(Unfinished):  # which members have no result is seen below
                self.go(one)
        results = [self.result(job, plans) for job in made]
        wrong = [item for item in results if isinstance(item, Exception)]
        self.total += len(batch)
        self.lost += [str(error) for error in wrong]
        return results if self.searching else [nan if item in wrong else item for item in results]

    def checked(self, words: Sequence[str]) -> Job | BadInput:
        """A job whose run can be composed, or what is wrong with it."""
        try:
            job = self.jobs.job(words)
            self.jobs.plan([job.arm], job.seeds)
        except BadInput as error:
            return error
        return job

    def plans(self, jobs: Sequence[Job]) -> list[Plan]:
        """Few plans that together have all jobs, each once: arms with the same seeds share one."""
        arms: dict[str, Arm] = {}
        seeds: dict[str, set[int]] = {}
        for job in jobs:
            key = str(job.arm.overrides)
            arms.setdefault(key, job.arm)
            seeds.setdefault(key, set()).update(job.seeds)
        groups: dict[tuple[int, ...], list[Arm]] = {}
        for key, arm in arms.items():
            groups.setdefault(tuple(sorted(seeds[key])), []).append(arm)
        return [self.jobs.plan(several, own) for own, several in groups.items()]

    def result(self, job: Job | BadInput, plans: Sequence[Plan]) -> float | Exception:
        """The value of a job, or why it has none."""
        if isinstance(job, BadInput):
            return job
        members = [
            member
            for plan in plans
            for member in plan.members
            if member.seed in job.seeds and member.arm.name == job.arm.name
        ]
        try:
            return self.jobs.value(members)
        except Unfinished as error:
            return error
