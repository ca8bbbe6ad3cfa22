"""Members as processes of this machine: a slot for each that runs at a time.

On the CPU slots times threads is never more than there are cores, and cores that can have a member
each do not share one: single threads do not wait for one another. All members have as many threads,
because sums of other threads have other bits; that many are chosen when a plan starts, and kept
when it goes on. Nor are there more slots than fit into the memory that is free, at a guess of
`MEMBER_BYTES` for each: PyTorch itself, a small network and its data.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vitpos import machine
from vitpos.errors import BadInput, NoResources
from vitpos.records import Record, part
from vitpos.runs import now, place
from vitpos.schema import Local, Run
from vitpos.sweeps.launchers.base import Job, Task
from vitpos.sweeps.launchers.lasting import Lasting
from vitpos.sweeps.launchers.nursery import Nursery
from vitpos.sweeps.member import PARENT
from vitpos.sweeps.plan import Plan

MEMBER_BYTES = 2**30
MASK = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Process:
    """A member that runs here."""

    child: "subprocess.Popen[bytes]"

    def waits(self) -> bool:
        """It has begun."""
        return False

    def poll(self) -> int | None:
        """Its exit code."""
        return self.child.poll()

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.child.send_signal(number)


@dataclass(frozen=True)
class Fork:
    """A member that runs here, forked from a process that has imported what it needs."""

    nursery: Nursery
    process: int

    def waits(self) -> bool:
        """It has begun."""
        return False

    def poll(self) -> int | None:
        """Its exit code."""
        return self.nursery.poll(self.process)

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.nursery.send(self.process, number)


@dataclass(frozen=True)
class Slots:
    """As many processes at a time as there are slots."""

    masks: Sequence[str | None]  # of each slot: the GPUs that its member sees, None: all
    threads: int
    nursery: Nursery | None = None
    lasting: Sequence[Lasting] = ()  # of each slot, if members follow one another in one process

    @property
    def slots(self) -> int:
        """How many."""
        return len(self.masks)

    def start(self, task: Task, slot: int) -> Job:
        """Its group is its own, so that Ctrl-C reaches it once, through the sweep."""
        task = replace(task, threads=task.threads or self.threads)
        mask = self.masks[slot]
        place = os.environ | {PARENT: str(os.getpid())} | ({} if mask is None else {MASK: mask})
        with task.log.open("ab", buffering=0) as log:
            with suppress(OSError):  # a full disk: the member will say so
                log.write(f"--- {now()}\n".encode())
            forked = self.nursery and self.nursery.start(task.arguments(), place, task.log)
            if self.nursery and forked:
                return Fork(self.nursery, forked)
            try:
                if self.lasting:
                    return self.lasting[slot].start(task.arguments(), place, task.log)
                child = subprocess.Popen(
                    task.words(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=place,
                    process_group=0,
                )
            except OSError as error:
                raise NoResources(f"cannot start a process: {error.strerror}") from error
        return Process(child)

    def close(self) -> None:
        """Let go of the processes that members come from."""
        for its in (self.nursery, *self.lasting):
            if its is not None:
                its.close()


def launch(
    options: Local, plan: Plan, there: Sequence[Record], note: Callable[[str], None]
) -> Slots:
    """Choose devices, slots and threads; raises `BadInput` if they cannot be had."""
    runs = list({member.arm.name: member.run for member in plan.members}.values())
    once, compiled = options.import_once, any(map(compiles, runs))
    nursery = Nursery() if once and not compiled and sys.platform == "linux" else None
    masks = devices(options, runs)
    if masks:
        slots, threads = max(1, options.slots_per_device), 0
        masks = [mask for mask in masks for _ in range(slots)]
        threads = max(1, machine.cores() // len(masks))
        wanted = max(run.threads or machine.useful_threads(run) for run in runs)
        lasting = [Lasting() for _ in masks if once and compiled]
        return fitting(Slots(masks, min(threads, wanted), nursery, lasting), note)
    at_once = options.slots_per_device or len(plan.members)
    folders = {place(member.run).expanduser().absolute().parent for member in plan.members}
    there = [run for run in there if run.path.absolute().parent in folders]  # others ran alone
    usual, said = usual_threads(runs, there, at_once), any(run.threads for run in runs)
    slots = shared(options.slots_per_device, usual, said=said)
    threads = usual if said else min(usual, machine.cores() // slots)
    if threads < usual and there:
        note(f"{threads} threads and not {usual} as before: other bits than runs that are there")
    lasting = [Lasting() for _ in range(slots) if once and compiled]
    return fitting(Slots([None] * slots, threads, nursery, lasting), note)


def compiles(run: Run) -> bool:
    """Whether there will be something that the next member can use."""
    on_gpu = machine.find_device(run.device).type == "cuda"
    return run.compile == "on" or (run.compile == "auto" and on_gpu)


def devices(options: Local, runs: Sequence[Run]) -> list[str | None]:
    """What a process on each GPU sees, as `CUDA_VISIBLE_DEVICES` has it; none for the CPU."""
    kinds = {machine.find_device(run.device).type for run in runs}
    if kinds != {"cuda"}:
        if options.devices is not None:
            raise BadInput("launcher.devices: the runs are not on GPUs", "launcher.devices=null")
        return [None] if kinds & {"cuda", "mps"} else []
    if any(":" in run.device for run in runs):
        return [None]  # each says itself where it goes
    import torch

    count = torch.cuda.device_count()
    visible = [name.strip() for name in os.environ.get(MASK, "").split(",") if name.strip()]
    names = visible or [str(number) for number in range(count)]
    chosen = list(range(count)) if options.devices is None else options.devices
    for number in chosen:
        if number >= count:
            raise BadInput(f"launcher.devices: there is no GPU {number}", f"0 to {count - 1}")
    return [names[number] for number in chosen]


def usual_threads(runs: Sequence[Run], there: Sequence[Record], at_once: int) -> int:
    """Of every member: as was said, else as the runs have that are there, else as are useful.

    No more are useful than there are cores for each of the members that run `at_once`.
    """
    if any(run.threads for run in runs):
        return max(run.threads for run in runs)
    had = {part(run.record, "machine").get("threads") for run in there}
    known = had.pop() if len(had) == 1 else None
    if isinstance(known, int) and 0 < known <= machine.cores():
        return known
    share = max(1, machine.cores() // at_once)
    return min(share, max(machine.useful_threads(run) for run in runs))


def shared(slots: int, threads: int, *, said: bool) -> int:
    """How many slots the cores have for members of so many threads."""
    cores = machine.cores()
    most = max(1, cores // threads) if said else cores
    if slots > most:
        each = f" of {threads} threads" if said else ""
        message = f"launcher.slots_per_device = {slots}: {cores} cores have room for {most}{each}"
        raise BadInput(message, f"launcher.slots_per_device={most}")
    return slots or max(1, cores // threads)


def fitting(slots: Slots, note: Callable[[str], None]) -> Slots:
    """No more of them than fit into the memory."""
    free = free_memory()
    fit = len(slots.masks) if free is None else max(1, free // MEMBER_BYTES)
    if fit >= len(slots.masks):
        return slots
    note(f"{fit} of {len(slots.masks)} slots: {(free or 0) / 2**30:.1f} GiB of memory are free")
    return replace(slots, masks=slots.masks[:fit])


def free_memory() -> int | None:
    """Bytes that new processes may have, of the machine and of the container; None: not known."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        [line] = [line for line in lines if line.startswith("MemAvailable:")]
        found.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / f"memory.{what}").read_text() for what in ("max", "current"))
        files = re.search(r"^inactive_file (\d+)$", (group / "memory.stat").read_text(), re.M)
        found.append(int(limit) - int(used) + int(files[1] if files else 0))  # can be dropped
    return min(found, default=None)
